"""Localize actions in a recording without ROS; print events, write a bag and a video."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

from tqdm import tqdm

from actloc_ros.io.bags import DetectionWriter
from actloc_ros.io.drawing import draw_message
from actloc_ros.io.event_text import event_line
from actloc_ros.io.source import DEFAULT_RATE, Source
from actloc_ros.io.sources import open_source
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.messages import stamp_of
from actloc_ros.offline import Result, localize, open_pipeline
from actloc_ros.params_file import read_params
from actloc_ros.pipeline import Pipeline
from actloc_ros.settings import DEFAULTS, Settings, settings_of

OVERRIDES = ('model', 'weights', 'device')


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'run',
        help='localize actions in a recording, without ROS',
        description='Localize actions in a recording as the node would, frame by frame, and print '
        'each event.',
    )
    parser.add_argument('source', help='a video, a folder of images or a bag')
    parser.add_argument('--model', help='the localizer (default: stream_n)')
    parser.add_argument('--weights', help="its checkpoint (default: the model's own)")
    parser.add_argument('--device', help='cpu, cuda, cuda:N or auto (default)')
    parser.add_argument('--params', metavar='FILE', help='parameter file of the node')
    parser.add_argument('--out', metavar='BAG', help='bag of detections to write')
    parser.add_argument('--video', metavar='FILE', help='annotated video to write')
    parser.add_argument('--topic', help='image topic, where the source is a bag with several')
    parser.add_argument('--camera', default='', help="the camera's name in the messages")
    parser.add_argument(
        '--rate',
        type=float,
        default=DEFAULT_RATE,
        metavar='HZ',
        help='rate of a folder of images (default: %(default)s)',
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Localize, and print events and a summary."""
    source = open_source(arguments.source, arguments.topic, arguments.camera, arguments.rate)
    settings = _settings(arguments)
    began, frames = time.monotonic(), 0
    with ExitStack() as stack:
        pipeline = stack.enter_context(closing(open_pipeline(settings)))
        bag = stack.enter_context(DetectionWriter(arguments.out)) if arguments.out else None
        video = stack.enter_context(_video(arguments.video, source)) if arguments.video else None
        for result in _results(source, pipeline):
            frames += result.frame is not None
            if bag:
                bag.write_detections(result.message)
                for event in result.events:
                    bag.write_event(event)
            if video and result.frame:
                video.write(result.frame.stamp, draw_message(result.frame.image, result.message))
    took = time.monotonic() - began
    broken = f', {source.broken} broken frames left out' if source.broken else ''
    print(f'{frames} frames in {took:.1f} s ({frames / took:.1f} a second){broken}')
    for path in filter(None, (arguments.out, arguments.video)):
        print(path)
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    values = read_params(arguments.params, DEFAULTS) if arguments.params else dict(DEFAULTS)
    given = {name: getattr(arguments, name) for name in OVERRIDES}
    values.update({name: value for name, value in given.items() if value is not None})
    return settings_of(values)


def _video(path: str, source: Source) -> VideoWriter:
    return VideoWriter(path, source.rate or DEFAULT_RATE)


def _results(source: Source, pipeline: Pipeline) -> Iterator[Result]:
    """Yield results, print their events and show how far it is."""
    zero: int | None = None
    with tqdm(total=source.length, unit='frame', disable=None) as progress:
        for result in localize(source, pipeline):
            zero = stamp_of(result.message.header.stamp) if zero is None else zero
            for event in result.events:
                progress.write(event_line(event, zero))
            progress.update(result.frame is not None)
            yield result
