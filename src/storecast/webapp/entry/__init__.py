"""The script that Streamlit runs, apart: a folder ``pages`` beside it would be taken for more of them."""
