"""Annotate recordings by a model, in formats that people correct with tools of their own."""
