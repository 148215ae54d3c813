"""Draw training examples: motions before random cameras, with a pose network's noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

from actloc_ros.models.skeleton_n.features import (
    HIPS,
    JOINTS,
    MIN_CONFIDENCE,
)
from actloc_ros.training.skeleton_n.bodies import turned
from actloc_ros.training.skeleton_n.cameras import (
    OUTLINE_JOINTS,
    outline,
    random_view,
    view_of_path,
)
from actloc_ros.training.skeleton_n.labels import INDEX, LABELS, UNKNOWN, YES, columns_of
from actloc_ros.training.skeleton_n.library import Library
from actloc_ros.training.skeleton_n.motion_data import Footage, Motion
from actloc_ros.training.skeleton_n.phantoms import PHANTOMS
from actloc_ros.training.skeleton_n.pictures import (
    SLOTS,
    SPARE,
    TRUNK,
    Examples,
    Group,
    in_image,
    mirror,
    pictured,
    spoil,
    trunk_length,
)

HARD = ('falling', 'lying', 'lying_down', 'crawling')
"""Labels of bodies in which pose networks find less than in others."""
Clip = TypeVar('Clip', Motion, Footage)


class Sampler:
    """Draws groups from a library.

    Args:
        library: What to draw from.
        shares: How often to draw from `captured`, `made`, `falls`, `scenes`, `footage`, `stills`.
        moments: T.
        aside: Labels that are not drawn on purpose, since they will not be reported.
    """

    def __init__(
        self,
        library: Library,
        shares: dict[str, float],
        moments: int,
        aside: Sequence[str] = (),
    ) -> None:
        self.library = library
        self.kinds = [kind for kind in shares if getattr(library, kind)]
        total = sum(shares[kind] for kind in self.kinds)
        self.shares = [shares[kind] / total for kind in self.kinds]
        self.moments = moments
        actors: list[Motion] = [motion for scene in library.scenes for motion in scene.motions]
        self.scene_of = [scene for scene in library.scenes for _ in scene.motions]
        self.motions = {
            'captured': Pool(library.captured, aside),
            'made': Pool(library.made, aside),
            'falls': Pool(library.falls, aside),
            'scenes': Pool(actors, aside),
        }
        self.footage = {
            'footage': Pool(library.footage, aside),
            'stills': Pool(library.stills, aside),
        }

    def draw(self, rng: np.random.Generator, groups: int) -> Examples:
        """Return examples of so many groups."""
        return spoil(rng, [self._group(rng) for _ in range(groups)], PHANTOMS)

    def _group(self, rng: np.random.Generator) -> Group:
        kind = str(rng.choice(self.kinds, p=self.shares))
        times = _moments(rng, self.moments)
        if kind in self.footage:
            group = self._footage(rng, times, kind)
        elif kind == 'scenes':
            group = self._scene(rng, times)
        else:
            group = self._alone(rng, times, kind)
        if rng.random() < 0.5:
            mirror(group)
        return group

    def _alone(self, rng: np.random.Generator, times: np.ndarray, kind: str) -> Group:
        """Put one to three people who do not know each other into one world."""
        people = int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))
        joints = np.zeros((SLOTS, len(times), JOINTS, 3), np.float32)
        targets = np.full((SLOTS, len(times), len(LABELS)), UNKNOWN, np.uint8)
        inside = np.zeros((SLOTS, len(times)), bool)
        for slot in range(people):
            pool = self.motions[kind if slot == 0 else str(rng.choice(('captured', 'made')))]
            motion, focus = pool.pick(rng)
            speed = rng.uniform(0.85, 1.2)
            at = rng.uniform(0.15, 1.0) * times[-1]
            frames = (focus / motion.rate + speed * (times - at)) * motion.rate
            points, inside[slot], targets[slot] = _resampled(motion, frames)
            middle = points[len(times) // 2, HIPS, :2].mean(axis=0)
            points[..., :2] -= middle
            points = turned(points * rng.uniform(0.8, 1.12), rng.uniform(-math.pi, math.pi))
            if slot:
                angle, away = rng.uniform(-math.pi, math.pi), rng.uniform(0.5, 3.5)
                points[..., :2] += away * np.array([math.cos(angle), math.sin(angle)])
            if rng.random() < 0.15:
                points[..., 2] += rng.uniform(0, 0.6)  # on a step or a stage
            joints[slot] = points
        target = joints[0, int(rng.integers(len(times))), HIPS].mean(axis=0)
        view = random_view(rng, target, times)
        return pictured(
            rng, times, view.size, joints, inside, targets, *view.project(outline(joints))
        )

    def _scene(self, rng: np.random.Generator, times: np.ndarray) -> Group:
        """Picture the people of a synthetic scene, by its own camera or another."""
        index, focus = self.motions['scenes'].pick_index(rng)
        scene, actor = self.scene_of[index], self.motions['scenes'].clips[index]
        start = focus / actor.rate - rng.uniform(0.15, 1.0) * times[-1]
        frames = (start + times) * actor.rate
        here = actor.joints[focus, HIPS, :2].mean(axis=0)
        away = [
            float(np.linalg.norm(other.joints[focus, HIPS, :2].mean(axis=0) - here))
            for other in scene.motions
        ]
        chosen = [scene.motions[each] for each in np.argsort(away)[:SLOTS]]
        joints = np.zeros((SLOTS, len(times), JOINTS, 3), np.float32)
        targets = np.full((SLOTS, len(times), len(LABELS)), UNKNOWN, np.uint8)
        inside = np.zeros((SLOTS, len(times)), bool)
        for slot, motion in enumerate(chosen):
            joints[slot], inside[slot], targets[slot] = _resampled(motion, frames)
        if rng.random() < 0.5:
            length = len(actor.joints) / actor.rate
            view = view_of_path(scene.path, np.clip(start + times, 0, length), (640, 480))
        else:
            view = random_view(rng, actor.joints[focus, HIPS].mean(axis=0), times)
            targets[..., INDEX['crossing']] = UNKNOWN
        return pictured(
            rng, times, view.size, joints, inside, targets, *view.project(outline(joints))
        )

    def _footage(self, rng: np.random.Generator, times: np.ndarray, kind: str) -> Group:
        """Put one to three people of real footage or photographs into one image."""
        people = int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))
        moments = len(times)
        joints = np.zeros((SLOTS, moments, JOINTS, 3), np.float32)
        targets = np.full((SLOTS, moments, len(LABELS)), UNKNOWN, np.uint8)
        inside = np.zeros((SLOTS, moments), bool)
        reach = np.zeros((SLOTS, moments, len(OUTLINE_JOINTS), 2), np.float32)
        unit = np.ones(SLOTS, np.float32)
        size = (640, 480)
        for slot in range(people):
            clip, focus = self.footage[kind].pick(rng)
            size = clip.size if slot == 0 else size
            wanted = clip.times[focus] + rng.uniform(0.85, 1.15) * (
                times - rng.uniform(0.15, 1.0) * times[-1]
            )
            frames = nearest_frames(clip.times, wanted)
            fresh = np.diff(frames, prepend=-1) > 0
            within = (wanted >= clip.times[0] - 0.1) & (wanted <= clip.times[-1] + 0.1)
            inside[slot] = fresh & within & clip.found[frames]
            targets[slot] = clip.targets[frames]
            points, boxes, unit[slot] = _moved(rng, clip, frames, size)
            joints[slot] = points
            reach[slot] = outline(points[..., :2], unit[slot] / TRUNK)
            given = ~np.isnan(boxes[:, 0])
            corners = boxes.reshape(-1, 2, 2)[:, np.arange(len(OUTLINE_JOINTS)) % 2]
            reach[slot, given] = corners[given]
        confidence = joints[..., 2]
        width, height = size
        shown = (confidence >= MIN_CONFIDENCE) & in_image(joints[..., :2], width, height)
        low = targets[..., columns_of(HARD)] == YES
        hard = low.any(axis=-1).astype(np.float32)
        return Group(
            times,
            size,
            joints[..., :2],
            reach,
            shown,
            confidence,
            unit,
            hard,
            inside,
            targets,
            SPARE,
        )


def whole_clips(motions: Sequence[Motion], seed: int, rate: float) -> Examples:
    """Return whole motions, one person an image, each before a camera of its own, at a rate in Hz.

    Shorter ones are followed by moments without anybody.
    """
    longest = max(len(motion.joints) / motion.rate for motion in motions)
    times = np.arange(0, longest, 1 / rate)
    groups = []
    rng = np.random.default_rng(seed)
    for motion in motions:
        joints = np.zeros((SLOTS, len(times), JOINTS, 3), np.float32)
        targets = np.full((SLOTS, len(times), len(LABELS)), UNKNOWN, np.uint8)
        inside = np.zeros((SLOTS, len(times)), bool)
        joints[0], inside[0], targets[0] = _resampled(motion, times * motion.rate)
        target = joints[0, inside[0]][:, HIPS].mean(axis=(0, 1))
        view = random_view(rng, target, times)
        projected = view.project(outline(joints))
        groups.append(pictured(rng, times, view.size, joints, inside, targets, *projected))
    return spoil(rng, groups, 0.0)


class Pool(Generic[Clip]):
    """Clips and where in them each label is true.

    Args:
        clips: All of a kind.
        aside: Labels that are not drawn on purpose.
    """

    def __init__(self, clips: Sequence[Clip], aside: Sequence[str] = ()) -> None:
        self.clips: Sequence[Clip] = clips
        self.by_label: dict[int, list[tuple[int, np.ndarray]]] = {}
        self.lengths = np.array([len(clip.targets) for clip in clips], float)
        for index, clip in enumerate(clips):
            for label in np.flatnonzero((clip.targets == YES).any(axis=0)).tolist():
                frames = np.flatnonzero(clip.targets[:, label] == YES)
                self.by_label.setdefault(label, []).append((index, frames))
        left_out = {INDEX[label] for label in aside}
        self.labels = sorted(set(self.by_label) - left_out)

    def pick(self, rng: np.random.Generator) -> tuple[Clip, int]:
        """Draw a clip and a frame of it; see `pick_index`."""
        index, frame = self.pick_index(rng)
        return self.clips[index], frame

    def pick_index(self, rng: np.random.Generator) -> tuple[int, int]:
        """Draw the index of a clip and a frame: mostly of a label drawn evenly, else anywhere."""
        if self.labels and rng.random() < 0.75:
            rows = self.by_label[self.labels[int(rng.integers(len(self.labels)))]]
            weights = np.array([math.sqrt(len(frames)) for _, frames in rows])
            index, frames = rows[int(rng.choice(len(rows), p=weights / weights.sum()))]
            return index, int(frames[int(rng.integers(len(frames)))])
        index = int(rng.choice(len(self.clips), p=self.lengths / self.lengths.sum()))
        return index, int(rng.integers(len(self.clips[index].targets)))


def _moments(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw the times of frames in seconds: 5 to 30 Hz, uneven, with dropped frames and gaps."""
    rate = math.exp(rng.uniform(math.log(5), math.log(30)))
    steps = np.full(count, 1 / rate) * (1 + rng.uniform(0, 0.25) * rng.uniform(-1, 1, count))
    steps *= 1 + (rng.random(count) < rng.choice([0.0, 0.05, 0.2]))
    if rng.random() < 0.15:
        steps[int(rng.integers(count))] += rng.uniform(0.2, 0.9)
    return np.cumsum(steps) - steps[0]


def nearest_frames(times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the indices (T,) of the times that are nearest to the wanted ones."""
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    return np.where(wanted - times[after - 1] < times[after] - wanted, after - 1, after)


def _resampled(motion: Motion, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return joints (T, 17, 3), whether the motion goes on (T,), and targets (T, C)."""
    last = len(motion.joints) - 1
    inside = (frames >= 0) & (frames <= last)
    at = np.clip(frames, 0, last)
    low = np.minimum(at.astype(int), max(last - 1, 0))
    share = (at - low).astype(np.float32)[:, None, None]
    high = np.minimum(low + 1, last)
    joints = (1 - share) * motion.joints[low] + share * motion.joints[high]
    targets = motion.targets[np.round(at).astype(int)].copy()
    targets[~inside] = UNKNOWN
    return joints, inside, targets


def _moved(
    rng: np.random.Generator, clip: Footage, frames: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return a clip's joints, boxes and body length, moved, turned and scaled in the image."""
    scale = math.exp(rng.uniform(math.log(0.45), math.log(1.3))) * size[1] / clip.size[1]
    turn = rng.normal(0, 0.07)
    stretch = np.array([math.exp(rng.normal(0, 0.06)), 1.0])
    c, s = math.cos(turn), math.sin(turn)
    matrix = scale * np.array([[c, -s], [s, c]]) * stretch
    middle = np.array(clip.size) / 2
    shift = np.array(size) * (0.5 + rng.uniform(-0.25, 0.25, 2))
    joints = clip.joints[frames].copy()
    joints[..., :2] = (joints[..., :2] - middle) @ matrix.T + shift
    corners = clip.boxes[frames].reshape(-1, 2, 2)
    boxes = ((corners - middle) * scale * stretch + shift).reshape(-1, 4)
    if not rng.random() < 0.5:
        boxes[:] = np.nan
    return joints, boxes, trunk_length(joints, clip.found[frames])
