"""Measure the default on real photographs and footage, beside what a user would take instead."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.datasets.formats.evaluation_files import read_truth
from actloc_ros.evaluation.evaluate import evaluate
from actloc_ros.evaluation.frame_map import frame_map
from actloc_ros.evaluation.protocols import find_protocol
from actloc_ros.evaluation.run_model import run_model
from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.models.storage import find_onnx
from benchmark.results import synth
from benchmark.results.common import ResultsError, TimedLocalizer, actor_boxes, machine
from benchmark.results.real.footage import Runner
from benchmark.results.real.home import measure_home
from benchmark.results.real.models import PEERS, SKELETON, WITHOUT, Contender, contenders
from benchmark.results.real.motion import measure_motion
from benchmark.results.real.people import (
    NOBODY,
    STREETS,
    measure_nobody,
    measure_sports,
    measure_streets,
    run_others,
)
from benchmark.results.real.photos import Figures, measure_photographs
from benchmark.results.real.section import section  # noqa: F401 - a part's text

SCENES = 'synthetic scenes'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('real: the default on real footage')
    group.add_argument(
        '--beside',
        nargs='*',
        default=[*PEERS, WITHOUT],
        metavar='MODEL',
        help=f'what is measured beside it, of {", ".join((*PEERS, WITHOUT))}',
    )
    group.add_argument(
        '--real-scenes', type=int, default=3, help='synthetic ones; default: %(default)s'
    )


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part."""
    for folder in ('real', 'data'):
        if not (args.shared / folder).is_dir():
            raise ResultsError(
                f'there is no {args.shared / folder}; give the folder that holds real/ and data/ '
                'with --shared, or name other parts with --only'
            )
    scenes = render_scenes(args)
    models = []
    for contender in contenders(args):
        print(f'  {contender.name}', flush=True)
        models.append(measure_model(contender, args, scenes))
    skeleton = find_onnx(SKELETON)
    assert skeleton is not None, 'the default was opened, so its files are here'
    motion = measure_motion(SkeletonSession(skeleton), args.shared, args.frames)
    return {'models': models, 'motion': motion, 'machine': machine()}


def measure_model(contender: Contender, args: argparse.Namespace, scenes: Path) -> dict[str, Any]:
    """Return the figures of one model by table."""
    tables: dict[str, Figures] = {}
    network = contender.network()
    if network is not None:
        photos = args.shared / 'real/photos'
        tables |= measure_photographs(network, photos, args.frames)
    localizer = contender.localizer()
    try:
        runner = Runner(localizer, args.frames)
        tables[STREETS] = measure_streets(runner, args.shared)
        tables[STREETS] += measure_sports(runner, args.shared)
        tables[NOBODY] = measure_nobody(runner, args.shared, contender.acts)
        run_others(runner, args.shared)
        tables |= measure_home(runner, args.shared, contender.acts)
        tables[SCENES] = measure_scenes(TimedLocalizer(localizer), scenes, contender.acts)
    finally:
        localizer.close()
    return {
        'name': contender.name,
        'files': contender.hashes(),
        'ms_per_step': runner.step_time,
        'tables': tables,
    }


def render_scenes(args: argparse.Namespace) -> Path:
    """Render the synthetic scenes; return their annotations' file."""
    few = {'work': args.work, 'seed': args.seed, 'scenes': args.real_scenes}
    return synth.render_scenes(argparse.Namespace(**few, seconds=args.seconds))


def measure_scenes(model: TimedLocalizer, scenes: Path, acts: bool) -> Figures:
    """Return how well actors are found in synthetic scenes, and known labels with them."""
    protocol = find_protocol(synth.PROTOCOL)
    title = 'scenes of `actloc synth`'
    truth, actors = read_truth(scenes), read_truth(scenes, any_action=True)
    output = run_model(model, truth if acts else actors, [scenes.parent], 25.0, not acts)
    average = frame_map(actors, actor_boxes(model.clips), protocol).value
    rows: Figures = [(title, 'AP@0.5 of actors', average)]
    if acts:
        figures = evaluate(truth, output.predictions(), protocol).figures
        figure = next(each for each in figures if each.name == 'frame-mAP@0.5')
        known = [each.average for each in figure.counted if each.name in model.labels]
        rows.append((title, 'frame-mAP@0.5 of its labels', float(np.mean(known))))
        rows.append((title, 'frame-mAP@0.5 of all labels', figure.value))
    return rows
