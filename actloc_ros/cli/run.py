"""Localize actions in a recording or stream without ROS; print events, write a bag and a video."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from actloc_ros.cli.support.stopping import whole
from actloc_ros.files import refuse_input
from actloc_ros.io.sinks import BagSink, TextSink, VideoSink
from actloc_ros.io.source import DEFAULT_RATE, Source
from actloc_ros.io.sources import open_source
from actloc_ros.io.stream.address import is_stream
from actloc_ros.models.errors import ModelError
from actloc_ros.models.families import SEGMENTERS
from actloc_ros.models.open import side_inputs
from actloc_ros.offline import end, localize_frame, open_pipeline, pipeline_label_info
from actloc_ros.params_file import read_params
from actloc_ros.pipeline import Pipeline
from actloc_ros.settings import Settings, settings_of
from actloc_ros.settings.specs import DEFAULTS
from actloc_ros.sinks import EventSink, Report

OVERRIDES = ('model', 'weights', 'device', 'taught')


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'run',
        help='localize actions in a recording, without ROS',
        description='Localize actions in a recording as the node would, frame by frame, and print '
        'each event.',
    )
    parser.add_argument(
        'source',
        help='a video, a folder of images, a bag, or a live stream: rtsp://…, http://… (MJPEG, '
        'MPEG-TS), tcp://… or udp://… (MPEG-TS)',
    )
    parser.add_argument('--model', help='the localizer (default: pose_n)')
    parser.add_argument('--weights', help="its checkpoint (default: the model's own)")
    parser.add_argument('--device', help='cpu, cuda, cuda:N or auto (default)')
    parser.add_argument('--taught', metavar='FILE', help='actions that `actloc teach` taught')
    parser.add_argument('--params', metavar='FILE', help='parameter file of the node')
    parser.add_argument('--out', metavar='BAG', help='bag of detections to write')
    parser.add_argument('--video', metavar='FILE', help='annotated video to write')
    parser.add_argument(
        '--features',
        metavar='FILE',
        help='features of the recording (.npy), for a model that finds segments in whole ones',
    )
    parser.add_argument(
        '--segments', metavar='FILE', help="its segments to write, as ActivityNet's JSON"
    )
    parser.add_argument('--topic', help='image topic, where the source is a bag with several')
    parser.add_argument('--camera', default='', help="the camera's name in the messages")
    parser.add_argument(
        '--rate',
        type=float,
        default=DEFAULT_RATE,
        metavar='HZ',
        help='rate of a folder of images (default: %(default)s)',
    )
    parser.add_argument(
        '--patience',
        type=float,
        metavar='S',
        help='for how many s a live stream may send nothing (default: 60; 0: for ever)',
    )
    parser.add_argument(
        '--sound-topic', metavar='TOPIC', help='sound topic, where the source is a bag with several'
    )
    parser.add_argument(
        '--sound-format',
        metavar='FORMAT',
        help='what the sound of a bag without AudioInfo is: mp3, or as S16LE,16000,1',
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Localize, and print events and a summary."""
    settings = _settings(arguments)
    source = _open_source(arguments, settings)
    settings = _with_sound(arguments, settings, source)
    if arguments.video:
        refuse_input(arguments.video, arguments.source)
    if settings.model.startswith(SEGMENTERS):
        from actloc_ros.cli.support.run_segments import run_segments

        return run_segments(arguments, source, settings)
    if arguments.features or arguments.segments:
        raise ModelError(
            f'--features and --segments are for models that find segments, not {settings.model}'
        )
    began, frames, early = time.monotonic(), 0, 0

    def take(reports: Iterator[Report]) -> None:
        nonlocal frames, early
        with whole():
            for report in reports:
                frames += report.frame is not None
                early += report.step.stamp < 0
                progress.update(report.frame is not None)
                for sink in sinks:
                    sink.write(report)

    with ExitStack() as stack:
        pipeline = stack.enter_context(closing(open_pipeline(settings)))
        progress = stack.enter_context(tqdm(total=source.length, unit='frame', disable=None))
        sinks = [
            stack.enter_context(sink)
            for sink in _sinks(arguments, source, pipeline, progress.write)
        ]
        try:
            for frame in source:
                take(localize_frame(frame, source, pipeline))
        except KeyboardInterrupt:
            take(end(source, pipeline))
            raise
        take(end(source, pipeline))
    took = time.monotonic() - began
    broken = f', {source.broken} broken frames left out ({source.fault})' if source.broken else ''
    print(f'{frames} frames in {took:.1f} s ({frames / took:.1f} a second){broken}')
    _warn(pipeline, frames, early if arguments.out else 0)
    for path in filter(None, (arguments.out, arguments.video)):
        print(path)
    return 0


def _open_source(arguments: argparse.Namespace, settings: Settings) -> Source:
    if 'sound' in side_inputs(settings.model) and not is_stream(arguments.source):
        from actloc_ros.io.sound.open import SoundSource, is_sound_alone

        path = Path(arguments.source)
        if is_sound_alone(path):
            if arguments.video:
                raise ValueError(f'{path} has no pictures, so that no --video can be made of it')
            return SoundSource(path, arguments.camera, arguments.sound_topic, settings.sound_format)
    return open_source(
        arguments.source,
        arguments.topic,
        arguments.camera,
        arguments.rate,
        arguments.patience,
    )


def _with_sound(arguments: argparse.Namespace, settings: Settings, source: Source) -> Settings:
    """Return the settings with the recording's sound, where the model hears."""
    if 'sound' not in side_inputs(settings.model):
        return settings
    from actloc_ros.io.sound.open import open_sound

    sound = open_sound(source, arguments.sound_topic, settings.sound_format)
    return replace(settings, localizer=replace(settings.localizer, side_inputs=sound))


def _warn(pipeline: Pipeline, frames: int, early: int) -> None:
    """Say what the stamps of a recording cost."""
    dropped = pipeline.repeated, pipeline.unstamped, pipeline.late
    counts = (sum(each.values()) for each in dropped)
    left_out, restarts = sum(counts), sum(pipeline.restarts.values())
    if left_out:
        print(
            f'actloc: warning: {left_out} of {frames + left_out} images were left out, since their '
            'stamps are zero or do not rise; where a node publishes them, fill header.stamp and '
            'record again',
            file=sys.stderr,
        )
    if restarts:
        print(
            f'actloc: warning: all was forgotten {restarts} times, where stamps jump back or '
            f"leave a gap above restart_gap, or the image's size changes",
            file=sys.stderr,
        )
    if early:
        print(
            f'actloc: warning: {early} messages are logged at time 0, since their stamps, which '
            'their headers keep, lie before 1970',
            file=sys.stderr,
        )


def _settings(arguments: argparse.Namespace) -> Settings:
    values = read_params(arguments.params, DEFAULTS) if arguments.params else dict(DEFAULTS)
    given = {name: getattr(arguments, name) for name in OVERRIDES}
    given['sound.format'] = arguments.sound_format
    values.update({name: value for name, value in given.items() if value is not None})
    return settings_of(values)


def _sinks(
    arguments: argparse.Namespace,
    source: Source,
    pipeline: Pipeline,
    write_line: Callable[[str], None],
) -> Iterator[EventSink]:
    """Yield what takes the reports, each opened when it is asked for."""
    yield TextSink(write_line)
    if arguments.out:
        yield BagSink(arguments.out, pipeline_label_info(pipeline))
    if arguments.video:
        yield VideoSink(arguments.video, source.rate or DEFAULT_RATE)
