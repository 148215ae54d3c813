"""Train a localizer: one loop for one or many devices, that resumes where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from actloc_ros.files import write_whole
from actloc_ros.models.checkpoints import Checkpoint, write_checkpoint
from actloc_ros.models.entry import Activation, Resize
from actloc_ros.models.ops.runtime import channels_last
from actloc_ros.models.registry import architectures
from actloc_ros.training.adapter import TrainableAdapter, new_adapter
from actloc_ros.training.config import ConfigError, TrainingConfig
from actloc_ros.training.data.augment import ColumnNames
from actloc_ros.training.data.batches import Batch, ClipDataset, batches
from actloc_ros.training.initial_weights import load_learner, load_weights
from actloc_ros.training.losses import Loss, detection_loss
from actloc_ros.training.optimizer import make_optimizer
from actloc_ros.training.schedule import learning_rate, moving_average

CHECKPOINT = 'last.ckpt'
"""Name of the file, in the folder of a run, from which it is resumed."""


SEED_STRIDE = 1_000_003
"""Distance between the random numbers of neighbouring seeds."""


@dataclass(frozen=True)
class Progress:
    """What one step gave.

    Attributes:
        step: Its number, from 0.
        learning_rate: Of the step.
        losses: The loss and its parts.
    """

    step: int
    learning_rate: float
    losses: dict[str, float]


class Trainer:
    """Trains one detector.

    Args:
        config: What to do.
        dataset: Clips to train on.
        folder: Where checkpoints go; training resumes from the one that lies there.
        fabric: Devices and precision.
    """

    def __init__(
        self, config: TrainingConfig, dataset: ClipDataset, folder: Path, fabric: Fabric
    ) -> None:
        self.config, self.dataset, self.folder, self.fabric = config, dataset, folder, fabric
        fabric.seed_everything(config.schedule.seed, verbose=False)
        self.detector = make_detector(config, dataset.names)
        channels_last(self.detector.learner)  # as convolutions like it
        schedule = config.schedule
        optimizer = make_optimizer(
            self.detector.learner,
            schedule.learning_rate,
            schedule.weight_decay,
            self.detector.orthogonal,
        )
        self.learner, self.optimizer = fabric.setup(self.detector.learner, optimizer)
        self.average = AveragedModel(
            self.detector.network,
            multi_avg_fn=moving_average(schedule.ema),
            use_buffers=True,
        )
        self.step = 0
        # What the learning curve depends on, with what the settings left to the labels filled in.
        self.identity = repr(asdict(replace(config, augmentation=dataset.how)))
        self._resume()

    def run(self, report: Callable[[Progress], None], until: int | None = None) -> None:
        """Train to the end of the schedule, or to step `until`; report every step."""
        schedule = self.config.schedule
        last = schedule.steps if until is None else min(until, schedule.steps)
        stream = self._batches()
        bar = tqdm(
            total=schedule.steps,
            initial=self.step,
            disable=self.fabric.global_rank > 0,
            unit='step',
        )
        with bar:
            while self.step < last:
                progress = self._step(next(stream))
                report(progress)
                bar.update()
                bar.set_postfix(loss=f'{progress.losses["total"]:.3f}')
                if self.step % schedule.checkpoint_every == 0 or self.step == last:
                    self._save()

    def load_checkpoint(self, checkpoint: Checkpoint, name: str) -> list[str]:
        """Load a checkpoint's weights by `load_weights`; return lines that say which."""
        return self._with_average(load_weights(self.detector, checkpoint, name))

    def load_run(self, path: Path) -> list[str]:
        """Load the weights of a run by `load_learner`; return lines that say which."""
        return self._with_average(load_learner(self.detector, path))

    def _with_average(self, lines: list[str]) -> list[str]:
        self.average.module.load_state_dict(self.detector.network.state_dict())
        return lines

    @property
    def model(self) -> Path:
        """The file of the averaged weights: as good as they are, from the first checkpoint on."""
        return self.folder / f'{self.config.name}.safetensors'

    def export(self, path: Path) -> None:
        """Write the averaged weights with their entry, as any checkpoint is read."""
        write_checkpoint(path, self.average.module.state_dict(), self.detector.entry)

    def _batches(self) -> Iterator[Batch]:
        fabric = self.fabric
        return batches(
            self.dataset,
            self.config.schedule.batch,
            self.step,
            fabric.global_rank,
            fabric.world_size,
            self.config.data.workers,
        )

    def _step(self, batch: Batch) -> Progress:
        rate = learning_rate(self.step, self.config.schedule)
        for group in self.optimizer.param_groups:
            group['lr'] = rate
        self.learner.train()
        torch.manual_seed(self._step_seed())
        loss = self._loss(batch.to(self.fabric.device))
        if not torch.isfinite(loss.total):
            raise ConfigError(
                f'the loss is {float(loss.total)} at step {self.step}: lower learning_rate'
            )
        self.optimizer.zero_grad()
        self.fabric.backward(loss.total)
        self.fabric.clip_gradients(
            self.learner, self.optimizer, max_norm=self.config.schedule.clip_gradient
        )
        self.optimizer.step()
        self.average.update_parameters(self.detector.network)
        progress = Progress(self.step, rate, parts(loss))
        self.step += 1
        return progress

    def _step_seed(self) -> int:
        """Return what layers that choose at random (dropout) depend on: step and process alone."""
        index = self.step * self.fabric.world_size + self.fabric.global_rank
        return self.config.schedule.seed * SEED_STRIDE + index

    def _loss(self, batch: Batch) -> Loss:
        dense = self.detector.predict(self.detector.prepare(batch.images), self.learner)
        return detection_loss(dense, batch.targets(self.detector.key_frames))

    def _save(self) -> None:
        """Write checkpoint and model, each whole or not at all: a kill leaves those before."""
        if self.fabric.global_rank == 0:
            state = {
                'step': self.step,
                'config': self.identity,
                'learner': self.detector.learner.state_dict(),
                'average': self.average.state_dict(),
                'optimizer': self.optimizer.state_dict(),
                'precision': self.fabric.strategy.precision.state_dict(),
            }
            with write_whole(self.folder / CHECKPOINT) as file:
                torch.save(state, file)
            self.export(self.model)
        self.fabric.barrier()

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        state: dict[str, Any] = torch.load(path, map_location=self.fabric.device, weights_only=True)
        if state['config'] != self.identity:
            raise ConfigError(
                f'{path} is of a run with other settings; take another folder, or remove it'
            )
        self.detector.learner.load_state_dict(state['learner'])
        self.average.load_state_dict(state['average'])
        self.optimizer.load_state_dict(state['optimizer'])
        # The scale of losses in half precision; empty otherwise.
        self.fabric.strategy.precision.load_state_dict(state.get('precision', {}))
        self.step = state['step']


def make_detector(config: TrainingConfig, names: ColumnNames) -> TrainableAdapter:
    """Return the detector that the settings ask for, with its entry filled in.

    Raises:
        ConfigError: There is no such architecture.
    """
    found = architectures().get(config.model)
    if found is None:
        raise ConfigError(f'model is {config.model!r}; there are {", ".join(architectures())}')
    detector = new_adapter(found, names.labels, len(names.keypoints))
    data = config.data
    detector.entry = replace(
        detector.entry,
        name=config.name,
        labels=names.labels,
        frames=data.frames,
        rate=data.rate,
        preprocessing=replace(
            detector.entry.preprocessing,
            height=data.height,
            width=data.width,
            resize=Resize.BILINEAR_ANTIALIASED,  # as `augment` scales
        ),
        activation=Activation.SIGMOID,  # as the loss asks
        multi_label=True,
        threshold=0.5,
        licence=config.licence,
        url='',
        sha256='',
        source='actloc train',
    )
    return detector


def parts(loss: Loss) -> dict[str, float]:
    """Return the loss and its parts as numbers."""
    named = {
        'total': loss.total,
        'actor': loss.actor,
        'box': loss.box,
        'actions': loss.actions,
        'pose': loss.pose,
    }
    return {name: float(v.detach()) for name, v in named.items() if v is not None}
