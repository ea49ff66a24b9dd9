"""Questions to venues over REST: budgets, retries advice, breakers."""
