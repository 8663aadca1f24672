"""The one place where real stores are picked."""
