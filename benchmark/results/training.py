"""Train models for a limited time, through the same engine as `actloc train`."""

from __future__ import annotations

import time
from pathlib import Path

from lightning_fabric import Fabric

from actloc_ros.training.config import TrainingConfig
from actloc_ros.training.data.batches import ClipDataset
from actloc_ros.training.data.recordings import open_sets
from actloc_ros.training.engine import Progress, Trainer


def new_trainer(config: TrainingConfig, folder: Path) -> Trainer:
    """Return a trainer on the CPU that keeps its checkpoints in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    sets = list(open_sets(config.data.train, folder).values())
    dataset = ClipDataset(
        sets, sets[0].labels, config.data, config.augmentation, config.schedule.seed
    )
    return Trainer(config, dataset, folder, Fabric(accelerator='cpu', devices=1))


def ignore(progress: Progress) -> None:
    """Print nothing."""


def run_until(trainer: Trainer, deadline: float, slices: int) -> None:
    """Train to the end of the schedule, in slices of steps, but not past a time.

    Args:
        trainer: It goes on from where it is.
        deadline: Of `time.monotonic`, checked after each slice.
        slices: Steps of a slice.
    """
    while trainer.step < trainer.config.schedule.steps and time.monotonic() < deadline:
        trainer.run(ignore, until=trainer.step + slices)
