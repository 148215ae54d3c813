"""Train from settings: check the data, start or resume, measure, and write the model."""

from __future__ import annotations

import os
from pathlib import Path

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import TorchElasticEnvironment

from actloc_ros.models.checkpoints import read_checkpoint
from actloc_ros.models.loading import find_weights
from actloc_ros.models.registry import entries, trainable
from actloc_ros.training.calibrate import calibrate
from actloc_ros.training.config import ConfigError, TrainingConfig
from actloc_ros.training.data.batches import ClipDataset
from actloc_ros.training.data.mirror import choose_pairs
from actloc_ros.training.data.recordings import check_sets, open_sets
from actloc_ros.training.engine import CHECKPOINT, Trainer
from actloc_ros.training.graphs.config import GRAPHS
from actloc_ros.training.journal import TrainingLog
from actloc_ros.training.pose.config import MODELS
from actloc_ros.training.validation import Validation


def make_fabric(precision: str) -> Fabric:
    """Return the devices to train on: one, or as many as processes that torchrun has started."""
    if not TorchElasticEnvironment.detect():
        return Fabric(devices=1, precision=precision)  # type: ignore[arg-type]
    here, everywhere = (int(os.environ[key]) for key in ('LOCAL_WORLD_SIZE', 'WORLD_SIZE'))
    fabric = Fabric(
        devices=here,
        num_nodes=everywhere // here,
        precision=precision,  # type: ignore[arg-type]
        strategy='ddp' if everywhere > 1 else 'auto',
    )
    fabric.launch()
    return fabric


def initialize(trainer: Trainer, config: TrainingConfig, folder: Path) -> list[str]:
    """Load the checkpoint that the settings of a new training name; return lines that say so.

    Raises:
        WeightsError: There is no such checkpoint, or it does not fit.
    """
    if trainer.step:
        return [f'go on after step {trainer.step}']
    if not config.weights:
        return []
    path = folder / Path(config.weights).expanduser()
    if path.is_file() and path.name == CHECKPOINT:
        return trainer.load_run(path)
    if not path.is_file() and config.weights in entries():
        path = find_weights(trainer.detector.entry, config.weights) or path
    return trainer.load_checkpoint(read_checkpoint(path), config.weights)


def check(config: TrainingConfig, folder: Path) -> None:
    """Print what is in the recordings that the settings in a folder name.

    Raises:
        AnnotationError: Recordings cannot be used.
        ConfigError: A setting does not go with the recordings' labels.
    """
    check_model(config.model)
    trained, measured = open_sets(config.data.train, folder), open_sets(config.data.valid, folder)
    check_sets({**trained, **measured})
    choose_pairs(next(iter(trained.values())).labels, config.augmentation.flip_pairs)


def check_model(name: str) -> None:
    """Refuse a model that cannot be trained.

    Raises:
        ConfigError: There is none of this name that can.
    """
    if name not in trainable():
        known = ', '.join((*trainable(), *MODELS, *GRAPHS))
        raise ConfigError(f'model is {name!r}; expected one of {known}')


def train(config: TrainingConfig, folder: Path, out: Path) -> Path | None:
    """Train, or resume a training that was stopped.

    Args:
        config: The settings.
        folder: Where they lie; recordings and weights are named relative to it.
        out: Folder for checkpoints, curves and the model.

    Returns:
        The file of the trained model; None in all but the first of several processes.

    Raises:
        ConfigError: Settings do not go together.
        AnnotationError: Recordings cannot be used.
        WeightsError: The checkpoint to start from cannot be used.
    """
    check_model(config.model)
    fabric = make_fabric(config.precision)
    trained, measured = open_sets(config.data.train, folder), open_sets(config.data.valid, folder)
    if fabric.global_rank == 0:
        check_sets({**trained, **measured})
    labels = next(iter(trained.values())).labels
    dataset = ClipDataset(
        list(trained.values()), labels, config.data, config.augmentation, config.schedule.seed
    )
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, dataset, out, fabric)
    lines = initialize(trainer, config, folder)
    if fabric.global_rank:
        trainer.run(lambda progress: None)
        return None
    for line in lines:
        print(line, flush=True)
    validation = Validation(list(measured.values()), trainer.detector) if measured else None
    with TrainingLog(out, trainer, validation) as journal:
        trainer.run(journal.add)
    if validation is not None:
        print(_calibrate(trainer, validation), flush=True)
    trainer.export(trainer.model)
    return trainer.model


def _calibrate(trainer: Trainer, validation: Validation) -> str:
    """Shift the scores of the averaged weights, and return a line that says how."""
    average = trainer.average.module
    shifts = calibrate(trainer.detector, validation, average, trainer.fabric.device)
    named = zip(trainer.detector.entry.labels, shifts, strict=True)
    return 'logits shifted to be right from 0.5 on: ' + ', '.join(f'{n} {s:+.2f}' for n, s in named)
