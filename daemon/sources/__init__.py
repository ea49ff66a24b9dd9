"""Where the market is listened to."""
