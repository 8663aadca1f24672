"""The script that Streamlit runs, in a folder of its own: beside it a folder ``pages`` would be taken for more."""
