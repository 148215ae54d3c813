"""Find checkpoints: those that ship with the package, and those that a user has downloaded."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from actloc_ros.models.entry import Entry


def hash_in_name(url: str) -> str:
    """Return the first digits of the SHA-256 that PyTorch's own files carry in their names."""
    found = re.search(r'-([0-9a-f]{8,})\.pth$', url)
    return found[1] if found else ''


SHIPPED = Path(__file__).parents[1] / 'weights'
"""Folder of the checkpoints that come with the package."""


def cache_folder() -> Path:
    """Return the folder of downloaded and converted checkpoints; it may not exist yet."""
    return Path.home() / '.cache' / 'actloc_ros'


def stored_path(entry: Entry) -> Path:
    """Return where the entry's published file is kept."""
    suffix = PurePosixPath(urlparse(entry.url).path).suffix or '.pth'
    return cache_folder() / f'{entry.name}{suffix}'


def shipped_path(name: str) -> Path:
    """Return where a checkpoint that comes with the package would be."""
    return SHIPPED / f'{name}.safetensors'


def find_stored(entry: Entry) -> Path | None:
    """Return the entry's file, shipped, converted or as published, or None if it is not here."""
    converted = cache_folder() / f'{entry.name}.safetensors'
    places = shipped_path(entry.name), converted, stored_path(entry)
    return next((path for path in places if path.is_file()), None)


def onnx_places(name: str) -> tuple[Path, Path]:
    """Return where the ONNX file of a network that needs no PyTorch may be, best first."""
    return SHIPPED / f'{name}.onnx', cache_folder() / f'{name}.onnx'


def find_onnx(name: str) -> Path | None:
    """Return the ONNX file of a network that needs no PyTorch, or None if it is not here."""
    return next((path for path in onnx_places(name) if path.is_file()), None)
