"""Write ActivityNet's JSON: which actions happen when in a video, without where.

Two files, as its evaluation reads them: annotations with `version`, `taxonomy` and `database`, and
predictions with `version`, `external_data` and `results`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from actloc_ros.files import short_name, write_whole
from actloc_ros.frames import seconds
from actloc_ros.recordings.annotate.annotation import (
    AnnotatedActor,
    RecordingAnnotation,
    Span,
)
from actloc_ros.recordings.annotate.formats.text import distinct, one_line
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written

VERSION = 'VERSION 1.3'
ROOT = 0
DIGITS = 3  # of times in s
NO_PLACE = 'ActivityNet says when, not where: boxes are left out'


def write_activitynet(
    annotation: RecordingAnnotation, path: Path, options: WriteOptions
) -> Written:
    """Write the annotations, and beside them `NAME.predictions.json` with scores.

    Raises:
        AnnotateError: Two labels would have one name.
        OutputError: A file cannot be written.
    """
    names = distinct(annotation.labels, 'ActivityNet')
    video = one_line(short_name(annotation.media.name))
    spans = annotation.spans()
    truth = {
        'version': VERSION,
        'taxonomy': _taxonomy(list(names.values())),
        'database': {
            video: {
                'subset': 'training',
                'duration': round(seconds(annotation.duration), DIGITS),
                'resolution': f'{annotation.width}x{annotation.height}',
                'url': '',
                'annotations': [
                    {'label': names[span.label], 'segment': _segment(annotation, span)}
                    | {'track': actor.track}
                    for actor, span in spans
                ],
            }
        },
    }
    results = {
        'version': VERSION,
        'external_data': {'used': bool(annotation.model), 'details': one_line(annotation.model)},
        'results': {video: [_result(annotation, names, pair) for pair in spans]},
    }
    predictions = path.with_name(f'{path.stem}.predictions.json')
    for file, content in ((path, truth), (predictions, results)):
        with write_whole(file) as partial:
            partial.write_text(json.dumps(content, indent=1), 'utf-8')
    return Written((path, predictions), (NO_PLACE,))


def _taxonomy(names: list[str]) -> list[dict[str, Any]]:
    root = {'nodeId': ROOT, 'nodeName': 'Root', 'parentId': None, 'parentName': None}
    return [root] + [
        {'nodeId': number, 'nodeName': name, 'parentId': ROOT, 'parentName': 'Root'}
        for number, name in enumerate(names, 1)
    ]


def _segment(annotation: RecordingAnnotation, span: Span) -> list[float]:
    times = annotation.start(span), annotation.end(span)
    return [round(seconds(time), DIGITS) for time in times]


def _result(
    annotation: RecordingAnnotation, names: dict[str, str], pair: tuple[AnnotatedActor, Span]
) -> dict[str, Any]:
    _, span = pair
    return {
        'label': names[span.label],
        'score': round(span.score, 4),
        'segment': _segment(annotation, span),
    }
