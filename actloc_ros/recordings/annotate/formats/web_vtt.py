"""Write WebVTT chapters: a cue for each action, which players show and jump to."""

from __future__ import annotations

from pathlib import Path

from actloc_ros.files import write_whole
from actloc_ros.recordings.annotate.annotation import RecordingAnnotation
from actloc_ros.recordings.annotate.formats.text import one_line
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written
from actloc_ros.recordings.web_vtt import cue_text, cue_time

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
        text = cue_text(one_line(f'track {actor.track}: {span.label}'))
        chapters.captions.append(
            webvtt.Caption(cue_time(start), cue_time(end), text, identifier=str(number))
        )
    with write_whole(path) as file:
        file.write_text(chapters.content, 'utf-8')
    return Written((path,), (NO_PLACE,))
