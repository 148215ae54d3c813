"""Name the families of models and find what they register, each imported only when asked for.

A new family is one new folder of this package and one line here. Its `__init__.py` registers, and
does nothing else:

    ARCHITECTURES: tuple[Architecture, ...]    networks: how to build and read one
    ENTRIES: tuple[Entry, ...]                 checkpoints: all it takes to use each correctly
    LOCALIZERS: tuple[LocalizerEntry, ...]     instead of both, where it has no network of its own
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from actloc_ros.models.entry import LocalizerEntry

NETWORKS = (
    'stream',
    'yowov2',
    'yowo',
    'c3d',
    'p3d',
    'torchvision_video',
    'graphs',
    'published_people',
    'i3d',
    'actionformer',
    'words',
    'sound.efficientat',
)
"""Packages with ARCHITECTURES and ENTRIES; to import one takes PyTorch."""

WITHOUT_NETWORK = ('ensemble', 'motion', 'hog_hof', 'sound', 'pose', 'two_stage')
"""Packages with LOCALIZERS; to import one does not: a robot that runs `motion` has no PyTorch."""


@cache
def localizers() -> tuple[LocalizerEntry, ...]:
    """Return all entries of localizers without a network of their own."""
    return tuple(e for name in WITHOUT_NETWORK for e in import_family(name).LOCALIZERS)


def import_family(name: str) -> Any:
    """Return the package of a family."""
    return importlib.import_module(f'actloc_ros.models.{name}')


def import_named(path: str) -> Any:
    """Return what a `MODULE:NAME` of a registration names."""
    module, _, name = path.partition(':')
    return getattr(importlib.import_module(module), name)


SEGMENTERS = 'actionformer'
"""How the names of models begin that find segments in whole recordings."""

WORDS = ('clip_', 'xclip_')
"""How the names of models begin that take their labels from the user."""


def takes_labels(model: str) -> bool:
    """Return whether the labels of `DETECTOR+CLASSIFIER` are the user's own words."""
    return model.rpartition('+')[2].startswith(WORDS)
