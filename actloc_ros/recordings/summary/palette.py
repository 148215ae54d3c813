"""Give labels colours that differ on white and on dark paper, for most colour-blind people too."""

from __future__ import annotations

# Neighbours differ in lightness too; after the last one, colours repeat.
COLOURS = (
    *('#4c78a8', '#f58518', '#54a24b', '#e45756', '#b279a2', '#72b7b2', '#eeca3b', '#9d755d'),
    *('#ff9da6', '#83bcb6', '#d67195', '#79706e', '#88d27a', '#9ecae9', '#ffbf79', '#b79a20'),
)
INK, FAINT, PAPER, RULE, HEAT = '#1f2933', '#6b7785', '#ffffff', '#e3e7ec', '#1f5fa8'
ALARM = {'alert': '#c8102e', 'detection': '#d97706'}


def label_colour(label: int) -> str:
    """Return the colour of a label by its number, as #rrggbb."""
    return COLOURS[label % len(COLOURS)]


def rgb(colour: str) -> tuple[int, int, int]:
    """Return #rrggbb as whole numbers from 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
