"""The rules file: its model, its names, its checks."""
