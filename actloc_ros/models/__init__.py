"""Hold one file an architecture, and what a checkpoint is."""
