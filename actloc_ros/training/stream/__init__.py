"""Training of the streaming networks."""
