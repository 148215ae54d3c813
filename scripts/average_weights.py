"""Average the weights of several checkpoints of one network: often better than any of them.

A memory of actors is blank in the result: each was learnt from what its own network sees.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from actloc_ros.models.catalog import architectures
from actloc_ros.models.checkpoint_files import read_checkpoint, read_entry, write_checkpoint
from actloc_ros.models.weights import build_network


def main() -> int:
    """Average the files that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('files', type=Path, nargs='+', help='the last one says what it is')
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument(
        '--absent-zero',
        nargs='*',
        default=[],
        metavar='SUFFIX',
        help='weights of these names count as zeros where a file lacks them: they switch on a layer'
        ' that the file does not know',
    )
    args = parser.parse_args()
    entry = read_entry(args.files[-1])
    states = [without_memory(read_checkpoint(file).state) for file in args.files]
    torch.manual_seed(0)  # what no file has, the memory, is the same each time
    fresh = build_network(architectures()[entry.architecture], entry).state_dict()
    for file, state in zip(args.files, states, strict=True):
        if wrong := [k for k, v in state.items() if k not in fresh or v.shape != fresh[k].shape]:
            parser.exit(1, f'{file} does not fit {entry.architecture}: {", ".join(wrong[:3])}\n')
    average = {k: averaged(k, states, v, tuple(args.absent_zero)) for k, v in fresh.items()}
    write_checkpoint(args.out, average, entry)
    return 0


def without_memory(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a network's tensors but for those of its memory of actors, where it has one."""
    return {name: tensor for name, tensor in state.items() if not name.startswith('memory.')}


def averaged(
    name: str, states: list[dict[str, Tensor]], fresh: Tensor, zero: tuple[str, ...]
) -> Tensor:
    """Return the mean of one tensor over the files that have it; `fresh` where none has."""
    given = [state[name] for state in states if name in state]
    if not given:
        return fresh
    if not fresh.is_floating_point():
        return given[-1]
    count = len(states) if name.endswith(zero) else len(given)
    return torch.stack(given).sum(dim=0) / count


if __name__ == '__main__':
    raise SystemExit(main())
