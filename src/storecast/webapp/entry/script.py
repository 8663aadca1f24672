"""What Streamlit runs for every session, again at every click."""

from storecast.webapp.app import main

if __name__ == "__main__":
    main()
