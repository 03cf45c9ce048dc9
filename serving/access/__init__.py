"""Who asks, what they may see, how often, and the record of it."""
