"""Other services' WebSocket languages, spoken to clients that were written for those services."""
