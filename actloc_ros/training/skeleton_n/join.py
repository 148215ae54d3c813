"""Join two trained skeleton networks into one that takes each label from one of them.

python -m actloc_ros.training.skeleton_n.join FIRST SECOND --labels falling --out DIR

Trainings of one recipe differ most in rare labels, so that one run may be right about falls and
another about postures. The result is a `SkeletonNet` as wide as both, whose halves do not mix.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.training.skeleton_n.trained import Trained, read_trained, write_trained


def join(first: Trained, second: Trained, of_second: Sequence[str]) -> Trained:
    """Return the first network with some labels of the second.

    Raises:
        ValueError: They differ in labels or depth, have a graph, or lack one of `of_second`.
    """
    for name, values in (
        ('labels', (first.labels, second.labels)),
        ('layers', (first.network.layers, second.network.layers)),
        ('a graph', tuple(one.network.graph is not None for one in (first, second))),
    ):
        if values[0] != values[1] or values[0] is True:
            raise ValueError(f'networks with {name} {values[0]} and {values[1]} cannot be joined')
    if unknown := sorted(set(of_second) - set(second.labels)):
        raise ValueError(f'the second network has no label {unknown[0]}; it has {second.labels}')
    joined = SkeletonNet(
        len(first.labels), first.network.width + second.network.width, first.network.layers
    )
    one, other = first.network.state_dict(), second.network.state_dict()
    state = {key: _joined(key, one[key], other[key]) for key in one}
    taken = torch.tensor([label in of_second for label in first.labels])
    state['head.weight'] = torch.cat(
        [one['head.weight'] * ~taken[:, None], other['head.weight'] * taken[:, None]], dim=1
    )
    state['head.bias'] = torch.where(taken, other['head.bias'], one['head.bias'])
    joined.load_state_dict(state)
    thresholds = [
        theirs if label in of_second else ours
        for label, ours, theirs in zip(
            first.labels, first.thresholds, second.thresholds, strict=True
        )
    ]
    return Trained(joined.eval(), first.labels, thresholds)


def _joined(key: str, one: Tensor, other: Tensor) -> Tensor:
    """Return a layer's weights or biases of both, beside each other."""
    if key.startswith('encode_1.'):  # both read the same features
        return torch.cat([one, other])
    # Gates have two rows a channel, in two halves; the head has two inputs a channel.
    rows = 2 if key.endswith(('.input.weight', '.input.bias')) else 1
    columns = 2 if key == 'head_1.weight' else 1
    parts = []
    for a, b in zip(one.chunk(rows), other.chunk(rows), strict=True):
        if one.dim() == 1:
            parts.append(torch.cat([a, b]))
            continue
        blocks = [
            torch.block_diag(left, right)
            for left, right in zip(a.chunk(columns, 1), b.chunk(columns, 1), strict=True)
        ]
        parts.append(torch.cat(blocks, dim=1))
    return torch.cat(parts)


def main(argv: Sequence[str] | None = None) -> None:
    """Join two networks and export the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('first', type=Path, help='skeleton_n.safetensors')
    parser.add_argument('second', type=Path, help='the same of another run')
    parser.add_argument('--labels', nargs='+', required=True, help='those of the second network')
    parser.add_argument('--out', type=Path, required=True)
    arguments = parser.parse_args(argv)
    joined = join(read_trained(arguments.first), read_trained(arguments.second), arguments.labels)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_trained(joined, arguments.out)


if __name__ == '__main__':
    main()
