"""Choose or average the weights of a training, and write them for use.

`python -m actloc_ros.training.people_n.publish RUN --out people_n.safetensors` writes an ONNX file
beside it: the best weights by validation. With `--shares 0=0.5 4000=0.5 --recipe RECIPE --shared
DIR` it writes the mean of the weights measured at these steps. Where a training began with trained
weights, a mean with these finds more than either (as in "Robust fine-tuning of zero-shot models",
arXiv 2109.01903); statistics of norms are averaged too, which was better here than new ones.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from actloc_ros.models.people_n.export import export_onnx
from actloc_ros.models.people_n.network import PeopleNetwork
from actloc_ros.models.people_n.session import PeopleSession
from actloc_ros.models.people_n.weights_file import PeopleWeights, read_weights, write_weights
from actloc_ros.training.people_n.fit import (
    LEAST_SCORE,
    MEASUREMENTS,
    average_path,
    measure,
    read_pictures,
    read_recipe,
)

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


def publish(folder: Path, out: Path) -> dict[str, Any]:
    """Write the best weights of a run, and return their figures of validation."""
    best = choose(folder)
    network = read_weights(average_path(folder, best['step'])).network
    threshold = round(best['score@0.9'], 3)
    write_weights(out, PeopleWeights(network, threshold))
    export_onnx(network, out.with_suffix('.onnx'), threshold)
    return best


def publish_mean(
    folder: Path, out: Path, shares: dict[int, float], recipe: Path, shared: Path
) -> dict[str, Any]:
    """Write the mean of the weights that a run measured, and return its figures of validation.

    Args:
        folder: Of the run.
        out: File to write.
        shares: Of the steps; their sum is 1.
        recipe: Says which pictures are measured on.
        shared: Folder with `real/`.
    """
    network = mean_of(folder, shares)
    data = read_recipe(recipe).data
    pictures = [p for p in read_pictures(data, shared, None) if p.name.startswith(data.validation)]
    path = out.with_suffix('.onnx')
    export_onnx(network, path, LEAST_SCORE)
    figures = measure(PeopleSession(path), pictures)
    threshold = round(figures['score@0.9'], 3)
    write_weights(out, PeopleWeights(network, threshold))
    export_onnx(network, path, threshold)
    return figures


def mean_of(folder: Path, shares: dict[int, float]) -> PeopleNetwork:
    """Return the mean of the weights that a run measured at some steps.

    Raises:
        ValueError: The shares are not 1 together.
    """
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f'the shares are {sum(shares.values()):g} together, not 1')
    networks = [read_weights(average_path(folder, step)).network for step in shares]
    states = [network.state_dict() for network in networks]
    networks[0].load_state_dict(
        {
            name: sum(
                part * state[name] for part, state in zip(shares.values(), states, strict=True)
            )
            if value.is_floating_point()
            else value
            for name, value in states[0].items()
        }
    )
    return networks[0].eval()


def share(text: str) -> tuple[int, float]:
    """Return step and share of `STEP=SHARE`."""
    step, _, part = text.partition('=')
    return int(step), float(part)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description='Write the best weights of a training.')
    parser.add_argument('run', type=Path, help='folder of the training')
    parser.add_argument('--out', type=Path, required=True, help='.safetensors file to write')
    parser.add_argument('--shares', nargs='+', type=share, metavar='STEP=SHARE', help='of a mean')
    parser.add_argument('--recipe', type=Path, help='of the training, to measure a mean')
    parser.add_argument('--shared', type=Path, help='holds real/, to measure a mean')
    args = parser.parse_args()
    if not args.shares:
        figures = publish(args.run, args.out)
    elif args.recipe and args.shared:
        shares = dict(args.shares)
        figures = publish_mean(args.run, args.out, shares, args.recipe, args.shared)
    else:
        parser.error('--shares needs --recipe and --shared')
    print(json.dumps(figures))


if __name__ == '__main__':
    main()
