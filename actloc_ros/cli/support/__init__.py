"""Hold what commands are made of, beside their own modules."""
