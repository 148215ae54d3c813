"""Read and write checkpoint files without running any code that is in them."""

from __future__ import annotations

import argparse
import pickle
import re
import types
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from actloc_ros.files import one_line, write_whole
from actloc_ros.models.entry import Entry
from actloc_ros.models.errors import WeightsError

ENTRY_KEY = 'actloc_ros.entry'
# How deep published files keep their state dict, beside optimizers and counters.
DEPTH = 4
# Of the largest dict of tensors this part makes one of weights too; optimizers' are far smaller.
SIMILAR = 0.5
# A checkpoint is stored as it is; only a bomb grows when it is unpacked.
UNPACKED_SIZE = 2.0
_NUMPY_SCALAR = np.float64(0).__reduce__()[0]
_NUMPY_ARRAY = np.zeros(1).__reduce__()[0]
HARMLESS: list[Any] = [
    (_NUMPY_SCALAR, 'numpy.core.multiarray.scalar'),
    (_NUMPY_SCALAR, 'numpy._core.multiarray.scalar'),
    (_NUMPY_ARRAY, 'numpy.core.multiarray._reconstruct'),
    (_NUMPY_ARRAY, 'numpy._core.multiarray._reconstruct'),
    np.ndarray,
    np.dtype,
    *[type(np.dtype(kind)) for kind in ('f4', 'f8', 'i4', 'i8', '?')],
    argparse.Namespace,
    types.SimpleNamespace,
    *[
        (PurePosixPath, f'pathlib.{kind}')
        for kind in ('PosixPath', 'WindowsPath', 'PurePosixPath', 'PureWindowsPath')
    ],
]
"""What training scripts leave beside the weights, such as scores, options and paths: data alone."""

# What stands at the beginning of files that are often taken for checkpoints, in lower case.
STRANGERS = (
    (b'version https://git-lfs', 'it is a Git LFS pointer: run `git lfs pull`'),
    (b'<!doctype html', _PAGE := 'it is an HTML page: does its download ask for a login?'),
    (b'<html', _PAGE),
    (b'<', 'it is XML or HTML, such as a server answers in place of a file'),
    (b'{', 'it is JSON, such as a server answers in place of a file'),
    (b'[', 'it is JSON, such as a server answers in place of a file'),
    (b'\x1f\x8b', 'it is compressed: unpack it by `gunzip`'),
    (b'\x28\xb5\x2f\xfd', 'it is compressed: unpack it by `zstd -d`'),
    (b'\xfd7zxz', 'it is compressed: unpack it by `xz -d`'),
    (b'bzh', 'it is compressed: unpack it by `bunzip2`'),
    (b'7z\xbc\xaf', 'it is an archive: unpack it by `7z x`'),
    (b'rar!', 'it is an archive: unpack it by `unrar x`'),
    (b'\x89hdf', 'it is HDF5, as Keras writes it; a state dict of PyTorch is needed'),
)
TAR_AT = 257  # where an archive of tar says that it is one
# What wraps a module at any place in it, and leaves its name in the names of tensors.
WRAPPED = re.compile(r'(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.')
# How a network is called within what trains it; no network here has a part of such a name.
NETWORK = (
    *('module', 'model', 'net', 'network', 'ema', 'ema_model', 'model_ema', 'averaged_model'),
    *('student', 'teacher', 'online', 'target'),
)
# Whose weights are meant where the last step's stand beside them.
AVERAGED = ('avg_model',)
# What ActionFormer's authors evaluate, beside the last step's `state_dict`.
AVERAGED_DICT = "['state_dict_ema']"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A file's tensors by their published names, and its entry if it carries one."""

    state: dict[str, Tensor]
    entry: Entry | None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a safetensors file, or a state dict saved by PyTorch as papers' authors publish it.

    Raises:
        WeightsError: The file is missing, damaged, no checkpoint, or would run code.
    """
    if path.exists() and not path.is_file():
        raise WeightsError(f'"{path}" is no checkpoint: it is no file')
    if not path.is_file():
        raise WeightsError(f'there is no checkpoint "{path}"')
    if _is_safetensors(path):
        return _read_safetensors(path)
    return Checkpoint(_state_dict(read_saved(path), path), None)


def read_entry(path: Path) -> Entry:
    """Return the entry that a safetensors file carries, without reading its tensors.

    Raises:
        WeightsError: The file is missing or damaged, or carries none.
    """
    entry = _read_safetensors(path, tensors=False).entry
    if entry is None:
        raise WeightsError(f'"{path}" does not say what model it is of; `actloc convert` writes it')
    return entry


def write_checkpoint(path: Path, state: Mapping[str, Tensor], entry: Entry) -> None:
    """Write tensors and their entry as safetensors, whole or not at all."""
    # Each tensor for itself, as safetensors refuse those that share memory.
    alone = {k: v.clone(memory_format=torch.contiguous_format) for k, v in state.items()}
    # Not by `save_file`, whose files nobody else on the robot may read.
    content = save(alone, {ENTRY_KEY: entry.to_json()})
    with write_whole(path) as file:
        file.write_bytes(content)


def _is_safetensors(path: Path) -> bool:
    """Return whether these are first bytes of safetensors: a small length, then JSON."""
    with path.open('rb') as file:
        head = file.read(9)
    return head[8:9] == b'{' and int.from_bytes(head[:8], 'little') < path.stat().st_size


def _read_safetensors(path: Path, tensors: bool = True) -> Checkpoint:
    try:
        with safe_open(path, framework='pt') as file:
            keys = file.keys() if tensors else ()
            state = {key: file.get_tensor(key) for key in keys}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f'"{path}" is a damaged safetensors file: {one_line(error)}') from error
    if ENTRY_KEY in metadata:
        return Checkpoint(state, Entry.from_json(metadata[ENTRY_KEY]))
    return Checkpoint(_unwrapped(state, path), None)


def read_saved(path: Path) -> Any:
    """Let PyTorch read tensors, numbers, text and containers, and nothing else.

    Raises:
        WeightsError: The file is damaged, no checkpoint, or would run code.
    """
    _refuse_strangers(path)
    _refuse_archives(path)
    try:
        with torch.serialization.safe_globals(HARMLESS):
            return torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        # The rest of PyTorch's text advises to read it all the same.
        culprit = re.search(r'GLOBAL ([\w.]+)', str(error))
        if re.search(r'load key|Unsupported operand|truncated|persistent id', str(error)):
            raise WeightsError(
                f'"{path}" is no checkpoint, or damaged: its bytes are none of PyTorch'
            ) from None
        asks = f' (it asks for {culprit[1]})' if culprit else ''
        raise WeightsError(
            f'"{path}" is refused: it holds more than tensors, and reading it could run code{asks}.'
            ' Have its authors save a state dict only: torch.save(model.state_dict(), path)'
        ) from None
    except Exception as error:  # whatever PyTorch's parsers meet in broken bytes
        raise WeightsError(f'"{path}" is damaged, or no checkpoint: {one_line(error)}') from error


def _refuse_strangers(path: Path) -> None:
    """Refuse what is no checkpoint by its first bytes, and say what it is."""
    with path.open('rb') as file:
        head = file.read(1024)
    if head[TAR_AT:].startswith(b'ustar'):
        raise WeightsError(f'"{path}" is no checkpoint: it is an archive: unpack it by `tar xf`')
    if b'"weight_map"' in head:
        raise WeightsError(
            f'"{path}" is no checkpoint: it lists the files that one is in; save their tensors as'
            ' one state dict by torch.save'
        )
    head = head[:200]
    if not head:
        raise WeightsError(f'"{path}" is no checkpoint: it is empty; fetch it again')
    begin = head.removeprefix(b'\xef\xbb\xbf').lstrip().lower()
    for start, what in STRANGERS:
        if begin.startswith(start):
            raise WeightsError(f'"{path}" is no checkpoint: {what}')
    if all(byte in b'\t\n\r' or 32 <= byte < 127 for byte in head):
        line = head.decode().strip().splitlines()[:1]
        raise WeightsError(f'"{path}" is no checkpoint: it is text ({"".join(line)[:60]!r} …)')


def _refuse_archives(path: Path) -> None:
    """Refuse an archive that grows when it is unpacked, or is none of PyTorch's `save`."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise WeightsError(f'"{path}" is damaged, or no checkpoint: {error}') from error
    if unpacked > UNPACKED_SIZE * path.stat().st_size:
        raise WeightsError(
            f'"{path}" is refused: its {path.stat().st_size} bytes would grow to {unpacked}'
        )
    if any('/code/' in name for name in names):
        raise WeightsError(
            f'"{path}" is no checkpoint but TorchScript, which holds code;'
            ' save a state dict of the network: torch.save(model.state_dict(), path)'
        )
    if not any(name.endswith('/data.pkl') for name in names):
        raise WeightsError(
            f'"{path}" is no checkpoint: it is a zip archive of {", ".join(names[:3])}; unpack it'
        )


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the weights in what a published file holds, by the network's own names."""
    if not isinstance(content, dict) or not content:
        raise WeightsError(f'"{path}" holds no state dict but a {type(content).__name__}')
    found = dict(_dicts_of_tensors(content))
    averaged = {name: weights for name, weights in found.items() if name == AVERAGED_DICT}
    weights = _choose(averaged or found, 'dicts', path)
    if weights is None:
        raise WeightsError(f'"{path}" holds no state dict: {_why_none(content)}')
    return _unwrapped(weights, path)


def _unwrapped(weights: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return the weights of the network alone, without the names of what wraps it."""
    state = {WRAPPED.sub('', key): value for key, value in weights.items()}
    while (inner := _choose(_wrapped(state), 'prefixes', path)) is not None:
        state = inner
    return state


def _dicts_of_tensors(
    content: Mapping[Any, Any], name: str = '', depth: int = DEPTH
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield the tensors of each dict in `content` that has some by names, and where it lies."""
    tensors = {k: v for k, v in content.items() if isinstance(v, Tensor) and isinstance(k, str)}
    if tensors:
        yield name, tensors
    for key, value in content.items():
        if isinstance(value, dict) and depth:
            yield from _dicts_of_tensors(value, f'{name}[{key!r}]', depth - 1)


def _wrapped(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return the weights of each network that something else wraps, by its prefix.

    Whatever the name: where all tensors have one prefix, it is a wrapper's.
    """
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        prefix, dot, rest = key.partition('.')
        parts.setdefault(prefix, {})[rest if dot else ''] = value
    if len(parts) == 1 and '' not in next(iter(parts.values())):
        return parts
    averaged = {prefix: part for prefix, part in parts.items() if prefix in AVERAGED}
    return averaged or {prefix: part for prefix, part in parts.items() if prefix in NETWORK}


def _choose(
    found: Mapping[str, dict[str, Tensor]], what: str, path: Path
) -> dict[str, Tensor] | None:
    """Return the largest of the weights that were found, or None; refuse to choose between two."""
    if not found:
        return None
    most = max(len(tensors) for tensors in found.values())
    large = {name: t for name, t in found.items() if len(t) >= SIMILAR * most}
    first, *others = large.values()
    if any(not _equal(first, other) for other in others):
        raise WeightsError(
            f'"{path}" holds several {what} of weights that differ: {", ".join(large)}; '
            'save the one that you mean by torch.save, and give that file'
        )
    return first


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def _why_none(content: Mapping[Any, Any]) -> str:
    if any(isinstance(value, Tensor) for value in content.values()):
        return 'its keys are no names'
    key, value = next(iter(content.items()))
    return f'{str(key)!r} is no tensor but a {type(value).__name__}'
