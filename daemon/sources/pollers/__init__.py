"""Far ends that are asked every so often."""
