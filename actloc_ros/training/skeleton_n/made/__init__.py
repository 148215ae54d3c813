"""Make motions that are hardly captured under free licences."""
