"""Where actors are: zones and lines."""
