"""Make one page of an index that needs nothing else: timeline, clips, figures, filters."""
