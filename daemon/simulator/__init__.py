"""The venues in a box: real sockets on loopback, a scenario as the script."""
