"""Measure this package: what it costs (`speed`) and how well it does (`results`)."""
