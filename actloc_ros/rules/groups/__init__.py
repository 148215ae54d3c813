"""Rules over several tracks, and measures."""
