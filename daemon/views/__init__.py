"""Tables folded from events. Pure: no clock, no I/O; whoever reads them brings the time."""
