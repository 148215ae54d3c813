"""Measure detections against ground truth: `actloc eval`."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from actloc_ros.cli.support.eval_in_time import measure_in_time, refuse_options
from actloc_ros.datasets.formats.ava import OFFICIAL
from actloc_ros.datasets.formats.evaluation_files import read_predictions, read_truth
from actloc_ros.datasets.formats.joint_files import read_joint_detections
from actloc_ros.evaluation.any_action import actors_of_predictions, actors_of_truth
from actloc_ros.evaluation.evaluate import evaluate
from actloc_ros.evaluation.joints import COCO_JOINTS_PROTOCOL, JointReport, measure_joints
from actloc_ros.evaluation.precision import AVERAGES
from actloc_ros.evaluation.protocols import PROTOCOLS, Protocol, find_protocol
from actloc_ros.evaluation.report import Report
from actloc_ros.evaluation.restrict import named_videos, restrict_predictions, restrict_truth
from actloc_ros.evaluation.temporal.protocols import TIME_PROTOCOLS
from actloc_ros.evaluation.temporal.report import TimeReport
from actloc_ros.files import refuse_input, write_whole
from actloc_ros.truth.boxes import EvaluationError, GroundTruth, Predictions
from actloc_ros.truth.joints import read_joint_truth

READ = ('ground_truth', 'label_map', 'excluded', 'video_list', 'weights')
OWN = ('tracks', 'online')  # what only a model has
HELP = 'measure detections, or a model on videos, against ground truth'


def add_parser(subparsers: Any) -> None:
    """Add `actloc eval` to the subcommands."""
    parser = subparsers.add_parser('eval', help=HELP, description=HELP)
    parser.add_argument(
        '--protocol',
        required=True,
        choices=(*PROTOCOLS, COCO_JOINTS_PROTOCOL, *TIME_PROTOCOLS),
        help='whose conventions',
    )
    parser.add_argument(
        '--ground-truth',
        required=True,
        type=Path,
        metavar='FILE',
        help='AVA csv; pyannot, the layout of ACT and MultiSports, or our own annotations as JSON; '
        "for protocols in time, ActivityNet's JSON, a folder of THUMOS14's texts, or our own",
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the results there as well')
    parser.add_argument(
        '--average',
        choices=AVERAGES,
        help="how AP is averaged, in place of the protocol's own; the figure's name says so",
    )
    parser.add_argument(
        '--linking',
        choices=('trimmed', 'untrimmed', *OWN),
        help="link boxes into tubes and cut these to their action's time, or not, in place of the "
        "protocol's own way; with --model, tracks: cut the robot's own tracks of actors to each "
        "action's time; online: take the robot's own action instances",
    )
    parser.add_argument(
        '--any-action',
        action='store_true',
        help='measure where actors are, whatever they do: all classes count as one',
    )
    _add_truth_options(parser)
    _add_source_options(parser)
    parser.set_defaults(run=run)


def _add_truth_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('ground truth')
    group.add_argument(
        '--label-map',
        type=Path,
        metavar='FILE',
        help=f'AVA: the evaluated classes, a pbtxt; {OFFICIAL}: its official ones',
    )
    group.add_argument(
        '--excluded', type=Path, metavar='FILE', help='AVA: csv of excluded videos and timestamps'
    )
    group.add_argument(
        '--split', type=int, default=1, metavar='N', help='which split, from 1, of ACT layout'
    )
    group.add_argument(
        '--subset', default='', metavar='NAME', help='which subset, of ActivityNet and THUMOS14'
    )
    group.add_argument(
        '--video-list', type=Path, metavar='FILE', help='the videos to measure, a name a line'
    )


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('what is measured: files of detections, or a model')
    group.add_argument(
        '--detections',
        type=Path,
        nargs='+',
        metavar='FILE',
        help='detections in a format of the same family; for joints, a bag or JSON; for protocols '
        "in time, one or more of ActivityNet's results, THUMOS14's texts, scores of frames, bags",
    )
    group.add_argument('--model', help='a model, see `actloc models`, to run on --videos')
    group.add_argument(
        '--videos',
        type=Path,
        nargs='+',
        metavar='PATH',
        help='video files, and folders that hold videos or folders of images',
    )
    group.add_argument('--weights', default='', help="the model's checkpoint")
    group.add_argument(
        '--random-weights', action='store_true', help='run without a checkpoint, to try things out'
    )
    group.add_argument('--device', default='auto', help='cpu, cuda, cuda:N or auto')
    group.add_argument('--precision', default='auto', help='float32, float16, bfloat16 or auto')
    group.add_argument(
        '--rate', type=float, default=25.0, metavar='HZ', help='of folders of images (default: 25)'
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print the report."""
    if arguments.json:
        inputs = (getattr(arguments, name) for name in READ)
        many = (*(arguments.detections or ()), *(arguments.videos or ()))
        refuse_input(arguments.json, *filter(None, inputs), *many)
    report = _measure(arguments)
    print(report.text())
    if arguments.json:
        with write_whole(arguments.json) as file:
            file.write_text(json.dumps(report.data(), indent=2) + '\n')
    return 0


def _measure(arguments: argparse.Namespace) -> Report | JointReport | TimeReport:
    if arguments.protocol in TIME_PROTOCOLS:
        return measure_in_time(arguments)
    if arguments.subset:
        raise EvaluationError(f'--subset does not go with {arguments.protocol}')
    if len(arguments.detections or ()) > 1:
        raise EvaluationError(f'{arguments.protocol} measures one file of --detections')
    if arguments.protocol == COCO_JOINTS_PROTOCOL:
        return _measure_joints(arguments)
    return _measure_actions(arguments)


def _measure_actions(arguments: argparse.Namespace) -> Report:
    protocol = _protocol(arguments)
    truth, predictions = _read(arguments, protocol)
    trimmed = {'trimmed': True, 'untrimmed': False}.get(arguments.linking)
    return evaluate(truth, predictions, protocol, trimmed)


def _measure_joints(arguments: argparse.Namespace) -> JointReport:
    if arguments.detections is None or arguments.model:
        raise EvaluationError(
            f'{COCO_JOINTS_PROTOCOL} measures --detections FILE: a bag, as `actloc run --out` '
            'writes it, or JSON'
        )
    refuse_options(arguments, ('average', 'linking', 'any_action', 'label_map', 'excluded'))
    truth = read_joint_truth(arguments.ground_truth)
    if arguments.video_list:
        names = [video.path for video in truth.videos]
        truth = truth.of(named_videos(names, truth.path, arguments.video_list))
    return measure_joints(truth, read_joint_detections(arguments.detections[0], truth))


def _read(arguments: argparse.Namespace, protocol: Protocol) -> tuple[GroundTruth, Predictions]:
    if (arguments.detections is None) == (arguments.model is None):
        raise EvaluationError('give either --detections FILE, or --model NAME and --videos PATH')
    if arguments.linking in OWN and not arguments.model:
        raise EvaluationError(
            f'only a model has tracks and instances of its own; give --model for '
            f'{arguments.linking}'
        )
    truth = read_truth(
        arguments.ground_truth,
        arguments.label_map,
        arguments.excluded,
        arguments.split,
        arguments.any_action,
    )
    chosen: Sequence[int] = range(len(truth.videos))
    if arguments.video_list:
        chosen = named_videos(truth.videos, truth.path, arguments.video_list)
    if arguments.model:
        truth = restrict_truth(truth, chosen)
        predictions = _run_model(arguments, truth, protocol)
    else:
        predictions = read_predictions(arguments.detections[0], truth)
        predictions = restrict_predictions(predictions, truth, chosen)
        truth = restrict_truth(truth, chosen)
    if arguments.any_action:
        return actors_of_truth(truth), actors_of_predictions(predictions)
    return truth, predictions


def _protocol(arguments: argparse.Namespace) -> Protocol:
    protocol = find_protocol(arguments.protocol)
    if arguments.any_action:
        protocol = dataclasses.replace(protocol, name=f'{protocol.name} (any action)')
    if arguments.average is None:
        return protocol
    return dataclasses.replace(
        protocol,
        name=f'{protocol.name} ({arguments.average} AP)',
        frame_average=arguments.average,
        video_average=arguments.average,
    )


def _run_model(
    arguments: argparse.Namespace, truth: GroundTruth, protocol: Protocol
) -> Predictions:
    if not arguments.videos:
        raise EvaluationError('no videos to run the model on; give --videos PATH')
    # Imported here alone: files of detections are measured without PyTorch.
    from actloc_ros.evaluation.run_model import run_model
    from actloc_ros.localizer import LocalizerOptions
    from actloc_ros.models.open import open_localizer

    options = LocalizerOptions(
        weights=arguments.weights,
        random_weights=arguments.random_weights,
        device=arguments.device,
        precision=arguments.precision,
    )
    localizer = open_localizer(arguments.model, options)
    try:
        found = run_model(localizer, truth, arguments.videos, arguments.rate, arguments.any_action)
    finally:
        localizer.close()
    if arguments.linking == 'online':
        return found.online()
    if arguments.linking == 'tracks':
        return found.tracks(protocol.pixel)
    return found.predictions()
