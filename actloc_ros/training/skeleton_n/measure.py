"""Measure a skeleton network on whole clips and on drawn examples, label by label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from actloc_ros.models.skeleton_n.features import JOINTS, MIN_CONFIDENCE
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.training.skeleton_n.bank import Bank
from actloc_ros.training.skeleton_n.cameras import OUTLINE_JOINTS, outline
from actloc_ros.training.skeleton_n.labels import LABELS, POSTURES, UNKNOWN, YES, columns_of
from actloc_ros.training.skeleton_n.motion_data import Footage
from actloc_ros.training.skeleton_n.pictures import TRUNK, extent, featurize, trunk_length

MARGIN = 0.12  # body lengths by which boxes exceed what joints show
CHUNK = 512
CONFIRM = 2  # frames that an event takes to begin
HOLD = 1.0  # seconds without support after which an event is over


@dataclass(eq=False)
class Scored:
    """Logits of frames beside what is known of them.

    Attributes:
        logits: float32 (F, C).
        targets: uint8 (F, C) of NO, YES and UNKNOWN.
        clips: int (F,), which clip or track a frame belongs to.
    """

    logits: np.ndarray
    targets: np.ndarray
    clips: np.ndarray


@dataclass(frozen=True)
class LabelFigures:
    """How well one label is detected at a threshold.

    Attributes:
        label: Its name.
        frames: Frames in which it is true.
        precision: Share of the reported frames that are right; NaN if none is reported.
        recall: Share of the true frames that are reported; NaN if there are none.
        average_precision: Over all thresholds; NaN if there are no true frames.
    """

    label: str
    frames: int
    precision: float
    recall: float
    average_precision: float


def footage_boxes(clip: Footage) -> np.ndarray:
    """Return boxes (T, 4) in pixels: the clip's own, or drawn about its joints."""
    known = clip.joints[..., 2] >= MIN_CONFIDENCE
    unit = trunk_length(clip.joints, clip.found)
    reach = outline(clip.joints[..., :2], unit / TRUNK)
    drawn = extent(reach, known[:, OUTLINE_JOINTS]) + MARGIN * unit * np.array([-1, -1, 1, 1])
    size = np.array([*clip.size, *clip.size], float)
    boxes = np.clip(drawn, 0, size)
    return np.where(np.isnan(clip.boxes), boxes, clip.boxes)


def score_footage(
    network: SkeletonNet, clips: Sequence[Footage], rate: float | None = None
) -> list[Scored]:
    """Run whole clips through a network, at their own rates or thinned to about `rate` Hz."""
    return [_score_clip(network, clip, index, rate) for index, clip in enumerate(clips)]


def _score_clip(network: SkeletonNet, clip: Footage, index: int, rate: float | None) -> Scored:
    frames = np.arange(len(clip.times))
    if rate is not None:
        wanted = np.floor(clip.times * rate + 1e-6)
        frames = np.flatnonzero(np.diff(wanted, prepend=-1) > 0)
    boxes = footage_boxes(clip)[frames]
    known = clip.joints[frames, :, 2] >= MIN_CONFIDENCE
    present = clip.found[frames] & (known.sum(axis=-1) >= 3)
    examples = featurize(
        clip.times[None, frames],
        np.array([clip.size], float),
        np.where(np.isnan(boxes), 0, boxes)[None, None],
        clip.joints[None, None, frames].reshape(1, 1, -1, JOINTS, 3),
        present[None, None],
        clip.targets[None, None, frames],
    )
    logits = run(network, examples.features[0], examples.elapsed[0], examples.present[0])[0]
    logits[~present] = np.nan
    return Scored(logits, clip.targets[frames], np.full(len(frames), index))


def run(
    network: SkeletonNet, features: np.ndarray, elapsed: np.ndarray, present: np.ndarray
) -> np.ndarray:
    """Return logits float32 (N, T, C) of tracks; arrays as in `Bank`."""
    with torch.no_grad():
        logits, _ = network(
            torch.from_numpy(features.astype(np.float32)),
            torch.from_numpy(elapsed.astype(np.float32)),
            torch.from_numpy(present),
            network.initial_state(len(features)),
        )
    return logits.numpy()


def score_bank(network: SkeletonNet, bank: Bank) -> Scored:
    """Run drawn examples through a network; frames without the track are left out."""
    logits = np.concatenate(
        [
            run(network, bank.features[rows], bank.elapsed[rows], bank.present[rows])
            for rows in (slice(at, at + CHUNK) for at in range(0, len(bank), CHUNK))
        ]
    )
    clips = np.broadcast_to(np.arange(len(bank))[:, None], bank.present.shape)
    return Scored(logits[bank.present], bank.targets[bank.present], clips[bank.present])


def merge(parts: Sequence[Scored]) -> Scored:
    """Return the frames of several parts that have logits, as one."""
    whole = Scored(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.clips for part in parts]),
    )
    rows = ~np.isnan(whole.logits[:, 0])
    return Scored(whole.logits[rows], whole.targets[rows], whole.clips[rows])


def figures(scored: Scored, thresholds: np.ndarray) -> list[LabelFigures]:
    """Return the figures of each label at thresholds (C,) in [0, 1]."""
    return [_figure(scored, label, float(threshold)) for label, threshold in enumerate(thresholds)]


def _figure(scored: Scored, label: int, threshold: float) -> LabelFigures:
    known = scored.targets[:, label] != UNKNOWN
    scores = sigmoid(scored.logits[known, label])
    yes = scored.targets[known, label] == YES
    reported = scores >= threshold
    hits, count = int((reported & yes).sum()), int(yes.sum())
    return LabelFigures(
        LABELS[label],
        count,
        hits / reported.sum() if reported.any() else float('nan'),
        hits / count if count else float('nan'),
        average_precision(scores, yes),
    )


def average_precision(scores: np.ndarray, yes: np.ndarray) -> float:
    """Return the area under precision over recall; NaN without true ones."""
    if not yes.any():
        return float('nan')
    order = np.argsort(-scores, kind='stable')
    hits = np.cumsum(yes[order])
    precision = hits / np.arange(1, len(order) + 1)
    return float(precision[yes[order]].mean())


@dataclass(frozen=True)
class PostureFigures:
    """How often a posture is reported and how often that is right.

    Attributes:
        frames: Frames whose posture is known.
        said: Share of them in which one is reported.
        right: Share of these in which the most likely one is true.
    """

    frames: int
    said: float
    right: float


def posture_figures(scored: Scored, thresholds: np.ndarray) -> PostureFigures:
    """Return how well postures are detected at thresholds (C,)."""
    columns = columns_of(POSTURES)
    targets = scored.targets[:, columns]
    rows = (targets == YES).any(axis=1)
    over = sigmoid(scored.logits[rows][:, columns]) - thresholds[columns]
    said = (over >= 0).any(axis=1)
    best = targets[rows][np.arange(rows.sum()), over.argmax(axis=1)]
    sure = said & (best != UNKNOWN)
    right = float((best[sure] == YES).mean()) if sure.any() else float('nan')
    return PostureFigures(int(rows.sum()), float(said.mean()) if rows.any() else 0.0, right)


@dataclass(frozen=True)
class Event:
    """A label reported from `start` to `end`, seconds."""

    start: float
    end: float


def events(times: np.ndarray, chances: np.ndarray, threshold: float) -> list[Event]:
    """Return when a label is reported: from the second frame over the threshold on.

    Args:
        times: (T,), seconds.
        chances: (T,); NaN where there is no actor.
        threshold: An event goes on while chances do not stay below half of it for a second.
    """
    found: list[Event] = []
    start, last, over = None, 0.0, 0
    for time, chance in zip(times.tolist(), chances.tolist(), strict=True):
        if start is not None and time - last > HOLD:
            found.append(Event(start, last))
            start = None
        if chance >= threshold:
            over += 1
            if over >= CONFIRM and start is None:
                start = time
            last = time
        elif chance < threshold:
            over = 0
            last = time if start is not None and chance >= threshold / 2 else last
    return found if start is None else [*found, Event(start, last)]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return probabilities."""
    return 1 / (1 + np.exp(-np.clip(logits, -60, 60)))


def table(rows: dict[str, list[LabelFigures]]) -> str:
    """Return figures of several sets as text: a line a label, per set frames, P, R and AP."""
    lines = [f'{"":14}' + ''.join(f'{name:>28}' for name in rows)]
    for index, label in enumerate(LABELS):
        cells = []
        for figure_rows in rows.values():
            row = figure_rows[index]
            values = (row.precision, row.recall, row.average_precision)
            shown = ' '.join('  - ' if np.isnan(value) else f'{value:4.2f}' for value in values)
            cells.append(f'{row.frames:>8} {shown:>19}')
        lines.append(f'{label:14}' + ''.join(cells))
    return '\n'.join(lines)
