"""Read text and YAML, write files whole or not at all and never over their source, name videos."""

from __future__ import annotations

import csv
import io
import os
import secrets
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

LONGEST = 300  # characters of what a library says
LARGEST_TREE = 100_000  # values of a YAML file, with those that aliases repeat
VIDEO_SUFFIXES = (
    *('.avi', '.mp4', '.mkv', '.mov', '.webm', '.m4v', '.mpg', '.mpeg', '.ts', '.mts', '.m2ts'),
    *('.wmv', '.flv', '.3gp', '.ogv'),
)


class OutputError(ValueError):
    """A file that cannot be written; the text names it and says what to do."""


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write to; it takes the place of `path` if no error occurs.

    After an error, `path` is as it was and nothing else is left. Of several writers at a time each
    has a file of its own, and the last one to finish counts. A link is followed. What is no regular
    file, such as a pipe or `/dev/stdout`, is written to directly.

    Raises:
        OutputError: It cannot be written: there is a folder, no permission, or no room.
    """
    if path.is_absolute() and path.parts[1] in ('dev', 'proc'):
        yield path
        return
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise OutputError(f'{path} is a folder; name a file')
    if target.is_file() and not os.access(target, os.W_OK):
        raise OutputError(f'{path} is write-protected; name another file')
    direct = target.exists() and not target.is_file()
    # The suffix stays, since it says the format; the rest is short, as names may be of full length.
    partial = target if direct else target.with_name(f'.{secrets.token_hex(4)}{target.suffix}')
    try:
        yield partial
        if not direct:
            partial.replace(target)
    except OSError as error:
        if error.filename is not None and partial.name not in str(error.filename):
            raise  # of another file
        raise OutputError(f'{path} cannot be written: {error.strerror or error}') from error
    finally:
        if not direct:
            with suppress(OSError):
                partial.unlink()


def make_folder(path: Path) -> Path:
    """Make a folder to write to, where it is not there yet; return it.

    Raises:
        OutputError: There is a file of that name, no permission, or no room.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f'{path} is a file; name a folder') from error
    except OSError as error:
        raise OutputError(f'{path} cannot be made: {error.strerror or error}') from error
    return path


def refuse_input(out: str | Path, *inputs: str | Path) -> None:
    """Refuse to write over what is read.

    Args:
        out: The file to write.
        inputs: Files that are read, and folders of which any file may be read.

    Raises:
        OutputError: `out` is one of the inputs or lies in one, by whatever name or link.
    """
    if not Path(out).is_file():
        return
    there = os.stat(out)
    for given in map(Path, inputs):
        for file in given.rglob('*') if given.is_dir() else (given,):
            with suppress(OSError):  # such as a link to nothing
                if os.path.samestat(file.stat(), there):
                    raise OutputError(
                        f'{out} is the source: it would be lost; name another file to write'
                    )


def text_encoding(path: Path) -> str:
    """Return a text file's encoding by its byte order mark, as Windows writes; else UTF-8."""
    with path.open('rb') as file:
        return 'utf-16' if file.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE) else 'utf-8-sig'


def read_text(path: Path) -> str:
    """Return the text of a file, whatever the locale.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no text in UTF-8 or UTF-16; the message names it.
    """
    try:
        return path.read_text(text_encoding(path))
    except UnicodeError as error:
        raise ValueError(f'{path} is no text in UTF-8: {error}') from error


def read_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file that are not empty, with the number of their last line.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no text, or no CSV; the message names it.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=''))
    try:
        yield from ((reader.line_num, row) for row in reader if row)
    except csv.Error as error:
        raise ValueError(f'{path}, line {reader.line_num}: {error}') from error


def read_yaml(
    path: Path,
    loader: type[yaml.SafeLoader] = yaml.SafeLoader,
    note: Callable[[yaml.Node], object] = lambda _node: None,
) -> Any:
    """Return the values in a YAML file.

    Args:
        path: The file.
        loader: What makes values of nodes.
        note: Is given the root node, whose size is bounded, before values are made of it.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no YAML, or aliases make more of it than there is; the message names it
            and the place.
    """
    try:
        reading = loader(path.read_bytes())
        node = reading.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > LARGEST_TREE:
            raise yaml.YAMLError(f'it holds more than {LARGEST_TREE} values; leave out aliases')
        note(node)
        return reading.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f' in line {mark.line + 1}, column {mark.column + 1}' if mark else ''
        raise ValueError(f'{path} is no YAML: {error.problem}{at}') from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f'{path} is no YAML: {one_line(error)}') from error


def one_line(error: BaseException) -> str:
    """Return what a library says of an error as a line that a person can read."""
    text = ' '.join(str(error).split()) or type(error).__name__
    return text if len(text) < LONGEST else f'{text[:LONGEST]} …'


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node has, where each alias stands for all that it repeats."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = LARGEST_TREE + 1  # of one that holds itself
        parts = node.value if isinstance(node, yaml.SequenceNode) else sum(node.value, ())
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def cache_folder() -> Path | None:
    """Return the folder of what is kept for later runs; None where the user has no home.

    It may not exist yet.
    """
    given = Path(os.environ.get('XDG_CACHE_HOME', ''))
    if given.is_absolute():
        return given / 'actloc_ros'
    try:
        return Path.home() / '.cache' / 'actloc_ros'
    except RuntimeError:
        return None


def short_name(name: str) -> str:
    """Return a video's name without folders and without a video file's suffix."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name
