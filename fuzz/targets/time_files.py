"""Fuzz what is measured in time: true segments, detected ones, and scores of frames."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from fuzz.mutate import mutate_text, mutate_tree
from fuzz.target import Target

TRUTH = {
    'database': {
        'a': {
            'subset': 'test',
            'duration': 9.0,
            'annotations': [
                {'label': 'Diving', 'segment': [1.0, 3.5]},
                {'label': 'Ambiguous', 'segment': [4, 5]},
            ],
        },
        'b': {'subset': 'validation', 'annotations': [{'label': 'sit', 'segment': [0, 1]}]},
    }
}
FOUND = {'results': {'a': [{'label': 'Diving', 'segment': [1.2, 3], 'score': 0.9}], 'b': []}}
FRAMES = {
    'format': 'actloc-frame-scores',
    'version': 1,
    'labels': ['background', 'Diving'],
    'videos': [{'video': 'a', 'rate': 2, 'scores': [[1, 0], [0.5, 0.2], [0, 1], [0, 1], [1, 0]]}],
}
LINES = 'a 1.2 3 Diving 0.9\na,0,1,26,0.5\n'
TEXTS = {'Diving_test.txt': 'a 1.0 3.5\nb 2 3\n', 'Ambiguous_test.txt': 'a 4 5\n'}


def _make(random: Random, folder: Path) -> tuple[str, Path, Path]:
    """Write a whole truth and detections of which something is broken, or the reverse."""
    kind = random.choice(('segments', 'frames', 'starts', 'text'))
    broken_truth = random.random() < 0.5
    found = folder / ('found.txt' if kind == 'text' else 'found.json')
    if kind == 'text':
        truth = folder / 'annotation'
        truth.mkdir()
        for name, text in TEXTS.items():
            (truth / name).write_bytes(_text(random, text, broken_truth))
        found.write_bytes(_text(random, LINES, not broken_truth))
        return kind, truth, found
    truth = folder / 'truth.json'
    truth.write_bytes(_json(random, TRUTH, broken_truth))
    tree = FOUND if kind == 'segments' else FRAMES
    found.write_bytes(_json(random, tree, not broken_truth))
    return kind, truth, found


def _text(random: Random, text: str, broken: bool) -> bytes:
    return mutate_text(random, text) if broken else text.encode()


def _json(random: Random, tree: Any, broken: bool) -> bytes:
    if not broken:
        return json.dumps(tree).encode()
    if random.random() < 0.6:
        return json.dumps(mutate_tree(random, tree)).encode('utf-8', 'surrogatepass')
    return mutate_text(random, json.dumps(tree))


def _run(case: tuple[str, Path, Path]) -> None:
    from actloc_ros.datasets.formats.frame_scores import read_frames
    from actloc_ros.datasets.formats.segment_files import read_segments
    from actloc_ros.datasets.formats.segment_truth import read_segment_truth
    from actloc_ros.evaluation.temporal import measure
    from actloc_ros.evaluation.temporal.protocols import TIME_PROTOCOLS

    kind, path, found = case
    truth = read_segment_truth(path, 'test')
    if kind == 'frames':
        frames = read_frames([found], truth)
        report = measure.measure_frames(truth, frames, TIME_PROTOCOLS['online-frames'])
    elif kind == 'starts':
        starts = measure.starts_of_scores(truth, read_frames([found], truth, background=True))
        report = measure.measure_starts(truth, starts, TIME_PROTOCOLS['online-starts'])
    else:
        segments = read_segments([found], truth)
        report = measure.measure_segments(truth, segments, TIME_PROTOCOLS['thumos14'])
    assert report.text()
    json.dumps(report.data(), allow_nan=False)


TARGETS = (Target('in_time', _make, _run, 6),)
