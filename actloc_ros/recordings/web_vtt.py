"""What a cue of WebVTT holds: times, and texts that its library writes as they are."""

from __future__ import annotations


def cue_time(milliseconds: int) -> str:
    """Return a time as a cue has it: `01:02:03.456`."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    return f'{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{rest:03d}'


def cue_text(text: str) -> str:
    """Return a text on one line with `&`, `<` and `>` as references, so that it ends nothing."""
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
