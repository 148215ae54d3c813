"""Train the smallest network on the smallest images."""

from pathlib import Path

from lightning_fabric import Fabric

from actloc_ros.training.config import Data, Schedule, TrainingConfig
from actloc_ros.training.data.augment import NO_AUGMENTATION
from actloc_ros.training.data.batches import ClipDataset
from actloc_ros.training.engine import Trainer
from actloc_ros.truth.plain_json import read_annotations


def settings(footage: Path, **schedule) -> TrainingConfig:
    return TrainingConfig(
        model='stream_n',
        name='test',
        data=Data(train=(str(footage),), height=128, width=160, frames=4, rate=7.5, workers=0),
        schedule=Schedule(**schedule),
        augmentation=NO_AUGMENTATION,
    )


def trainer(config: TrainingConfig, folder: Path) -> Trainer:
    paths = [Path(name) for name in config.data.train]
    labels = read_annotations(paths[0]).labels
    dataset = ClipDataset(paths, labels, config.data, config.augmentation, config.schedule.seed)
    return Trainer(config, dataset, folder, Fabric(accelerator='cpu', devices=1))
