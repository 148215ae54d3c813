"""Hours of recordings: an index of who did what, where and when, and the tools over it."""
