"""Fit ActionFormer to recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from actloc_ros.models.actionformer.network import ActionFormer, Layout
from actloc_ros.training.actionformer.config import SegmentSchedule
from actloc_ros.training.actionformer.losses import SegmentLoss
from actloc_ros.training.actionformer.recordings import Recording
from actloc_ros.training.actionformer.targets import Targets, assign, make_grid
from actloc_ros.training.config import Schedule
from actloc_ros.training.schedule import learning_rate, moving_average

REPORTS = 10  # lines of a training
Say = Callable[[str], None]


def fit(
    recordings: Sequence[Recording],
    classes: int,
    layout: Layout,
    schedule: SegmentSchedule,
    device: torch.device,
    say: Say = print,
) -> ActionFormer:
    """Return a network that learned from recordings: averaged weights, in evaluation mode.

    Args:
        recordings: What is learned.
        classes: Number of labels.
        layout: Of the network.
        schedule: How long and how fast.
        device: Where it learns.
        say: Takes lines on how it goes.
    """
    torch.manual_seed(schedule.seed)
    network = ActionFormer(classes, layout)
    network.initialize()
    network.to(device).train()
    average = AveragedModel(network, multi_avg_fn=moving_average(schedule.ema))
    optimizer = make_optimizer(network, schedule)
    rates = Schedule(schedule.steps, learning_rate=schedule.learning_rate, warmup=schedule.warmup)
    loss_of = SegmentLoss()
    for step, batch in enumerate(_batches(recordings, layout, schedule)):
        for group in optimizer.param_groups:
            group['lr'] = learning_rate(step, rates)
        features, mask = stack(batch, layout)
        outputs = network.levels(features.to(device), mask.to(device))
        losses = loss_of(outputs, _targets(batch, features.shape[2], layout, classes))
        optimizer.zero_grad()
        (losses.classes + losses.distances).backward()
        nn.utils.clip_grad_norm_(network.parameters(), schedule.clip_gradient)
        optimizer.step()
        average.update_parameters(network)
        if (step + 1) % max(1, schedule.steps // REPORTS) == 0:
            say(f'step {step + 1} of {schedule.steps}: {losses.text()}')
    network.load_state_dict(average.module.state_dict())
    return network.eval()


def make_optimizer(network: nn.Module, schedule: SegmentSchedule) -> torch.optim.AdamW:
    """Return AdamW; biases, norms and scales know no weight decay."""
    matrices = [m.weight for m in network.modules() if isinstance(m, nn.Conv1d)]
    known = {id(weight) for weight in matrices}
    rest = [weight for weight in network.parameters() if id(weight) not in known]
    groups = [
        {'params': matrices, 'weight_decay': schedule.weight_decay},
        {'params': rest, 'weight_decay': 0.0},
    ]
    return torch.optim.AdamW(groups, schedule.learning_rate)


def stack(batch: Sequence[Recording], layout: Layout) -> tuple[Tensor, Tensor]:
    """Return the features (B, C, T) of recordings, padded, and where they are: (B, 1, T)."""
    longest = layout.padded(max(len(each.features) for each in batch))
    features = torch.stack(
        [
            functional.pad(torch.from_numpy(each.features).T, (0, longest - len(each.features)))
            for each in batch
        ]
    )
    lengths = torch.tensor([len(each.features) for each in batch])
    mask = torch.arange(longest) < lengths[:, None]
    return features, mask[:, None].to(features.dtype)


def _targets(
    batch: Sequence[Recording], length: int, layout: Layout, classes: int
) -> list[Targets]:
    grid = make_grid(length, layout.levels)
    return [
        assign(torch.from_numpy(each.spans), torch.from_numpy(each.labels), classes, grid)
        for each in batch
    ]


def _batches(
    recordings: Sequence[Recording], layout: Layout, schedule: SegmentSchedule
) -> Iterator[list[Recording]]:
    """Yield parts of recordings for each step; each recording comes as often as the others."""
    rng = np.random.default_rng(schedule.seed)
    waiting: list[int] = []
    for _ in range(schedule.steps):
        while len(waiting) < schedule.batch:
            waiting += rng.permutation(len(recordings)).tolist()
        chosen, waiting = waiting[: schedule.batch], waiting[schedule.batch :]
        yield [recordings[index].crop(layout.longest, rng) for index in chosen]
