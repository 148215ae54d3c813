"""Make annotations of recordings that nobody localized anything in."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from actloc_ros.recordings.annotate.annotation import AnnotatedActor, RecordingAnnotation, Span

RATE = 10
SIZE = (64, 48)


def actor(track, first, last, spans=(), gap=(), box=(4, 4, 20, 40), speed=0.0, score=0.9):
    """Return an actor who moves to the right by `speed` px a frame; not visible in `gap`."""
    frames = np.array([f for f in range(first, last + 1) if f not in gap], np.int64)
    step = (frames - first)[:, None] * np.array([speed, 0, speed, 0])
    full = np.full(len(frames), score)
    boxes = np.array(box, float) + step
    return AnnotatedActor(track, frames, boxes, full, np.zeros(len(frames)), tuple(spans))


def annotation(actors, labels, frames=30, media='a.mp4', **more):
    times = np.arange(frames, dtype=np.int64) * (1_000_000_000 // RATE)
    path = Path(media)
    return RecordingAnnotation(path, path, times, *SIZE, tuple(labels), tuple(actors), **more)


def two_at_once():
    """Return an actor who walks, waves meanwhile, is out of sight, and walks again."""
    spans = [Span('walk', 0, 9, 0.9), Span('wave', 4, 6, 0.4), Span('walk', 15, 18, 0.8)]
    return actor(7, 0, 18, spans, gap=range(10, 15), speed=1.0)


def datumaro(script, path):
    """Run a script in the Python that has Datumaro, whose environment is large."""
    python = os.environ.get('ACTLOC_DATUMARO')
    if not python or not shutil.which(python):
        pytest.skip('ACTLOC_DATUMARO names no Python that has datumaro and protobuf')
    run = subprocess.run([python, '-c', script, str(path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])
