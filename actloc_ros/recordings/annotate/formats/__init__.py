"""Write annotations in formats that other tools read: a module a format."""
