"""One module a venue: its paths, its requests, its frames."""
