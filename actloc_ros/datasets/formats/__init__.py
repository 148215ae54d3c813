"""Files of others, a format each."""
