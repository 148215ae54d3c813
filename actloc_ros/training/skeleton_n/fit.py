"""Make the weights of skeleton_n from a recipe: `python -m actloc_ros.training.skeleton_n.fit`."""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from actloc_ros.files import read_yaml
from actloc_ros.models.people.open import PEOPLE_N
from actloc_ros.models.skeleton_n.features import SLICES
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.training.skeleton_n.bank import Bank, batches, draw_bank, load_bank
from actloc_ros.training.skeleton_n.calibrate import Calibration, calibrate, fold
from actloc_ros.training.skeleton_n.labels import INDEX, LABELS, UNKNOWN, YES
from actloc_ros.training.skeleton_n.library import build_library
from actloc_ros.training.skeleton_n.measure import (
    Scored,
    figures,
    merge,
    score_bank,
    score_footage,
    table,
)
from actloc_ros.training.skeleton_n.samples import Sampler
from actloc_ros.training.skeleton_n.trained import Trained, write_trained

logger = logging.getLogger(__name__)
HELD_KINDS = ('captured', 'made', 'falls', 'scenes')
# How much each held-out part counts in calibration: most what people_n finds in real footage.
WEIGHTS = {
    'own': 2.0, 'footage': 1.0, 'captured': 1.0, 'made': 0.5, 'falls': 0.5, 'scenes': 0.5,
}  # fmt: skip
PRECISION = 0.5  # of what is reported, on held-out material
EMA = 0.995
COMMON = 0.03  # share of the frames from which on a label is not rare
HIGHEST_BOOST = 4.0
ALONE = 0.3  # share of tracks that train without their neighbours


@dataclass(frozen=True)
class Recipe:
    """A recipe's settings; see recipes/skeleton_n.yaml."""

    seed: int
    library: dict[str, int]
    held: dict[str, int]
    bank: dict
    network: dict[str, int]
    stages: list[dict[str, float]]
    drop: list[str] = field(default_factory=list)
    thresholds: dict[str, float] = field(default_factory=dict)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        OSError: It cannot be read.
        ValueError: A key is unknown or missing.
    """
    values = read_yaml(path)
    try:
        return Recipe(**values)
    except TypeError as error:
        raise ValueError(f'{path}: {error}') from error


def make_banks(recipe: Recipe, real: Path, out: Path) -> None:
    """Draw the examples that teach and those that are held out, where they are not there yet."""
    bank = recipe.bank
    if not (out / 'bank').exists():
        library = build_library(real, out, recipe.seed, recipe.library)
        sampler = Sampler(library, bank['shares'], bank['moments'], recipe.drop)
        draw_bank(out / 'bank', sampler, recipe.seed, bank['rounds'], bank['groups'])
    if (out / 'held_made').exists():
        return
    held = recipe.held
    library = build_library(real, out, recipe.seed, held, held=True)
    for kind in HELD_KINDS:
        if not getattr(library, kind):
            continue
        sampler = Sampler(library, {kind: 1.0}, bank['moments'])
        seed = recipe.seed + 1000
        draw_bank(out / f'held_{kind}', sampler, seed, held['rounds'], bank['groups'] // 4)


def train(recipe: Recipe, bank: Bank, out: Path) -> SkeletonNet:
    """Return the network after all stages; one whose file is there already is not run again."""
    torch.manual_seed(recipe.seed)
    network = SkeletonNet(len(LABELS), **recipe.network)
    for index, stage in enumerate(recipe.stages):
        path = out / f'stage_{index}.pt'
        if not path.exists():
            _train_stage(network, bank, stage, np.random.default_rng([recipe.seed, 7, index]), path)
        network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def _train_stage(
    network: SkeletonNet,
    bank: Bank,
    stage: dict[str, float],
    rng: np.random.Generator,
    path: Path,
) -> None:
    """Train, and write the mean of the weights of the last steps; `.part` while it goes on."""
    steps, batch, rate = int(stage['steps']), int(stage['batch']), stage['learning_rate']
    mean = {key: value.clone() for key, value in network.state_dict().items()}
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=stage['weight_decay'])
    chances = track_chances(bank, stage['rare'])
    boost = torch.from_numpy(label_boost(bank, stage['rare']))
    began, losses = time.monotonic(), []
    for index, part in zip(range(steps), batches(bank, rng, batch, chances), strict=False):
        for group in optimizer.param_groups:
            group['lr'] = rate * _pace(index, steps)
        loss = _loss(network, part, boost, rng)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        keep = min(EMA, (index + 1) / (index + 10))
        for key, value in network.state_dict().items():
            mean[key].lerp_(value, 1 - keep)
        if index % 50 == 49:
            spent = time.monotonic() - began
            logger.info('step %d, loss %.4f, %.0f s', index + 1, np.mean(losses[-50:]), spent)
            torch.save(mean, path.with_suffix('.part'))
    torch.save(mean, path)


def track_chances(bank: Bank, rare: float) -> np.ndarray:
    """Return how often to draw each track (N,): by its rarest label's number of tracks, to a power.

    Args:
        bank: Examples.
        rare: 0 draws all tracks alike, 1 all labels.
    """
    shows = (bank.targets == YES).any(axis=1)
    counts = np.maximum(shows.sum(axis=0), 1).astype(float)
    weights = np.where(shows, counts**-rare, float(len(bank)) ** -rare).max(axis=1)
    return weights / weights.sum()


def label_boost(bank: Bank, rare: float) -> np.ndarray:
    """Return how much more a true frame of each label counts, float32 (C,), 1 to HIGHEST_BOOST."""
    share = (bank.targets == YES).mean(axis=(0, 1))
    boost = (COMMON / np.maximum(share, 1e-6)) ** rare
    return np.clip(boost, 1, HIGHEST_BOOST).astype(np.float32)


def _pace(index: int, steps: int) -> float:
    """Return the factor of the learning rate: up over 50 steps, then down a cosine."""
    return min(1.0, (index + 1) / 50) * (
        0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * index / steps))
    )


def has_bfloat16() -> bool:
    """Return whether this CPU multiplies in bfloat16: elsewhere that takes seven times as long."""
    able = torch.cpu.get_capabilities()
    return bool(able.get('avx512_bf16') or able.get('amx_bf16'))


def _loss(network: SkeletonNet, part: Bank, boost: Tensor, rng: np.random.Generator) -> Tensor:
    """Return the mean cross entropy of what is known of a batch."""
    features = part.features.astype(np.float32)
    features[rng.random(len(features)) < ALONE, :, SLICES['neighbours']] = 0
    with torch.autocast('cpu', torch.bfloat16, enabled=has_bfloat16()):
        logits, _ = network(
            torch.from_numpy(features),
            torch.from_numpy(part.elapsed.astype(np.float32)),
            torch.from_numpy(part.present),
            network.initial_state(len(features)),
        )
    # A track's very first frame says nothing of motion.
    known = (part.targets != UNKNOWN) & (np.cumsum(part.present, axis=1) > 1)[..., None]
    weights = torch.from_numpy(known.astype(np.float32))
    wanted = torch.from_numpy((part.targets == YES).astype(np.float32))
    losses = functional.binary_cross_entropy_with_logits(
        logits.float(), wanted, reduction='none', pos_weight=boost
    )
    return (losses * weights).sum() / weights.sum()


def held_out(network: SkeletonNet, real: Path, out: Path) -> dict[str, Scored]:
    """Return the network's logits on all that is held out, by kind."""
    clips = build_library(real, out, 0, {}, held=True).footage
    own = [clip for clip in clips if clip.source == PEOPLE_N]
    others = [clip for clip in clips if clip.source != PEOPLE_N]
    found = {
        name: merge(score_footage(network, part) + score_footage(network, part, 10.0))
        for name, part in (('own', own), ('footage', others))
        if part
    }
    for kind in HELD_KINDS:
        if (out / f'held_{kind}').exists():
            found[kind] = score_bank(network, load_bank(out / f'held_{kind}'))
    return found


def apply_calibration(scored: Scored, calibration: Calibration) -> Scored:
    """Return calibrated logits."""
    logits = scored.logits * calibration.slopes + calibration.shifts
    return Scored(logits.astype(np.float32), scored.targets, scored.clips)


def without(network: SkeletonNet, keep: list[int]) -> SkeletonNet:
    """Return the network with the classes of `keep` alone."""
    graph = network.graph.channels if network.graph else 0
    smaller = SkeletonNet(len(keep), network.width, network.layers, graph)
    state = network.state_dict()
    state['head.weight'], state['head.bias'] = state['head.weight'][keep], state['head.bias'][keep]
    smaller.load_state_dict(state)
    return smaller.eval()


def main(argv: Sequence[str] | None = None) -> None:
    """Draw examples, train, validate, calibrate and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('recipe', type=Path)
    parser.add_argument('--shared', type=Path, required=True, help='folder with real/')
    parser.add_argument('--out', type=Path, required=True)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    torch.set_num_threads(1)
    recipe, real, out = read_recipe(arguments.recipe), arguments.shared / 'real', arguments.out
    out.mkdir(parents=True, exist_ok=True)
    make_banks(recipe, real, out)
    network = train(recipe, load_bank(out / 'bank'), out)
    scored = held_out(network, real, out)
    calibration = calibrate([(scored[kind], WEIGHTS[kind]) for kind in scored], PRECISION)
    for label, threshold in recipe.thresholds.items():
        calibration.thresholds[INDEX[label]] = threshold
    moved = {kind: apply_calibration(part, calibration) for kind, part in scored.items()}
    half = np.full(len(LABELS), 0.5)
    logger.info('raw scores at 0.5\n%s', table({k: figures(v, half) for k, v in scored.items()}))
    text = table({kind: figures(part, calibration.thresholds) for kind, part in moved.items()})
    logger.info('calibrated, at thresholds %s\n%s', calibration.thresholds.tolist(), text)
    (out / 'held_out.txt').write_text(text + '\n')
    fold(network, calibration)
    keep = [index for index, label in enumerate(LABELS) if label not in recipe.drop]
    thresholds = [float(calibration.thresholds[index]) for index in keep]
    labels = [LABELS[index] for index in keep]
    write_trained(Trained(without(network, keep), labels, thresholds), out)


if __name__ == '__main__':
    main()
