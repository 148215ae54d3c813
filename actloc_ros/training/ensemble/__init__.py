"""Learn how far to trust each member of an ensemble."""
