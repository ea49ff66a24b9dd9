"""What the house shows on its port."""
