"""Name what a user chooses about taught actions."""

TAUGHT = 'taught'
"""The parameter: a file of `actloc teach`; empty for none."""

TAUGHT_FILE = 'taught.file'
"""The same in `LocalizerOptions.extra`, where names with a dot are no family's own."""
