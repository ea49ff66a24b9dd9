"""Who we tell."""
