"""Measure what networks of images and words cost, for labels that a user wrote."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch

from actloc_ros.models import registry
from actloc_ros.models.entry import Task
from actloc_ros.models.loading import OpenedNetwork, open_network
from actloc_ros.models.words.classifier import WordsClassifier
from benchmark.speed.graphs import timed

SECONDS = 5.0  # for each figure
CPU = torch.device('cpu')
LABELS = ('waving', 'falling', 'opening a door', 'carrying a box', 'using a phone')
PERSON = 200, 100  # pixels of a person's crop


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the costs of each network of words."""
    found = registry.architectures().values()
    names = [one.name for one in found if one.task is Task.WORDS]
    rows = {name: costs(open_network(name, random_weights=True)) for name in names}
    return {'threads': torch.get_num_threads(), 'rows': rows}


def costs(opened: OpenedNetwork) -> dict[str, float]:
    """Return the frames of a clip, and ms to open labels and to score one person's clip."""

    def open_labels() -> WordsClassifier:
        return WordsClassifier(opened, LABELS, 0.0, CPU, torch.float32)

    classifier = open_labels()
    pixels = np.random.default_rng(0).integers(0, 256, (3, *PERSON), np.uint8)
    images = [torch.from_numpy(pixels)] * classifier.spec.frames
    return {
        'frames': float(classifier.spec.frames),
        'ms_labels': 1e3 * timed(open_labels, SECONDS, CPU),
        'ms_person': 1e3
        * timed(lambda: classifier.classify([classifier.prepare(images)]), SECONDS, CPU),
    }


def section(numbers: dict[str, Any]) -> str:
    """Return the section of the document."""
    rows = '\n'.join(
        f'| `{name}` | {row["frames"]:.0f} | {row["ms_labels"]:.0f} | {row["ms_person"]:.0f} |'
        for name, row in numbers['rows'].items()
    )
    return f"""## Labels in words

**Protocol**: {len(LABELS)} labels; ms are the processor's own, the median of {SECONDS:g} s, with
{numbers['threads']} thread, PyTorch, float32 and random weights, on which costs do not depend.
Labels are encoded once, when the model is opened; then each person costs a clip at each key frame.
How often they are right is not measured: published weights were not at hand. That networks and
their tokens equal the published code is tested on its outputs (`make parity`) and beside
`open_clip` itself.

| network | frames of a clip | ms to open the labels | ms a person and key frame |
|---|---|---|---|
{rows}"""
