"""Measure the shipped weights and write doc/results.md: one module a part."""
