"""Small charts beside alerts: what a rule measured over the last hours, drawn in a thread of their own."""
