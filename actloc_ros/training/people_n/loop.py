"""Train a network that begins with published weights: steps, checkpoints, averaged weights."""

from __future__ import annotations

import argparse
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from actloc_ros.files import write_whole
from actloc_ros.training.people_n.trunk import (
    FrozenStart,
    average_weights,
    one_thread,
    weight_groups,
)

LAST = 'last.ckpt'
PRINTED_EVERY = 50  # steps

Targets = TypeVar('Targets')


@dataclass(frozen=True)
class Schedule:
    """How long and how fast is learned.

    The learning rate rises over `warmup` steps, stays, and falls to 0 in a line over the last
    `decay` steps. So a training may be prolonged or cut until the decay begins.

    Attributes:
        steps: In all.
        warmup: Steps over which the learning rate rises.
        decay: Last steps over which it falls.
        learning_rate: Of what is new.
        trunk_rate: Of what began with published weights, as a factor.
        weight_decay: Of weights that are no biases or norms.
        clip_norm: Largest norm of a gradient.
        ema: Decay of the average of the weights, a step.
        batch: Examples of a step.
        seed: Of all choices.
        save_every: Steps between checkpoints.
        validate_every: Steps between measurements.
    """

    steps: int
    warmup: int
    decay: int
    learning_rate: float
    trunk_rate: float
    weight_decay: float
    clip_norm: float
    ema: float
    batch: int
    seed: int
    save_every: int
    validate_every: int


def rate(schedule: Schedule, step: int) -> float:
    """Return the factor of the learning rate at a step."""
    rising = (step + 1) / schedule.warmup
    falling = (schedule.steps - step) / schedule.decay
    return max(0.0, min(1.0, rising, falling))


class TrunkTraining(ABC, Generic[Targets]):
    """A training that can be stopped and resumed at any checkpoint.

    Attributes:
        begun: Regular expression for the names of parameters that begin with published weights.
        network: That learns; its trunk's start does not.
        average: Its averaged weights.
        step: The next one.

    Args:
        network: With random weights.
        recipe: All choices.
        shared: Folder with `teacher/`.
        out: Folder of checkpoints and measurements.
    """

    begun = r'trunk\.'

    def __init__(self, network: Any, recipe: Any, shared: Path, out: Path) -> None:
        self.network, self.out, self._recipe = network, out, recipe
        schedule: Schedule = recipe.schedule
        self.load_start(shared)
        self.start = FrozenStart(network.trunk, out)
        for parameter in network.trunk.start_parameters():
            parameter.requires_grad = False
        network.to(memory_format=torch.channels_last)
        self.average = AveragedModel(
            network, multi_avg_fn=average_weights(schedule.ema), use_buffers=True
        )
        groups = weight_groups(
            network, self.begun, schedule.learning_rate, schedule.trunk_rate, schedule.weight_decay
        )
        self.optimizer = torch.optim.AdamW(groups, lr=schedule.learning_rate, fused=True)
        self.step = 0
        self.resume()

    @abstractmethod
    def load_start(self, shared: Path) -> None:
        """Give the network the published weights that it starts from."""

    @abstractmethod
    def batches(self) -> Dataset[tuple[Tensor, Targets]]:
        """Return batches by step: images, uint8 (B, 3, H, W), and what is to be learned of them."""

    @abstractmethod
    def losses(self, level: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the parts of the loss of a batch, given as the trunk's finest level."""

    @abstractmethod
    def validate(self) -> None:
        """Measure the averaged weights, print the figures and keep them."""

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        path = self.out / LAST
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state['network'])
        self.average.load_state_dict(state['average'])
        rates = [group['full_rate'] for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state['optimizer'])
        for group, full_rate in zip(self.optimizer.param_groups, rates, strict=True):
            group['full_rate'] = full_rate  # the recipe's, which may have changed
        self.step = state['step']
        torch.set_rng_state(state['random'])

    def save(self) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {
            'network': self.network.state_dict(),
            'average': self.average.state_dict(),
            'optimizer': self.optimizer.state_dict(),
            'step': self.step,
            'random': torch.get_rng_state(),
            'recipe': json.dumps(asdict(self._recipe)),
        }
        with write_whole(self.out / LAST) as file:
            torch.save(state, file)

    def run(self) -> None:
        """Train until the last step."""
        schedule: Schedule = self._recipe.schedule
        began, sums = time.perf_counter(), dict[str, float]()
        for images, targets in self._loader():
            parts = self.take_step(images, targets)
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value / PRINTED_EVERY
            if self.step % PRINTED_EVERY == 0:
                spent = (time.perf_counter() - began) / PRINTED_EVERY
                shown = ' '.join(f'{name} {value:.3f}' for name, value in sums.items())
                print(f'step {self.step} {spent:.2f} s {shown}', flush=True)
                began, sums = time.perf_counter(), {}
            if self.step % schedule.save_every == 0 or self.step == schedule.steps:
                self.save()
            if self.step % schedule.validate_every == 0 or self.step == schedule.steps:
                self.validate()

    def _loader(self) -> DataLoader[tuple[Tensor, Targets]]:
        return DataLoader(
            self.batches(),
            batch_size=None,
            sampler=range(self.step, self._recipe.schedule.steps),
            num_workers=1,
            prefetch_factor=6,
            worker_init_fn=one_thread,
            # OpenCV's threads do not survive a fork.
            multiprocessing_context='spawn',
        )

    def take_step(self, images: Tensor, targets: Targets) -> dict[str, float]:
        """Learn from one batch, and return the parts of its loss."""
        schedule: Schedule = self._recipe.schedule
        for group in self.optimizer.param_groups:
            group['lr'] = group['full_rate'] * rate(schedule, self.step)
        self.network.train()
        parts = self.losses(self.start(images), targets)
        total = torch.stack(list(parts.values())).sum()
        if not total.isfinite():
            raise RuntimeError(f'the loss of step {self.step} is not finite: {parts}')
        self.optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), schedule.clip_norm)
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return {name: float(value.detach()) for name, value in parts.items()}


def train_by_command(
    name: str, begin: Callable[[Path, Path, Path | None, Path], TrunkTraining[Any]]
) -> None:
    """Train as the command line says.

    Args:
        name: Of the network.
        begin: Makes the training, or resumes it, of its recipe, the folders of shared material, of
            collected photographs or None, and the one that it writes.
    """
    parser = argparse.ArgumentParser(description=f'Train a {name} network.')
    parser.add_argument('recipe', type=Path)
    parser.add_argument('--shared', type=Path, required=True, help='holds real/ and teacher/')
    parser.add_argument('--more', type=Path, help='photographs that the collector brought')
    parser.add_argument('--out', type=Path, required=True, help='folder to write; resumed if used')
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    begin(args.recipe, args.shared, args.more, args.out).run()
