"""Measure what a step, the node, an export and rendering cost; each module is a program."""
