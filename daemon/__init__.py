"""The process: it listens to venues, asks the rules, and tells people."""
