"""Measure what detection in time costs: features of a recording, and segments of features."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.models.actionformer import LAYOUTS
from actloc_ros.models.actionformer.features import RATE, STRIDE, WINDOW, I3dFeatures
from actloc_ros.models.actionformer.segmenter import RECIPES, find_segments
from actloc_ros.models.loading import open_network
from benchmark.speed.graphs import timed

CPU = torch.device('cpu')
FEATURES = 8  # that are computed
SIZE = 240, 320
MINUTES = 5.0  # of the recording whose segments are found
SECONDS = 5.0  # for each figure
NETWORK = 'actionformer_thumos_i3d'


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return processor time in s a second of a recording, for features and for segments."""
    rgb, flow = (
        open_network(f'i3d_{part}_kinetics400', random_weights=True).network
        for part in ('rgb', 'flow')
    )
    features = I3dFeatures(rgb, flow, CPU)
    random = np.random.default_rng(0)
    count = WINDOW + 1 + STRIDE * (FEATURES - 1)
    images = random.integers(0, 256, (count, *SIZE, 3), np.uint8)
    began = time.process_time()
    for index, image in enumerate(images):
        features.push(Frame('', nanoseconds(index / RATE), image))
    found = features.finish()
    taken = time.process_time() - began
    opened = open_network(NETWORK, random_weights=True)
    frames = 60 * MINUTES * RATE
    given = random.normal(0, 1, (round(frames / STRIDE), found.shape[1])).astype(np.float32)
    name = opened.architecture.name
    segments = timed(
        lambda: find_segments(
            given, opened.network, LAYOUTS[name].longest, RECIPES[name], frames / RATE, CPU
        ),
        SECONDS,
        CPU,
    )
    return {
        'threads': torch.get_num_threads(),
        'features': taken / (len(found) * STRIDE / RATE),
        'segments': segments / (60 * MINUTES),
    }


def section(numbers: dict[str, Any]) -> str:
    """Return the section of the document."""
    return f"""## Detection in time

**Protocol**: processor time a second of recording, with {numbers['threads']} thread, PyTorch,
float32 and random weights, on which costs do not depend. Features are those of THUMOS14, RGB and
optical flow, {RATE / STRIDE:g} a second; segments are those of ActionFormer in {MINUTES:g} minutes.
mAP is not measured: published weights and THUMOS14 were not at hand. That networks, suppression and
the protocols of ActivityNet, THUMOS14 and online detection equal the published code is tested on
its outputs (`make parity`).

| what | processor s a second of recording |
|---|---|
| features: I3D, both streams, with optical flow | {numbers['features']:.1f} |
| segments: `{NETWORK}`, with suppression | {numbers['segments']:.4f} |"""
