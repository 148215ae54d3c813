"""Sum up an index of recordings: in words and figures, as pictures, and as a reel of highlights."""
