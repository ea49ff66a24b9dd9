"""Every foreign format, one module each, both directions. No sockets, no clock; wire names never leave this room."""
