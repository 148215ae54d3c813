"""Measure how well actions are known again after 1, 5 or 10 examples of other people."""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.models.storage import find_onnx
from actloc_ros.models.taught.actions import Prototypes, TaughtSet, directions
from actloc_ros.models.taught.teach import LEAD
from actloc_ros.training.skeleton_n.motion_data import read_motions
from actloc_ros.training.skeleton_n.samples import whole_clips
from benchmark.results.common import ResultsError

FILE = 'real/mocap/eval_only/kinder_gator.npz'
RATE = 15.0  # Hz
WAYS, EPISODES, TEACHERS = 5, 300, 5
BATCH = 32  # motions at once
LEFT_OUT = ('other',)


@dataclass(frozen=True, eq=False)
class Segment:
    """One action of one person: features, and what the rest of the clip left in them.

    The last `looks` numbers of a frame are looks; the others are motion.
    """

    label: str
    subject: str
    features: np.ndarray
    around: np.ndarray
    looks: int = 0


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return accuracy by shots, with intervals over episodes."""
    path, weights = args.shared / FILE, find_onnx('skeleton_n')
    if not path.is_file() or weights is None:
        raise ResultsError(f'{path} or the weights of skeleton_n are missing')
    segments = read_segments(path, SkeletonSession(weights))
    frequent = [
        label
        for label in sorted({s.label for s in segments})
        if sum(s.label == label for s in segments) >= 20
    ]
    rows = {
        f'{shots} of {len(labels)}': episodes(segments, labels, shots)
        for labels, shots in (
            (sorted({s.label for s in segments}), 1),
            (sorted({s.label for s in segments}), 5),
            (frequent, 1),
            (frequent, 5),
            (frequent, 10),
        )
    }
    return {
        'segments': len(segments),
        'people': len({s.subject for s in segments}),
        'frequent': frequent,
        'rows': rows,
    }


def read_segments(path: Path, session: SkeletonSession) -> list[Segment]:
    """Return the features of each segment, seen by a camera of its own with rough joints."""
    motions = read_motions(path)
    with np.load(path) as data:
        spans = list(
            zip(*(data[f'seg_{key}'] for key in ('clip', 'start', 'end', 'label')), strict=True)
        )
    memory: list[np.ndarray] = []
    for start in range(0, len(motions), BATCH):
        memory += remembered(session, motions[start : start + BATCH], start)
    by_clip = defaultdict(list)
    for clip, first, last, label in spans:
        by_clip[int(clip)].append((int(first), int(last), str(label)))
    segments = []
    for clip, own in by_clip.items():
        scale = RATE / motions[clip].rate
        inside = np.zeros(len(memory[clip]), bool)
        for first, last, _ in own:
            inside[max(0, int((first - 3) * scale)) : int(last * scale + RATE)] = True
        for first, last, label in own:
            lead = min(LEAD * motions[clip].rate, (last - first) / 2)
            shown = memory[clip][round((first + lead) * scale) : round(last * scale) + 1]
            if label not in LEFT_OUT and len(shown):
                around = memory[clip][~inside]
                segments.append(Segment(label, motions[clip].subject, shown, around))
    return segments


def remembered(session: SkeletonSession, motions: list[Any], seed: int) -> list[np.ndarray]:
    """Return the state of the last recurrent layer at each moment of each motion."""
    part = whole_clips(motions, seed, RATE)
    features, elapsed, here = part.features[:, 0], part.elapsed[:, 0], part.present[:, 0]
    spec = session.spec
    state = np.zeros((spec.layers, len(motions), spec.width), np.float32)
    kept = np.zeros((*here.shape, spec.width), np.float32)
    for moment in range(here.shape[1]):
        rows = np.flatnonzero(here[:, moment])
        if len(rows):
            _, state[:, rows] = session.step(
                features[rows, moment].astype(np.float32),
                elapsed[rows, moment].astype(np.float32),
                state[:, rows],
            )
        kept[:, moment] = state[-1]
    lengths = [int(len(m.joints) / m.rate * RATE) for m in motions]
    return [kept[i, :length] for i, length in enumerate(lengths)]


def episodes(segments: list[Segment], labels: list[str], shots: int) -> dict[str, Any]:
    """Return the mean accuracy of episodes, and what the threshold keeps and lets through.

    In each episode half of the people teach 5 actions by `shots` examples each; a segment of every
    other person for each action is then given to the action that it is most like.
    """
    random = np.random.default_rng(shots)
    subjects = sorted({s.subject for s in segments})
    looks = segments[0].looks
    right, kept, passed = [], [], []
    while len(right) < EPISODES:
        teachers = set(random.choice(subjects, TEACHERS, replace=False).tolist())
        chosen = random.choice(labels, WAYS, replace=False).tolist()
        support = {
            label: [s for s in segments if s.label == label and s.subject in teachers]
            for label in chosen
        }
        if min(map(len, support.values())) < shots:
            continue
        picked = {
            label: [own[i] for i in random.permutation(len(own))[:shots]]
            for label, own in support.items()
        }
        others = np.concatenate([s.around for own in picked.values() for s in own])
        taught = TaughtSet('', '', {}, others[:0])
        for label, own in picked.items():
            taught = taught.with_action(label, [s.features for s in own], others[:0])
        prototypes = Prototypes.of(TaughtSet('', '', taught.examples, others, looks))
        queries = [s for s in segments if s.subject not in teachers]
        alike = np.stack([_similarity(prototypes, s) for s in queries])
        scores = (alike - prototypes.thresholds) >= 0
        known = np.array([s.label in chosen for s in queries])
        truth = np.array([chosen.index(s.label) if s.label in chosen else -1 for s in queries])
        best = alike.argmax(axis=1)
        right.append(float((best == truth)[known].mean()))
        said = scores[np.arange(len(best)), best]
        kept.append(float((said & (best == truth))[known].mean()))
        passed.append(float(said[~known].mean()))
    return {
        'shots': shots,
        'labels': len(labels),
        'accuracy': float(np.mean(right)),
        'interval': float(1.96 * np.std(right, ddof=1) / np.sqrt(len(right))),
        'reported_right': float(np.mean(kept)),
        'reported_of_others': float(np.mean(passed)),
    }


def _similarity(prototypes: Prototypes, segment: Segment) -> np.ndarray:
    """Return how alike a segment is to each action, in the mean over its frames."""
    where = directions(segment.features, prototypes.middle, prototypes.spread)
    return (where @ prototypes.directions.T).mean(axis=0)


def section(numbers: dict[str, Any]) -> str:
    """Return the section of the document."""
    rows = '\n'.join(
        f'| {row["shots"]} | {row["labels"]} | {row["accuracy"]:.3f} ± {row["interval"]:.3f} |'
        f' {row["reported_right"]:.2f} | {row["reported_of_others"]:.2f} |'
        for row in numbers['rows'].values()
    )
    return f"""## Actions from a few examples

`actloc teach` on the memory of `skeleton_n`: {numbers['segments']} segments of
{numbers['people']} adults and children of Kinder-Gator, which nothing was trained or chosen on.
**Protocol**: {EPISODES} episodes; in each, {TEACHERS} of the people teach {WAYS} actions, drawn
from all labels that are left, by so many examples each; every segment of the other people is
classified by the features in the mean over it. Accuracy is that among the {WAYS} (chance: 0.2),
with 95 % intervals over episodes. Joints are projected from 3D into cameras of chance and spoilt
as our networks' are, so pictures and `people_n` are not measured. The last two columns use the
threshold: the share of taught actions that are reported as what they are, and of actions that were
not taught that are reported as one of them. `skeleton_n` has learned some of these labels from
other recordings (walking, running, jumping, kicking). Ten examples of other people exist of
{', '.join(numbers['frequent'])} alone.

| examples | drawn from | 5-way accuracy | reported right | others reported |
|---|---|---|---|---|
{rows}"""
