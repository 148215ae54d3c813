"""Read and write checkpoint files without running any code that is in them."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from actloc_ros.files import write_whole
from actloc_ros.models.entry import Entry
from actloc_ros.models.errors import WeightsError

ENTRY_KEY = 'actloc_ros.entry'
# Where published files keep their state dict, beside optimizers and counters.
NESTED = ('model', 'state_dict', 'model_state_dict')
# A checkpoint is stored as it is; only a bomb grows when it is unpacked.
UNPACKED_SIZE = 2.0
# Old training scripts left scores as NumPy numbers beside the weights; these hold data alone.
_NUMPY_SCALAR = np.float64(0).__reduce__()[0]
NUMPY_NUMBERS: list[Any] = [
    (_NUMPY_SCALAR, 'numpy.core.multiarray.scalar'),
    (_NUMPY_SCALAR, 'numpy._core.multiarray.scalar'),
    np.dtype,
    *[type(np.dtype(kind)) for kind in ('f4', 'f8', 'i4', 'i8', '?')],
]


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
    # Not by `save_file`, whose files nobody else on the robot may read.
    content = save({k: v.contiguous() for k, v in state.items()}, {ENTRY_KEY: entry.to_json()})
    with write_whole(path) as file:
        file.write_bytes(content)


def _is_safetensors(path: Path) -> bool:
    """Tell safetensors by their first bytes: a small length, then JSON."""
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
        raise WeightsError(f'"{path}" is a damaged safetensors file: {error}') from error
    entry = Entry.from_json(metadata[ENTRY_KEY]) if ENTRY_KEY in metadata else None
    return Checkpoint(state, entry)


def read_saved(path: Path) -> Any:
    """Let PyTorch read tensors, numbers, text and containers, and nothing else.

    Raises:
        WeightsError: The file is damaged, or would run code.
    """
    _refuse_zip_bomb(path)
    try:
        with torch.serialization.safe_globals(NUMPY_NUMBERS):
            return torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        # The rest of PyTorch's text advises to read it all the same.
        culprit = re.search(r'GLOBAL ([\w.]+)', str(error))
        asks = f' (it asks for {culprit[1]})' if culprit else ''
        raise WeightsError(
            f'"{path}" is refused: it holds more than tensors, and reading it could run code{asks}.'
            ' Have its authors save a state dict only: torch.save(model.state_dict(), path)'
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f'"{path}" is damaged, or no checkpoint: {error}') from error


def _refuse_zip_bomb(path: Path) -> None:
    """Refuse an archive that grows when it is unpacked."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > UNPACKED_SIZE * path.stat().st_size:
        raise WeightsError(
            f'"{path}" is refused: its {path.stat().st_size} bytes would grow to {unpacked}'
        )


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    """Find the state dict in what a published file holds, and take `DataParallel`'s prefix off."""
    for key in NESTED:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not content:
        raise WeightsError(f'"{path}" holds no state dict but a {type(content).__name__}')
    other = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if other:
        raise WeightsError(
            f'"{path}" holds no state dict: {str(other[0])!r} is no tensor but a'
            f' {type(content[other[0]]).__name__}'
        )
    if all(key.startswith('module.') for key in content):
        return {key.removeprefix('module.'): value for key, value in content.items()}
    return dict(content)
