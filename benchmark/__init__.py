"""Measure this package: its cost (`speed`), its results, and how it lasts (`soak`)."""
