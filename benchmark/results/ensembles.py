"""Measure ensembles against their members on synthetic scenes that none was trained on."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.datasets.formats.evaluation_files import read_truth
from actloc_ros.evaluation.protocols import find_protocol
from actloc_ros.evaluation.run_model import LEAST_SCORE, class_ids, run_model
from actloc_ros.frames import Frame
from actloc_ros.localizer import Detections, Localizer
from actloc_ros.models.ensemble.localizer import EnsembleLocalizer
from actloc_ros.models.ensemble.options import EnsembleOptions
from actloc_ros.models.ensemble.pool import EnsembleFit
from actloc_ros.training.ensemble.collect import run_members
from actloc_ros.training.ensemble.fit import fit_ensemble
from actloc_ros.truth.boxes import FrameBoxes, GroundTruth, join
from benchmark.results.bootstrap import RESAMPLES, interval, resampled, span
from benchmark.results.common import TimedDetections, TimedLocalizer, machine, table
from benchmark.results.real.models import OURS, contenders
from benchmark.results.synth import PROTOCOL, SIZE, render_scenes

MEMBERS = (OURS, 'MultiPose')  # in a cascade the first runs at every frame
FIT_SEED, FIT_SCENES = 7_200_000, 12
TEST_SEED, TEST_SCENES = 9_450_000, 24
SECONDS = 12.0
PLAIN = 'ensemble, plain averages'  # made of what the members said before: not timed
Runs = dict[str, list[list[TimedDetections]]]
"""Each model's detections, by scene and frame."""


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part."""
    fit = _fit(args, _scenes(args, FIT_SEED, FIT_SCENES))
    truth_file = _scenes(args, TEST_SEED, TEST_SCENES)
    truth = read_truth(truth_file)
    members = _open(args)
    fitted = _run(truth, truth_file, members, EnsembleOptions(), fit)
    again = [_Replay(member) for member in members]
    plain = _run(truth, truth_file, again, EnsembleOptions(), None)
    cascade = _run(truth, truth_file, _open(args), EnsembleOptions(cascade=True), fit)
    runs = {
        **{name: fitted[name] for name in MEMBERS},
        PLAIN: plain['ensemble'],
        'ensemble, fitted': fitted['ensemble'],
        'cascade, fitted': cascade['ensemble'],
    }
    asked = sum(map(len, cascade[MEMBERS[1]])) / sum(map(len, cascade[MEMBERS[0]]))
    return {
        'members': list(MEMBERS),
        'fit': {'first_seed': FIT_SEED, 'scenes': FIT_SCENES, 'learned_from': fit.learned_from},
        'test': {'first_seed': TEST_SEED, 'scenes': TEST_SCENES, 'boxes': len(truth.boxes)},
        'seconds': SECONDS,
        'protocol': PROTOCOL,
        'cascade': {'asked': asked},
        'machine': machine(),
        **_compare(truth, runs),
        'ms': {name: _milliseconds(clips) for name, clips in runs.items() if name != PLAIN},
    }


def _scenes(args: argparse.Namespace, seed: int, scenes: int) -> Path:
    chosen = argparse.Namespace(work=args.work, seed=seed, scenes=scenes, seconds=SECONDS)
    return render_scenes(chosen)


def _open(args: argparse.Namespace) -> list[TimedLocalizer]:
    chosen = argparse.Namespace(shared=args.shared, work=args.work, beside=MEMBERS[1:])
    return [TimedLocalizer(each.localizer()) for each in contenders(chosen)]


def _fit(args: argparse.Namespace, truth_file: Path) -> EnsembleFit:
    """Return what is learned on other scenes."""
    members, truth = _open(args), read_truth(truth_file)
    try:
        frames = run_members(members, truth, [truth_file.parent], 25.0)
        where = f'{len(frames)} frames of {len(truth.videos)} scenes'
        return fit_ensemble(frames, MEMBERS, [member.labels for member in members], where).fit
    finally:
        _close(members)


class _Replay(TimedLocalizer):
    """Says again what a member said of the same frames."""

    def __init__(self, member: TimedLocalizer) -> None:
        super().__init__(member)
        self._said = iter([each for clip in member.clips for each in clip])

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take one frame."""
        each = next(self._said)
        assert each.stamp == frames[0].stamp
        self.clips[-1].append(each)
        return [each.detections]

    def reset(self, camera: str | None = None) -> None:
        """Begin a new clip."""
        if camera is None:
            self.clips.append([])

    def close(self) -> None:
        """Do nothing: the member is closed."""


def _run(
    truth: GroundTruth,
    truth_file: Path,
    members: Sequence[TimedLocalizer],
    options: EnsembleOptions,
    fit: EnsembleFit | None,
) -> Runs:
    """Run an ensemble over all scenes; return what it and its members detect."""
    ensemble = TimedLocalizer(EnsembleLocalizer('ensemble', members, options, fit))
    try:
        run_model(ensemble, truth, [truth_file.parent], 25.0)
    finally:
        _close(members)
    found = {name: member.clips for name, member in zip(MEMBERS, members, strict=True)}
    classes = {
        name: class_ids(model.labels, truth)
        for name, model in (*zip(MEMBERS, members, strict=True), ('ensemble', ensemble))
    }
    return {
        name: [[_under(each, classes[name]) for each in clip] for clip in clips]
        for name, clips in {**found, 'ensemble': ensemble.clips}.items()
    }


def _close(members: Sequence[Localizer]) -> None:
    for member in members:
        member.close()


def _under(timed: TimedDetections, classes: np.ndarray) -> TimedDetections:
    """Return detections with their actions by the ground truth's class ids."""
    found = timed.detections
    actions = np.zeros((len(found), 1 + classes.max()), np.float32)
    actions[:, classes[classes >= 0]] = found.actions[:, classes >= 0]
    kept = type(found)(found.boxes, found.scores, actions, found.clip)
    return TimedDetections(timed.stamp, timed.width, timed.height, kept, timed.duration)


def _milliseconds(clips: Sequence[Sequence[TimedDetections]]) -> dict[str, float]:
    took = 1000 * np.array([each.duration for clip in clips for each in clip])
    return {'median': float(np.median(took)), 'mean': float(took.mean())}


def _compare(truth: GroundTruth, runs: Runs) -> dict[str, Any]:
    """Return frame-mAP with intervals over scenes, and differences from the best member."""
    found = {name: _boxes(truth, clips) for name, clips in runs.items()}
    figures = resampled(truth, found, find_protocol(PROTOCOL))
    best = max(MEMBERS, key=lambda name: figures[name].value)
    return {
        'best_member': best,
        'frame_map': {
            name: {
                'value': each.value,
                'interval': interval(each.drawn),
                'above_best': each.value - figures[best].value,
                'above_best_interval': interval(each.drawn - figures[best].drawn),
            }
            for name, each in figures.items()
        },
    }


def _boxes(truth: GroundTruth, clips: Sequence[Sequence[TimedDetections]]) -> FrameBoxes:
    return join(
        [
            _labelled(video, frame + truth.first_frame, each)
            for video, clip in enumerate(clips)
            for frame, each in enumerate(clip)
        ]
    )


def _labelled(video: int, frame: int, timed: TimedDetections) -> FrameBoxes:
    scores = timed.detections.actions
    actor, action = np.nonzero(scores >= LEAST_SCORE)
    return FrameBoxes(
        np.full(len(actor), video, np.int64),
        np.full(len(actor), frame, np.int64),
        action.astype(np.int64),
        timed.detections.boxes[actor].astype(np.float64),
        scores[actor, action].astype(np.float64),
    )


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text."""
    figures, cascade = numbers['frame_map'], numbers['cascade']
    fit, test = numbers['fit'], numbers['test']
    rows = [
        (
            name,
            each['value'],
            span(each['interval']),
            '' if name == numbers['best_member'] else f'{each["above_best"]:+.3f}',
            '' if name == numbers['best_member'] else span(each['above_best_interval']),
            *(_time(numbers['ms'].get(name), key) for key in ('median', 'mean')),
        )
        for name, each in figures.items()
    ]
    head = ('model', 'frame-mAP@0.5', '95 %', 'above best', '95 %', 'ms, median', 'ms, mean')
    return f"""## Ensembles

`ensemble({','.join(numbers['members'])})` on {test['scenes']} synthetic scenes of \
{numbers['seconds']:g} s (seeds from {test['first_seed']}, {SIZE[0]}×{SIZE[1]}, \
{test['boxes']:,} labelled boxes), fitted by `actloc ensemble-fit`'s code on \
{fit['learned_from']} (seeds from {fit['first_seed']}). No member was trained on either; \
`MultiPose` is MoveNet MultiPose with `skeleton_n`. \
Protocol `{numbers['protocol']}`. Intervals: {RESAMPLES} bootstraps over scenes; *above best*: \
than `{numbers['best_member']}`, on the same scenes.

{table(head, rows)}

*Plain averages*: without a fit. The cascade asks `{numbers['members'][1]}` only where \
`{numbers['members'][0]}` is unsure, without a budget, so that the machine's speed changes \
nothing: at {100 * cascade['asked']:.0f} % of the frames. {numbers['machine']}, beside other \
programs: times say only how models compare.
"""


def _time(took: Mapping[str, float] | None, key: str) -> str:
    return '–' if took is None else f'{took[key]:.1f}'
