"""Find checkpoints: those that ship with the package, and those that a user has downloaded."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from actloc_ros import files
from actloc_ros.models.entry import Entry
from actloc_ros.models.errors import ModelError


def hash_in_name(url: str) -> str:
    """Return the first digits of the SHA-256 that PyTorch's own files carry in their names."""
    found = re.search(r'-([0-9a-f]{8,})\.pth$', url)
    return found[1] if found else ''


SHIPPED = Path(__file__).parents[1] / 'weights'
"""Folder of the checkpoints that come with the package."""


def cache_folder() -> Path:
    """Return the folder of downloaded and converted checkpoints; it may not exist yet.

    Raises:
        ModelError: The user has no home.
    """
    folder = files.cache_folder()
    if folder is None:
        raise ModelError(
            'there is no home, so that downloads have no place (HOME/.cache/actloc_ros): set HOME '
            'or XDG_CACHE_HOME'
        )
    return folder


def stored_path(entry: Entry) -> Path:
    """Return where the entry's published file is kept."""
    suffix = PurePosixPath(urlparse(entry.url).path).suffix or '.pth'
    return cache_folder() / f'{entry.name}{suffix}'


def shipped_path(name: str) -> Path:
    """Return where a checkpoint that comes with the package would be."""
    return SHIPPED / f'{name}.safetensors'


def find_stored(entry: Entry) -> Path | None:
    """Return the entry's file, shipped, converted or as published, or None if it is not here."""
    places = [shipped_path(entry.name)]
    with suppress(ModelError):  # without a home nothing is downloaded
        places += [cache_folder() / f'{entry.name}.safetensors', stored_path(entry)]
    # Not by `Path.is_file`, which raises where a home is another user's.
    return next((path for path in places if os.path.isfile(path)), None)


def onnx_places(name: str) -> tuple[Path, ...]:
    """Return where the ONNX file of a network that needs no PyTorch may be, best first."""
    places = [SHIPPED / f'{name}.onnx']
    with suppress(ModelError):  # without a home nothing is downloaded
        places.append(cache_folder() / f'{name}.onnx')
    return tuple(places)


def find_onnx(name: str) -> Path | None:
    """Return the ONNX file of a network that needs no PyTorch, or None if it is not here."""
    return next((path for path in onnx_places(name) if os.path.isfile(path)), None)
