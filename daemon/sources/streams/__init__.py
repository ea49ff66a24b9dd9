"""Venues that are listened to over a WebSocket."""
