"""Write WebVTT chapters: a cue for each action, which players show and jump to."""

from __future__ import annotations

from pathlib import Path

from actloc_ros.files import write_whole
from actloc_ros.recordings.annotate.annotation import RecordingAnnotation
from actloc_ros.recordings.annotate.formats.text import one_line
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written

MILLISECOND = 1_000_000  # ns
NO_PLACE = 'WebVTT says when, not where: boxes are left out'


def write_webvtt(annotation: RecordingAnnotation, path: Path, options: WriteOptions) -> Written:
    """Write the chapters in the order of time; each is `track N: label`.

    The library does not escape, and takes `-->` in a text for a cue of its own.

    Raises:
        ModuleNotFoundError: The library is not installed.
        OutputError: The file cannot be written.
    """
    import webvtt

    chapters = webvtt.WebVTT()
    for number, (actor, span) in enumerate(annotation.spans(), 1):
        start = annotation.start(span) // MILLISECOND
        end = max(start + 1, annotation.end(span) // MILLISECOND)
        text = cue_text(f'track {actor.track}: {span.label}')
        chapters.captions.append(
            webvtt.Caption(_time(start), _time(end), text, identifier=str(number))
        )
    with write_whole(path) as file:
        file.write_text(chapters.content, 'utf-8')
    return Written((path,), (NO_PLACE,))


def cue_text(text: str) -> str:
    """Return a text as a cue holds it: on one line, with `&`, `<` and `>` as references."""
    escaped = one_line(text).replace('&', '&amp;')
    return escaped.replace('<', '&lt;').replace('>', '&gt;')


def _time(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    return f'{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{rest:03d}'
