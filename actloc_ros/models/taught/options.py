"""Name the parameter by which a user asks for taught actions."""

TAUGHT = 'taught'
"""In `LocalizerOptions.extra`: a file of `actloc teach`; empty for none."""
