"""Train a `people_n` network.

`python -m actloc_ros.training.people_n.fit RECIPE --shared DIR --out DIR` starts or resumes one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from actloc_ros.models.people_n.export import export_onnx
from actloc_ros.models.people_n.network import NetworkConfig, PeopleNetwork
from actloc_ros.models.people_n.session import PeopleSession
from actloc_ros.models.people_n.weights_file import PeopleWeights, write_weights
from actloc_ros.training.config import read_settings_of
from actloc_ros.training.people_n.augment import Augmentation
from actloc_ros.training.people_n.batches import Batches, Targets
from actloc_ros.training.people_n.loop import Schedule, TrunkTraining, train_by_command
from actloc_ros.training.people_n.losses import LossWeights, PeopleLoss
from actloc_ros.training.people_n.measure import joint_similarities, tally_boxes
from actloc_ros.training.people_n.pictures import (
    Picture,
    read_collected,
    read_empty_clip,
    read_frames,
    read_photographs,
)
from actloc_ros.training.people_n.start import PUBLISHED, load_published

MEASUREMENTS = 'measurements.jsonl'
LEAST_SCORE = 0.05


@dataclass(frozen=True)
class SetWeight:
    """How often pictures of a set are drawn, against the other sets."""

    name: str
    weight: float


@dataclass(frozen=True)
class EmptyClip:
    """A clip in which nobody is; every `every`-th frame is taken."""

    path: str
    every: int


@dataclass(frozen=True)
class Data:
    """What is learned from, and what is set apart.

    Attributes:
        sets: Weights of the sets; sets that are missing here are not used.
        nobody: Share of pictures of nobody.
        frames_every: Of so many labelled frames of a clip, one is taken.
        banned_clips: Beginnings of the names of labelled clips that are left out.
        crowded: Sets in which a picture without a person that teachers found is left out.
        empty_clips: Clips of nobody, in the folder of the clips.
        validation: Beginnings of the names of pictures and clips that are measured on, and never
            learned from.
        withheld: Beginnings of names that are neither learned from nor measured on.
    """

    sets: tuple[SetWeight, ...]
    nobody: float
    frames_every: int
    banned_clips: tuple[str, ...]
    crowded: tuple[str, ...]
    empty_clips: tuple[EmptyClip, ...]
    validation: tuple[str, ...]
    withheld: tuple[str, ...]


@dataclass(frozen=True)
class PeopleSchedule(Schedule):
    """How long and how fast is learned.

    Attributes:
        plain: Last steps without mosaics.
        sizes: Heights and widths of canvases.
    """

    plain: int
    sizes: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Recipe:
    """All choices of a training of `people_n`."""

    model: str
    network: NetworkConfig
    data: Data
    augmentation: Augmentation
    losses: LossWeights
    schedule: PeopleSchedule


def read_recipe(path: Path) -> Recipe:
    """Read and check a YAML file; see `read_settings_of` for what it raises."""
    return read_settings_of(Recipe, path, 'people_n')


class Training(TrunkTraining[list[Targets]]):
    """A training that can be stopped and resumed at any checkpoint.

    Args:
        recipe: All choices.
        shared: Folder with `real/` and `teacher/`.
        more: Folder of collected photographs, or None.
        out: Folder of checkpoints and measurements.
    """

    begun = r'trunk\.|heads\.\d\.(?!joint)'
    network: PeopleNetwork

    def __init__(self, recipe: Recipe, shared: Path, more: Path | None, out: Path) -> None:
        torch.manual_seed(recipe.schedule.seed)
        super().__init__(PeopleNetwork(recipe.network), recipe, shared, out)
        self.recipe = recipe
        self.loss = PeopleLoss(recipe.losses)
        pictures = read_pictures(recipe.data, shared, more)
        self.validation = [p for p in pictures if p.name.startswith(recipe.data.validation)]
        withheld = recipe.data.validation + recipe.data.withheld
        self.pictures = [p for p in pictures if not p.name.startswith(withheld)]

    def load_start(self, shared: Path) -> None:
        """See `TrunkTraining`."""
        load_published(self.network, shared / PUBLISHED)

    def batches(self) -> Dataset[tuple[Tensor, list[Targets]]]:
        """See `TrunkTraining`."""
        schedule, data = self.recipe.schedule, self.recipe.data
        return Batches(
            self.pictures,
            {one.name: one.weight for one in data.sets},
            data.nobody,
            schedule.batch,
            schedule.sizes,
            self.recipe.augmentation,
            schedule.steps - schedule.plain,
            schedule.seed,
        )

    def losses(self, level: Tensor, targets: list[Targets]) -> dict[str, Tensor]:
        """See `TrunkTraining`."""
        return self.loss(self.network.from_start(level), targets)

    def validate(self) -> None:
        """Measure the averaged weights, print the figures and append them to a file."""
        path = self.out / 'validated.onnx'
        network = self.average.module
        assert isinstance(network, PeopleNetwork)
        export_onnx(network, path, LEAST_SCORE)
        figures: dict[str, Any] = {
            'step': self.step,
            **measure(PeopleSession(path), self.validation),
        }
        with (self.out / MEASUREMENTS).open('a') as file:
            file.write(json.dumps(figures) + '\n')
        print('measured', json.dumps(figures), flush=True)
        write_weights(average_path(self.out, self.step), PeopleWeights(network, LEAST_SCORE))


def average_path(folder: Path, step: int) -> Path:
    """Return where a run keeps the averaged weights that it measured at a step."""
    return folder / f'average_{step:06d}.safetensors'


def measure(session: PeopleSession, pictures: list[Picture]) -> dict[str, float]:
    """Return the figures of some labelled pictures, by set and for all photographs together."""
    found = [(p, session.find(p.image(), LEAST_SCORE)) for p in pictures]
    figures: dict[str, float] = {}
    groups = {p.group for p in pictures}
    kinds = {'all': groups - {'cctv', 'home'}} | {group: {group} for group in sorted(groups)}
    for name, members in kinds.items():
        chosen = [(p, f) for p, f in found if p.group in members]
        full = tally_boxes([(p.people, f) for p, f in chosen if p.complete])
        if len(full.found):
            figures[f'{name} AP50'] = round(full.average_precision(), 4)
            for precision in (0.85, 0.9):
                recall, score = full.recall_at(precision)
                figures[f'{name} R@{precision}'] = round(recall, 4)
                if name == 'all':
                    figures[f'score@{precision}'] = score
                    figures[f'phantoms@{precision}'] = round(full.at(score)[2], 4)
        part = tally_boxes([(p.people, f) for p, f in chosen if not p.complete])
        if len(part.found):
            figures[f'{name} found@0.4'] = round(part.at(0.4)[0], 4)
    values = joint_similarities([(p.people, f) for p, f in found if p.group == 'coco_val'])
    if len(values):
        figures['OKS'] = round(float(values.mean()), 4)
        figures['OKS>0.5'] = round(float((values > 0.5).mean()), 4)
    return figures


def read_pictures(data: Data, shared: Path, more: Path | None) -> list[Picture]:
    """Return all labelled pictures, those of validation among them."""
    videos = shared / 'real/video'
    pictures = read_photographs(shared / 'real/photos')
    pictures += read_frames(videos, data.banned_clips, data.frames_every)
    for clip in data.empty_clips:
        pictures += read_empty_clip(videos / clip.path, 'empty', clip.every)
    if more:
        pictures += read_collected(more, data.crowded)
    return pictures


def main() -> None:
    """Command line."""
    train_by_command('people_n', lambda recipe, *rest: Training(read_recipe(recipe), *rest))


if __name__ == '__main__':
    main()
