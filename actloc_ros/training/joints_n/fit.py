"""Train a `joints_n` network.

`python -m actloc_ros.training.joints_n.fit RECIPE --shared DIR --out DIR` starts or resumes one. It
keeps the best averaged weights, by validation, as `joints_n.onnx` in its folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from actloc_ros.files import write_whole
from actloc_ros.models.joints_n.export import export_onnx
from actloc_ros.models.joints_n.network import JointsNetwork
from actloc_ros.models.joints_n.session import JointsSession
from actloc_ros.training.config import read_settings_of
from actloc_ros.training.joints_n.batches import Batches, Targets, Variation
from actloc_ros.training.joints_n.bodies import keep_bodies
from actloc_ros.training.joints_n.losses import joint_losses
from actloc_ros.training.joints_n.measure import measure, true_bodies, turned
from actloc_ros.training.joints_n.start import load_start
from actloc_ros.training.people_n.fit import SetWeight
from actloc_ros.training.people_n.loop import Schedule, TrunkTraining, train_by_command
from actloc_ros.training.people_n.pictures import (
    Picture,
    read_collected,
    read_frames,
    read_photographs,
)

MEASUREMENTS = 'measurements.jsonl'
BEST = 'joints_n.onnx'
TRUE = 'coco_val'  # the set of validation in which people marked the joints


@dataclass(frozen=True)
class Data:
    """What is learned from, and what is set apart.

    Attributes:
        sets: Weights of the sets; sets that are missing here are not used.
        frames_every: Of so many labelled frames of a clip, one is taken.
        banned_clips: Beginnings of the names of labelled clips that are left out.
        validation: Beginnings of the names of pictures and clips that are measured on, and never
            learned from.
        withheld: Beginnings of names that are neither learned from nor measured on.
    """

    sets: tuple[SetWeight, ...]
    frames_every: int
    banned_clips: tuple[str, ...]
    validation: tuple[str, ...]
    withheld: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """All choices of a training of `joints_n`.

    Attributes:
        model: `joints_n`.
        start: Folder of the published weights that the network starts from, relative to the one
            of shared material; see `start.load_start`.
        data: What is learned from, and what is set apart.
        variation: How people are varied.
        schedule: How long and how fast is learned.
    """

    model: str
    start: str
    data: Data
    variation: Variation
    schedule: Schedule


def read_recipe(path: Path) -> Recipe:
    """Read and check a YAML file; see `read_settings_of` for what it raises."""
    return read_settings_of(Recipe, path, 'joints_n')


def read_pictures(data: Data, shared: Path, more: Path | None) -> list[Picture]:
    """Return all labelled pictures that may teach, those of validation among them."""
    pictures = read_photographs(shared / 'real/photos')
    pictures += read_frames(shared / 'real/video', data.banned_clips, data.frames_every)
    if more:
        pictures += read_collected(more, ())
    return pictures


class Training(TrunkTraining[Targets]):
    """A training that can be stopped and resumed at any checkpoint.

    Args:
        recipe: All choices.
        shared: Folder with `real/` and the published weights.
        more: Folder of collected photographs, or None.
        out: Folder of checkpoints and measurements.
    """

    network: JointsNetwork

    def __init__(self, recipe: Recipe, shared: Path, more: Path | None, out: Path) -> None:
        torch.manual_seed(recipe.schedule.seed)
        super().__init__(JointsNetwork(), recipe, shared, out)
        self.recipe, data = recipe, recipe.data
        pictures = read_pictures(data, shared, more)
        held = true_bodies([p for p in pictures if p.name.startswith(data.validation)])
        true = [body for body in held if body.group == TRUE]
        self.validation = {
            'true': true,
            'turned': [turned(body) for body in true],
            'taught': [body for body in held if body.group != TRUE],
        }
        withheld = data.validation + data.withheld
        names = {one.name for one in data.sets}
        taught = [p for p in pictures if p.group in names and not p.name.startswith(withheld)]
        self.bodies = keep_bodies(taught, out / 'bodies.npy')
        print(f'{len(self.bodies.groups)} people, validation on {len(held)}', flush=True)

    def load_start(self, shared: Path) -> None:
        """See `TrunkTraining`."""
        load_start(self.network, shared / self._recipe.start)

    def batches(self) -> Dataset[tuple[Tensor, Targets]]:
        """See `TrunkTraining`."""
        recipe = self.recipe
        weights = {one.name: one.weight for one in recipe.data.sets}
        schedule = recipe.schedule
        return Batches(self.bodies, weights, schedule.batch, recipe.variation, schedule.seed)

    def losses(self, level: Tensor, targets: Targets) -> dict[str, Tensor]:
        """See `TrunkTraining`."""
        return joint_losses(self.network.from_start(level), targets)

    def validate(self) -> None:
        """Measure the averaged weights, and keep them if they are the best so far."""
        network = self.average.module
        assert isinstance(network, JointsNetwork)
        path = self.out / 'validated.onnx'
        export_onnx(network, path)
        session = JointsSession(path)
        figures = {
            f'{name} {key}': round(value, 4)
            for name, bodies in self.validation.items()
            for key, value in measure(session.joints, bodies).items()
        }
        row = {'step': self.step, 'merit': merit(figures), **figures}
        print('measured', json.dumps(row), flush=True)
        measurements = self.out / MEASUREMENTS
        earlier = measurements.read_text().splitlines() if measurements.exists() else []
        best = max((json.loads(line)['merit'] for line in earlier), default=0.0)
        with measurements.open('a') as file:
            file.write(json.dumps(row) + '\n')
        if row['merit'] > best or not (self.out / BEST).exists():
            with write_whole(self.out / BEST) as file:
                file.write_bytes(path.read_bytes())


def merit(figures: dict[str, float]) -> float:
    """Return by what weights are chosen: mean similarities, upright ones twice."""
    names = ('true', 'true', 'turned', 'taught')
    return round(sum(figures.get(f'{name} OKS', 0.0) for name in names) / len(names), 4)


def main() -> None:
    """Command line."""
    train_by_command('joints_n', lambda recipe, *rest: Training(read_recipe(recipe), *rest))


if __name__ == '__main__':
    main()
