"""Choose the best weights of a training by its validation, and write them for use.

`python -m actloc_ros.training.people_n.publish RUN --out people_n.safetensors` writes an ONNX file
beside it. `--threshold` names the score from which people are reported; without it, it is that from
which 0.9 of the boxes of validation are right.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from actloc_ros.models.people_n.export import export_onnx
from actloc_ros.models.people_n.weights_file import PeopleWeights, read_weights, write_weights
from actloc_ros.training.people_n.fit import MEASUREMENTS, average_path

MERIT = ('all AP50', 'OKS')
"""Figures of validation whose sum is greatest for the weights that are chosen."""


def choose(folder: Path) -> dict[str, Any]:
    """Return the best measurement of a run of which the weights are there.

    Raises:
        ValueError: The run has none.
    """
    lines = (folder / MEASUREMENTS).read_text().splitlines()
    rows = {row['step']: row for row in map(json.loads, lines)}
    kept = [row for step, row in rows.items() if average_path(folder, step).exists()]
    if not kept:
        raise ValueError(f'"{folder}" holds no measured weights')
    return max(kept, key=lambda row: sum(row.get(name, 0.0) for name in MERIT))


def publish(folder: Path, out: Path, threshold: float | None = None) -> dict[str, Any]:
    """Write the best weights of a run, and return their figures of validation."""
    best = choose(folder)
    network = read_weights(average_path(folder, best['step'])).network
    threshold = round(best['score@0.9'], 3) if threshold is None else threshold
    write_weights(out, PeopleWeights(network, threshold))
    export_onnx(network, out.with_suffix('.onnx'), threshold)
    return best


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description='Write the best weights of a training.')
    parser.add_argument('run', type=Path, help='folder of the training')
    parser.add_argument('--out', type=Path, required=True, help='.safetensors file to write')
    parser.add_argument('--threshold', type=float, help='score from which people are reported')
    args = parser.parse_args()
    print(json.dumps(publish(args.run, args.out, args.threshold)))


if __name__ == '__main__':
    main()
