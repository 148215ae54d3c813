"""Make examples of files: an image, or a recording that need not be in the index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from actloc_ros.io.image_file import read_image
from actloc_ros.io.source import DEFAULT_RATE, IMAGE_SUFFIXES
from actloc_ros.models.open import open_localizer
from actloc_ros.recordings.index.discover import hash_weights, signature_of
from actloc_ros.recordings.index.model import IndexedModel
from actloc_ros.recordings.index.open import Index
from actloc_ros.recordings.index.work import Indexer, IndexOptions, Job
from actloc_ros.recordings.search.query import QueryError
from actloc_ros.recordings.search.similar import Example
from actloc_ros.settings import Settings, settings_of
from actloc_ros.settings.specs import DEFAULTS

STILL = 2.0  # s for which an image is shown, so that somebody in it is followed


def examples_of(index: Index, path: Path, weights: str | None = None) -> list[Example]:
    """Return the parts of tracks in a file as examples, for each model with vectors in the index.

    Args:
        index: Open.
        path: An image, or a recording of any kind.
        weights: Checkpoint of the model; None for the model's own.

    Raises:
        QueryError: There is no such file, it shows nobody, or the model's weights are others.
        ModelError: The index's model cannot be opened here.
    """
    if not path.exists():
        raise QueryError(f'--like {path} is neither a moment such as RECORDING@12.4s nor a file')
    entries = [entry for entry in index.entries() if len(index.vectors(entry.name, entry.weights))]
    if not entries:
        raise QueryError(
            'the index has no vectors, since its models have no features: index with another, such '
            'as pose_n'
        )
    with _as_recording(path) as recording:
        found = [_example(recording, entry, weights) for entry in entries]
    kept = [example for example in found if len(example.vectors)]
    if not kept:
        names = ', '.join(entry.name for entry in entries)
        raise QueryError(f'{path} shows nobody that {names} finds')
    return kept


def _example(recording: Path, entry: IndexedModel, weights: str | None) -> Example:
    settings, facts = _settings(entry, weights)
    with closing(open_localizer(settings.model, settings.localizer)) as localizer:
        if hash_weights(localizer, settings) != entry.weights:
            raise QueryError(
                f'{entry.name} has other weights here than those that the index was made with, and '
                'vectors do not mix; name them by --weights'
            )
    options = IndexOptions(
        settings, entry, facts.get('max_rate', 0.0), facts.get('rate', DEFAULT_RATE)
    )
    with closing(Indexer(options)) as indexer:
        outcome = indexer.run(Job(recording, signature_of(recording)), lambda *_: None)
    if outcome.recording is None:
        raise QueryError(outcome.fault)
    vectors = [view.vectors for view in outcome.recording.views if len(view.vectors)]
    joined = np.concatenate(vectors) if vectors else np.zeros((0, 0), np.float16)
    return Example(entry.name, entry.weights, joined.astype(np.float32))


def _settings(entry: IndexedModel, weights: str | None) -> tuple[Settings, dict[str, Any]]:
    """Return the settings that a model's entry states, and what else it states."""
    facts = json.loads(entry.settings)
    values = dict(DEFAULTS)
    values |= {name: v for name, v in facts.get('params', {}).items() if name in DEFAULTS}
    values['model'] = facts.get('model', entry.name)
    values['weights'] = weights or ''
    return settings_of(values), facts


@contextmanager
def _as_recording(path: Path) -> Iterator[Path]:
    """Give a recording; of an image, a folder in which it stands still for a while."""
    if path.is_dir() or path.suffix.lower() not in IMAGE_SUFFIXES:
        yield path
        return
    read_image(path)  # says what is wrong with it
    with TemporaryDirectory() as folder:
        for number in range(round(STILL * DEFAULT_RATE)):
            (Path(folder) / f'{number}{path.suffix}').symlink_to(path.absolute())
        yield Path(folder)
