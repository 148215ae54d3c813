"""Keep what a training reports: curves and pictures for TensorBoard, measurements as JSON."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType

import numpy as np
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from actloc_ros.files import write_whole
from actloc_ros.training.engine import Progress, Trainer
from actloc_ros.training.pictures import COLUMNS, draw_predictions, draw_samples
from actloc_ros.training.validation import Validation, ValidationResult

MEASUREMENTS = 'measurements.jsonl'
"""Name of the file, in the folder of a run, with a line of JSON for each measurement."""

CURVES = 'tensorboard'
"""Name of the folder, in that of a run, to be shown by `tensorboard --logdir`."""

LOG_EVERY = 10
"""Steps over which the curves are averaged."""


class TrainingLog:
    """Writes the reports of the first process of a training, and measures when it is time.

    Use it as a context. What an earlier run wrote of steps that are now repeated is dropped.

    Args:
        folder: Of the run.
        trainer: Whose reports come.
        validation: What is measured; None for nothing.
    """

    def __init__(self, folder: Path, trainer: Trainer, validation: Validation | None) -> None:
        self.trainer, self.validation = trainer, validation
        self.path = folder / MEASUREMENTS
        self.writer = SummaryWriter(str(folder / CURVES), purge_step=trainer.step)
        self._lines = self._lines_until(trainer.step)
        self._losses: list[dict[str, float]] = []
        self._since = time.perf_counter()

    def __enter__(self) -> TrainingLog:
        """Draw a page of clips that are trained on."""
        dataset = self.trainer.dataset
        page = draw_samples([dataset[i] for i in range(COLUMNS)], dataset.labels)
        self.writer.add_image('examples', page, self.trainer.step)
        self._since = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the files."""
        self.writer.close()

    def add(self, progress: Progress) -> None:
        """Add a step's report."""
        schedule = self.trainer.config.schedule
        step, every = progress.step + 1, schedule.validate_every
        self._losses.append(progress.losses)
        if step % LOG_EVERY == 0 or step == schedule.steps:
            self._write_curves(step, progress.learning_rate)
        if self.validation and (step == schedule.steps or (every and step % every == 0)):
            began = time.perf_counter()
            self._measure(step, self.validation)
            self._since += time.perf_counter() - began

    def _write_curves(self, step: int, learning_rate: float) -> None:
        fabric, batch = self.trainer.fabric, self.trainer.config.schedule.batch
        for name in self._losses[0]:
            mean = float(np.mean([losses[name] for losses in self._losses]))
            self.writer.add_scalar(f'loss/{name}', mean, step)
        self.writer.add_scalar('learning rate', learning_rate, step)
        clips = len(self._losses) * batch * fabric.world_size
        now = time.perf_counter()
        self.writer.add_scalar('clips per second', clips / (now - self._since), step)
        self._losses, self._since = [], now

    def _measure(self, step: int, validation: Validation) -> None:
        measured = validation.measure(self.trainer.average.module, self.trainer.fabric.device)
        figures = {'frame-mAP@0.5': measured.actions, 'actor-AP@0.5': measured.actors}
        for name, value in figures.items():
            self.writer.add_scalar(f'measured/{name}', value, step)
        self._draw(step, measured)
        self._lines.append(json.dumps({'step': step, **figures}))
        with write_whole(self.path) as file:
            file.write_text(''.join(line + '\n' for line in self._lines))
        text = ', '.join(f'{name} {value:.4f}' for name, value in figures.items())
        tqdm.write(f'step {step}: {text}')

    def _draw(self, step: int, measured: ValidationResult) -> None:
        page = draw_predictions(measured.predictions, self.trainer.detector.entry)
        self.writer.add_image('predictions', page, step)

    def _lines_until(self, step: int) -> list[str]:
        """Return what an earlier run measured up to a step."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [line for line in lines if json.loads(line)['step'] <= step]
