"""Train a `people_n` network.

`python -m actloc_ros.training.people_n.fit RECIPE --shared DIR --out DIR` starts or resumes one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from actloc_ros.files import read_yaml, write_whole
from actloc_ros.models.people_n.export import export_onnx, write_onnx
from actloc_ros.models.people_n.network import NetworkConfig, PeopleNetwork, RawPeople, Trunk
from actloc_ros.models.people_n.session import PeopleSession
from actloc_ros.models.people_n.weights_file import PeopleWeights, write_weights
from actloc_ros.training.config import ConfigError, build_settings
from actloc_ros.training.people_n.augment import Augmentation
from actloc_ros.training.people_n.batches import Batches, Targets
from actloc_ros.training.people_n.losses import LossWeights, PeopleLoss
from actloc_ros.training.people_n.measure import joint_similarities, tally_boxes
from actloc_ros.training.people_n.pictures import (
    Picture,
    read_collected,
    read_empty_clip,
    read_frames,
    read_photographs,
)

LAST = 'last.ckpt'
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
class Schedule:
    """How long and how fast is learned.

    The learning rate rises over `warmup` steps, stays, and falls to 0 in a line over the last
    `decay` steps. So a training may be prolonged or cut until the decay begins.

    Attributes:
        steps: In all.
        warmup: Steps over which the learning rate rises.
        decay: Last steps over which it falls.
        plain: Last steps without mosaics.
        learning_rate: Of all but the trunk.
        trunk_rate: Of the trunk behind its frozen start, as a factor.
        weight_decay: Of weights that are no biases or norms.
        clip_norm: Largest norm of a gradient.
        ema: Decay of the average of the weights, a step.
        batch: Canvases of a step.
        sizes: Heights and widths of canvases.
        seed: Of all choices.
        save_every: Steps between checkpoints.
        validate_every: Steps between measurements.
    """

    steps: int
    warmup: int
    decay: int
    plain: int
    learning_rate: float
    trunk_rate: float
    weight_decay: float
    clip_norm: float
    ema: float
    batch: int
    sizes: tuple[tuple[int, int], ...]
    seed: int
    save_every: int
    validate_every: int


@dataclass(frozen=True)
class Recipe:
    """All choices of a training of `people_n`."""

    model: str
    network: NetworkConfig
    data: Data
    augmentation: Augmentation
    losses: LossWeights
    schedule: Schedule


def read_recipe(path: Path) -> Recipe:
    """Read and check a YAML file.

    Raises:
        ConfigError: A key is unknown or missing, or a value has another type.
        ValueError: It is no YAML.
        OSError: It cannot be read.
    """
    recipe = build_settings(Recipe, read_yaml(path), str(path))
    if recipe.model != 'people_n':
        raise ConfigError(f'{path}: model is {recipe.model!r}; this trains people_n only')
    return recipe


def rate(schedule: Schedule, step: int) -> float:
    """Return the factor of the learning rate at a step."""
    rising = (step + 1) / schedule.warmup
    falling = (schedule.steps - step) / schedule.decay
    return max(0.0, min(1.0, rising, falling))


class FrozenStart:
    """The start of a trunk that is not trained, by ONNX Runtime: faster than PyTorch."""

    def __init__(self, trunk: Trunk, folder: Path) -> None:
        path = folder / 'start.onnx'
        free = {0: 'n', 2: 'h', 3: 'w'}
        axes = {'images': free, 'level': free}
        write_onnx(_Start(trunk), torch.zeros(1, 3, 64, 64), path, 'images', ['level'], axes)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        providers = ['CPUExecutionProvider']
        self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) -> (B, 40, H / 8, W / 8)."""
        level = self._session.run(None, {'images': images.float().numpy()})[0]
        return torch.from_numpy(level).contiguous(memory_format=torch.channels_last)


class _Start(nn.Module):
    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, images: Tensor) -> Tensor:
        """See `Trunk.start`."""
        return self.trunk.start(images)


def load_trunk(trunk: Trunk, path: Path) -> None:
    """Load the weights of EfficientNet-Lite0.

    Raises:
        ValueError: The file lacks a weight.
    """
    with np.load(path) as file:
        own = trunk.state_dict()
        counters = {name for name in own if name.endswith('num_batches_tracked')}
        missing = sorted(own.keys() - counters - set(file))
        if missing:
            raise ValueError(f'"{path}" lacks the weights {", ".join(missing[:3])}')
        for name in own.keys() - counters:
            own[name].copy_(torch.from_numpy(file[name].astype(np.float32)))


class Training:
    """A training that can be stopped and resumed at any checkpoint.

    Args:
        recipe: All choices.
        shared: Folder with `real/` and `teacher/`.
        more: Folder of collected photographs, or None.
        out: Folder of checkpoints and measurements.
    """

    def __init__(self, recipe: Recipe, shared: Path, more: Path | None, out: Path) -> None:
        self.recipe, self.out = recipe, out
        schedule = recipe.schedule
        torch.manual_seed(schedule.seed)
        self.network = PeopleNetwork(recipe.network)
        load_trunk(self.network.trunk, shared / 'teacher/models/trunk_efficientnet_lite0_b12.npz')
        self.start = FrozenStart(self.network.trunk, out)
        for parameter in self.network.trunk.start_parameters():
            parameter.requires_grad = False
        self.network.to(memory_format=torch.channels_last)
        self.average = AveragedModel(
            self.network, multi_avg_fn=average_weights(schedule.ema), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(
            weight_groups(self.network, schedule), lr=schedule.learning_rate, fused=True
        )
        self.loss = PeopleLoss(recipe.losses)
        pictures = read_pictures(recipe.data, shared, more)
        self.validation = [p for p in pictures if p.name.startswith(recipe.data.validation)]
        withheld = recipe.data.validation + recipe.data.withheld
        self.pictures = [p for p in pictures if not p.name.startswith(withheld)]
        self.step = 0
        self.resume()

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
            'recipe': json.dumps(asdict(self.recipe)),
        }
        with write_whole(self.out / LAST) as file:
            torch.save(state, file)

    def run(self) -> None:
        """Train until the last step."""
        schedule = self.recipe.schedule
        began, sums = time.perf_counter(), dict[str, float]()
        for images, targets in self._batches():
            parts = self.take_step(images, targets)
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value / 50
            if self.step % 50 == 0:
                spent = (time.perf_counter() - began) / 50
                shown = ' '.join(f'{name} {value:.3f}' for name, value in sums.items())
                print(f'step {self.step} {spent:.2f} s {shown}', flush=True)
                began, sums = time.perf_counter(), {}
            if self.step % schedule.save_every == 0 or self.step == schedule.steps:
                self.save()
            if self.step % schedule.validate_every == 0 or self.step == schedule.steps:
                self.validate()

    def _batches(self) -> Iterator[tuple[Tensor, list[Targets]]]:
        schedule, data = self.recipe.schedule, self.recipe.data
        dataset = Batches(
            self.pictures,
            {one.name: one.weight for one in data.sets},
            data.nobody,
            schedule.batch,
            schedule.sizes,
            self.recipe.augmentation,
            schedule.steps - schedule.plain,
            schedule.seed,
        )
        return iter(
            DataLoader(
                dataset,
                batch_size=None,
                sampler=range(self.step, schedule.steps),
                num_workers=1,
                prefetch_factor=6,
                worker_init_fn=_one_thread,
                # OpenCV's threads do not survive a fork.
                multiprocessing_context='spawn',
            )
        )

    def take_step(self, images: Tensor, targets: list[Targets]) -> dict[str, float]:
        """Learn from one batch, and return the parts of its loss."""
        schedule = self.recipe.schedule
        for group in self.optimizer.param_groups:
            group['lr'] = group['full_rate'] * rate(schedule, self.step)
        self.network.train()
        raw: RawPeople = self.network.from_start(self.start(images))
        parts = self.loss(raw, targets)
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


def average_weights(decay: float) -> Any:
    """Return what updates averaged weights; early averages forget faster."""

    @torch.no_grad()
    def update(averages: Any, current: Any, count: Any) -> None:
        kept = min(decay, (1 + float(count)) / (10 + float(count)))
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value, 1 - kept)
            else:
                average.copy_(value)

    return update


def weight_groups(network: PeopleNetwork, schedule: Schedule) -> list[dict[str, Any]]:
    """Return the optimizer's groups: the trunk is slower, biases and norms do not decay."""
    groups = []
    for trunk in (True, False):
        for single in (True, False):
            chosen = [
                parameter
                for name, parameter in network.named_parameters()
                if parameter.requires_grad
                and name.startswith('trunk.') == trunk
                and (parameter.dim() == 1) == single
            ]
            rate_ = schedule.learning_rate * (schedule.trunk_rate if trunk else 1)
            decay = 0.0 if single else schedule.weight_decay
            groups.append({'params': chosen, 'full_rate': rate_, 'weight_decay': decay})
    return groups


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


def _one_thread(_worker: int) -> None:
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description='Train a people_n network.')
    parser.add_argument('recipe', type=Path)
    parser.add_argument('--shared', type=Path, required=True, help='holds real/ and teacher/')
    parser.add_argument('--more', type=Path, help='photographs that the collector brought')
    parser.add_argument('--out', type=Path, required=True, help='folder to write; resumed if used')
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    Training(read_recipe(args.recipe), args.shared, args.more, args.out).run()


if __name__ == '__main__':
    main()
