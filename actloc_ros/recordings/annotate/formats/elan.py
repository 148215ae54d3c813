"""Write ELAN's .eaf: a tier for each actor, and another for what it does at the same time.

ELAN cannot hold overlaps on one tier, and its library does not refuse them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from actloc_ros.files import write_whole
from actloc_ros.io.media import relative
from actloc_ros.recordings.annotate.annotation import RecordingAnnotation, Span
from actloc_ros.recordings.annotate.formats.text import distinct, one_line
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written

MILLISECOND = 1_000_000  # ns
TYPE, VOCABULARY = 'action', 'actions'
LANGUAGE = 'und'
MIMES = {'.mp4': 'video/mp4', '.m4v': 'video/mp4', '.mpg': 'video/mpeg', '.mpeg': 'video/mpeg'}
OTHER_MIME = 'unknown'
NO_PLACE = 'ELAN says when, not where: boxes are left out'
NO_VIDEO = 'ELAN plays no folder of images: link a video of it by Edit, Linked files'


def write_elan(annotation: RecordingAnnotation, path: Path, options: WriteOptions) -> Written:
    """Write the tiers; the actions are a controlled vocabulary, to choose from.

    Raises:
        AnnotateError: Two labels would have one name.
        ModuleNotFoundError: The library is not installed.
        OutputError: The file cannot be written.
    """
    from pympi import Eaf

    names = distinct(annotation.labels, 'ELAN')
    document = Eaf(author='actloc')
    document.remove_tier('default')
    _add_vocabulary(document, names.values())
    notes = [NO_PLACE]
    if annotation.images:
        notes.append(NO_VIDEO)
    else:
        _link(document, annotation.media, path)
    for actor in annotation.actors:
        for number, lane in enumerate(lanes(annotation, actor.spans), 1):
            tier = f'actor {actor.track}' + (f' ({number})' if number > 1 else '')
            document.add_tier(tier, TYPE, part=f'actor {actor.track}')
            for start, end, span in lane:
                document.add_annotation(tier, start, end, names[span.label])
    with write_whole(path) as file:
        document.to_file(str(file))
    return Written((path,), tuple(notes))


def lanes(
    annotation: RecordingAnnotation, spans: Iterable[Span]
) -> list[list[tuple[int, int, Span]]]:
    """Return spans with their times in ms, in as few lists without overlaps as there can be.

    An actor without any has one empty list.
    """
    found: list[list[tuple[int, int, Span]]] = [[]]
    for span in sorted(spans, key=lambda each: (each.first, each.last)):
        start = annotation.start(span) // MILLISECOND
        end = max(start + 1, annotation.end(span) // MILLISECOND)
        free = next((lane for lane in found if not lane or lane[-1][1] <= start), None)
        if free is None:
            free = []
            found.append(free)
        free.append((start, end, span))
    return found


def _add_vocabulary(document: Any, names: Iterable[str]) -> None:
    document.add_language(LANGUAGE)
    document.add_controlled_vocabulary(VOCABULARY)
    document.add_cv_description(VOCABULARY, LANGUAGE)
    for number, name in enumerate(names):
        document.add_cv_entry(VOCABULARY, f'cve{number}', [(name, LANGUAGE, None)])
    document.add_linguistic_type(TYPE)
    document.linguistic_types[TYPE]['CONTROLLED_VOCABULARY_REF'] = VOCABULARY


def _link(document: Any, media: Path, path: Path) -> None:
    """Name the video by its whole path, and relative to the file, by which ELAN finds both."""
    document.add_linked_file(
        one_line(f'file://{media.absolute().as_posix()}'),
        one_line(f'./{relative(media.absolute(), path.parent.absolute())}'),
        MIMES.get(media.suffix.lower(), OTHER_MIME),
    )
