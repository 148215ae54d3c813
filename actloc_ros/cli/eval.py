"""Measure detections against ground truth: `actloc eval`."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from actloc_ros.datasets.files import read_predictions, read_truth
from actloc_ros.evaluation.boxes import EvaluationError, GroundTruth, Predictions
from actloc_ros.evaluation.evaluate import evaluate
from actloc_ros.evaluation.precision import AVERAGES
from actloc_ros.evaluation.protocols import PROTOCOLS, Protocol, find_protocol

HELP = 'measure detections, or a model on videos, against ground truth'


def add_parser(subparsers: Any) -> None:
    """Add `actloc eval` to the subcommands."""
    parser = subparsers.add_parser('eval', help=HELP, description=HELP)
    parser.add_argument('--protocol', required=True, choices=PROTOCOLS, help='whose conventions')
    parser.add_argument(
        '--ground-truth',
        required=True,
        type=Path,
        metavar='FILE',
        help='AVA csv, pyannot as JSON, or the layout of ACT and MultiSports as JSON',
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the results there as well')
    parser.add_argument(
        '--average',
        choices=AVERAGES,
        help="how AP is averaged, in place of the protocol's own; the figure's name says so",
    )
    parser.add_argument(
        '--linking',
        choices=('trimmed', 'untrimmed'),
        help="cut tubes to their action's time or not, in place of the protocol's own way",
    )
    _add_truth_options(parser)
    _add_source_options(parser)
    parser.set_defaults(run=run)


def _add_truth_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('ground truth')
    group.add_argument(
        '--label-map', type=Path, metavar='FILE', help='AVA: the evaluated classes, a pbtxt'
    )
    group.add_argument(
        '--excluded', type=Path, metavar='FILE', help='AVA: csv of excluded videos and timestamps'
    )
    group.add_argument(
        '--split', type=int, default=1, metavar='N', help='which split, from 1, of ACT layout'
    )


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('what is measured: files of detections, or a model')
    group.add_argument(
        '--detections', type=Path, metavar='FILE', help='detections in a format of the same family'
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print the report."""
    protocol = _protocol(arguments)
    truth = read_truth(
        arguments.ground_truth, arguments.label_map, arguments.excluded, arguments.split
    )
    trimmed = None if arguments.linking is None else arguments.linking == 'trimmed'
    report = evaluate(truth, _predictions(arguments, truth), protocol, trimmed)
    print(report.text())
    if arguments.json:
        arguments.json.write_text(json.dumps(report.data(), indent=2) + '\n')
    return 0


def _protocol(arguments: argparse.Namespace) -> Protocol:
    protocol = find_protocol(arguments.protocol)
    if arguments.average is None:
        return protocol
    return dataclasses.replace(
        protocol,
        name=f'{protocol.name} ({arguments.average} AP)',
        frame_average=arguments.average,
        video_average=arguments.average,
    )


def _predictions(arguments: argparse.Namespace, truth: GroundTruth) -> Predictions:
    if arguments.detections is None:
        raise EvaluationError('nothing to measure; give --detections')
    return read_predictions(arguments.detections, truth)
