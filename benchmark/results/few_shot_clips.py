"""Measure how well actions in real clips are known again after 1 or 5 examples."""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from actloc_ros.localizer import Localizer, LocalizerOptions
from actloc_ros.models.open import open_localizer
from actloc_ros.models.taught.teach import Span, TeachError, examples_of
from benchmark.results.common import ResultsError, data_folder
from benchmark.results.few_shot import EPISODES, TEACHERS, WAYS, Segment, episodes
from benchmark.results.ut_clips import RATE, counted_frames

MODEL = 'pose_n'
STRIDE = 3  # of 30 frames a second 10 are taken
SHOTS = (1, 5)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return accuracy by shots, with intervals over episodes."""
    folder = data_folder(args, 'ut_interaction')
    localizer = open_localizer(MODEL, LocalizerOptions(device='cpu'))
    entries = positives(folder)
    found = [
        segment_of(folder, entry, localizer)
        for entry in tqdm(entries, desc=folder.name, unit='clip', disable=None)
    ]
    localizer.close()
    segments = [segment for segment in found if segment is not None]
    labels = sorted({segment.label for segment in segments})
    return {
        'clips': len(entries),
        'found': len(segments),
        'labels': labels,
        'rows': [episodes(segments, labels, shots) for shots in SHOTS],
    }


def positives(folder: Path) -> list[dict[str, Any]]:
    """Return what is known of each clip that shows an interaction."""
    index = folder / 'index_clips.json'
    try:
        entries = json.loads(index.read_text())['clips']
        return [entry for entry in entries if entry['kind'] == 'positive']
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f'{index} cannot be used ({error!r})') from error


def segment_of(folder: Path, entry: dict[str, Any], localizer: Localizer) -> Segment | None:
    """Return the features of a clip's action, as `actloc teach` takes them; None without people."""
    path = folder / entry['file']
    start, end = (frame / RATE for frame in entry['clip_action_frames'])
    localizer.reset()
    try:
        frames = islice(counted_frames(path), 0, None, STRIDE)
        [features], around, looks = examples_of(frames, localizer, [Span(str(path), start, end)])
    except TeachError:
        return None
    return Segment(entry['label_name'], str(entry['seq']), features, around, looks)


def section(numbers: dict[str, Any]) -> str:
    """Return the section of the document."""
    rows = '\n'.join(
        f'| {row["shots"]} | {row["accuracy"]:.3f} ± {row["interval"]:.3f} |'
        f' {row["reported_right"]:.2f} | {row["reported_of_others"]:.2f} |'
        for row in numbers['rows']
    )
    return f"""## Actions from a few examples, real clips

The same, from pictures: `{MODEL}` and what `actloc teach` takes of it, on UT-Interaction's
{numbers['clips']} clips of {', '.join(numbers['labels'])}, which nothing was trained or chosen on.
**Protocol**: {EPISODES} episodes; {TEACHERS} of the 10 sequences teach {WAYS} of the
{len(numbers['labels'])} actions, the others are asked; which of its actors appear in several
sequences the data set does not say. The person taken is the largest of the two, the actor or the
other one. In {numbers['clips'] - numbers['found']} clips nobody was found. Of no action are there
ten examples beside clips to ask. Chance is 0.2; intervals are over episodes; columns are those of
the section before.

| examples | 5-way accuracy | reported right | others reported |
|---|---|---|---|
{rows}"""
