"""Fuzz checkpoints: those of PyTorch, new and old, and safetensors."""

from __future__ import annotations

import io
import pickle
import zipfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from fuzz.mutate import VALUES, mutate_bytes
from fuzz.target import Target

MOST = 200  # MB that the tensors of a small file may take


@cache
def whole_checkpoints() -> list[bytes]:
    """Return small checkpoints as they are published."""
    import torch
    from safetensors.torch import save

    from actloc_ros.models.checkpoints import ENTRY_KEY
    from actloc_ros.models.entry import Activation, Entry, Preprocessing

    state = {
        'module.conv.weight': torch.zeros(4, 3, 2, 2),
        'module.bn.num_batches_tracked': torch.tensor(3),
        'module.half': torch.ones(5, dtype=torch.float16),
    }
    entry = Entry('a_b', 'a', ('x', 'y'), Preprocessing(8, 8), 16, 25.0, Activation.SOFTMAX)
    found = [save(state), save(state, {ENTRY_KEY: entry.to_json()})]
    for content in (state, {'model': state, 'epoch': 3}, {'state_dict': state, 'ema': state}):
        for new in (True, False):
            file = io.BytesIO()
            torch.save(content, file, _use_new_zipfile_serialization=new)
            found.append(file.getvalue())
    return found


def _make(random: Random, folder: Path) -> Path:
    data = random.choice(whole_checkpoints())
    path = folder / f'broken{random.choice((".pth", ".safetensors", ".pt"))}'
    choice = random.random()
    if choice < 0.3 and zipfile.is_zipfile(io.BytesIO(data)):
        data = _inside(random, data)
    elif choice < 0.4:
        data = _other_content(random)
    else:
        data = mutate_bytes(random, data)
    path.write_bytes(data)
    return path


def _inside(random: Random, data: bytes) -> bytes:
    """Return an archive that is whole, but of which a part is broken inside."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, 'w') as new:
        names = old.namelist()
        broken = random.choice([names[0], random.choice(names)])  # data.pkl comes first
        for name in names:
            part = old.read(name)
            new.writestr(name, mutate_bytes(random, part) if name == broken else part)
    return file.getvalue()


def _other_content(random: Random) -> bytes:
    """Return what is saved by PyTorch or by pickle, and is no state dict."""
    import torch

    tensor = torch.full((3,), float('nan'))
    content: Any = random.choice(
        (*VALUES, {1: tensor}, {'a': {'b': tensor}}, [tensor], tensor, {'a': tensor, 'b': Path}, {})
    )
    file = io.BytesIO()
    if random.random() < 0.5:
        pickle.dump(content, file)  # written; nothing here reads it
    else:
        torch.save(content, file)
    return file.getvalue()


def _run(path: Path) -> None:
    from actloc_ros.models.checkpoints import read_checkpoint, read_entry

    checkpoint = read_checkpoint(path)
    assert all(isinstance(key, str) for key in checkpoint.state)
    size = sum(value.untyped_storage().nbytes() for value in checkpoint.state.values())
    assert size < MOST << 20, f'{size} bytes of a file of {path.stat().st_size}'
    if checkpoint.entry is not None:
        assert read_entry(path) == checkpoint.entry


TARGETS = (Target('checkpoint', _make, _run, 8, whole_checkpoints),)
