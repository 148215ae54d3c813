"""Find the recordings that are meant by paths: files, folders and whole trees of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from actloc_ros.files import VIDEO_SUFFIXES
from actloc_ros.io.source import (
    BAG_SUFFIXES,
    IMAGE_SUFFIXES,
    UNPACK,
    SourceError,
    bag_files,
    is_hidden,
    sorted_naturally,
)
from actloc_ros.io.source_folder import image_files
from actloc_ros.localizer import Localizer
from actloc_ros.recordings.index.store import DATABASE, RECORDINGS
from actloc_ros.settings import Settings

METADATA, ROS1 = 'metadata.yaml', '.bag'
BLOCK = 1 << 20


def find_recordings(paths: Iterable[str | Path]) -> list[Path]:
    """Return the recordings that are meant, as absolute paths, each once and sorted.

    A file is a recording, whatever its name. In folders and below, recordings are files with the
    suffix of a video or a bag, folders that are bags, and folders that hold images and neither
    videos nor bags. What is hidden, links to folders, and indexes are left out.

    Raises:
        SourceError: A path does not exist, or there is no recording in it.
    """
    found: set[Path] = set()
    for given in map(Path, paths):
        path = Path(os.path.abspath(given))
        if not path.exists():
            raise SourceError(f'{given} does not exist; give recordings or folders of them')
        own = set(_in_tree(path)) if path.is_dir() else {path}
        if not own:
            raise SourceError(
                f'{given} holds no recording: no video, no bag and no folder of images'
            )
        found |= own
    return sorted(found)


def _in_tree(top: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(top):
        folder = Path(name)
        if DATABASE in files or (RECORDINGS in folders and '.lock' in files):
            folders.clear()
            continue
        folders[:] = sorted(f for f in folders if not f.startswith('.'))
        visible = [folder / f for f in files if not f.startswith('.')]
        bags = [path for path in visible if _is_bag_file(path)]
        if bags and METADATA in files:
            folders.clear()
            yield folder
            continue
        others = bags + [path for path in visible if path.suffix.lower() in VIDEO_SUFFIXES]
        yield from others
        if not others and any(path.suffix.lower() in IMAGE_SUFFIXES for path in visible):
            yield folder


def _is_bag_file(path: Path) -> bool:
    """Say whether a file is a bag by its name, also one that is refused when it is opened."""
    inner = PurePath(path.stem).suffix.lower()  # such as `.mcap` in `a.mcap.zst`
    suffix = path.suffix.lower()
    return suffix in (*BAG_SUFFIXES, ROS1) or (inner in BAG_SUFFIXES and suffix in UNPACK)


@dataclass(frozen=True)
class Signature:
    """What says without reading a recording whether it changed.

    Attributes:
        size: Of all its files in bytes.
        mtime: When one was last changed, in ns.
    """

    size: int
    mtime: int


def files_of(path: Path) -> list[Path]:
    """Return the files that a recording consists of, in order."""
    if not path.is_dir():
        return [path]
    metadata = [path / METADATA] if (path / METADATA).is_file() else []
    found = [*metadata, *bag_files(path)] or image_files(path)
    if not found:
        found = sorted_naturally(p for p in path.iterdir() if p.is_file() and not is_hidden(p))
    return found


def signature_of(path: Path) -> Signature:
    """Return a recording's signature.

    Raises:
        OSError: It cannot be read.
    """
    stats = [file.stat() for file in files_of(path)]
    return Signature(sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0))


def content_of(path: Path) -> str:
    """Return the SHA-256, in hexadecimal digits, of what a recording holds.

    That of a folder is over the names and hashes of its files.

    Raises:
        OSError: It cannot be read.
    """
    if not path.is_dir():
        return hash_file(path)
    hashes = [f'{file.name}\0{hash_file(file)}' for file in files_of(path)]
    return hash_text('\0'.join(hashes))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal digits; it may hold names that are no UTF-8."""
    return hashlib.sha256(text.encode(errors='surrogateescape')).hexdigest()


def hash_weights(localizer: Localizer, settings: Settings) -> str:
    """Return the hash of a localizer's weights: that of a file, or that of several files' hashes.

    Empty where it has none.
    """
    given = Path(settings.localizer.weights)
    files = localizer.weight_files or ((given,) if given.is_file() else ())
    hashes = [hash_file(path) for path in files]
    return hashes[0] if len(hashes) == 1 else hash_text(' '.join(hashes)) if hashes else ''
