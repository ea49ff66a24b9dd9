"""What can happen on a market, and when we speak of it. Pure: no await, no clock, no I/O, no log."""
