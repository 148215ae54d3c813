"""Draw a bag's detections into a video of the recording that they were made from."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from actloc_ros.files import refuse_input
from actloc_ros.frames import NANOSECONDS, Frame, nanoseconds
from actloc_ros.io.bags import read_detections, read_joint_names
from actloc_ros.io.drawing import draw_message
from actloc_ros.io.source import DEFAULT_RATE
from actloc_ros.io.sources import open_source
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.messages import stamp_of

# A frame that was not processed shows what the one before it gave, no longer than this.
HOLD = nanoseconds(0.5)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'draw',
        help='draw detections into a video of their recording',
        description='Draw a bag of detections into a video of their recording, matched by stamp.',
    )
    parser.add_argument('source', help='a video, a folder of images or a bag')
    parser.add_argument('bag', help='a bag of detections')
    parser.add_argument('--out', required=True, metavar='VIDEO', help='the video to write')
    parser.add_argument('--topic', help='image topic, where the source is a bag with several')
    parser.add_argument('--camera', default='', help='camera whose detections to draw')
    parser.add_argument(
        '--epoch',
        type=int,
        default=0,
        metavar='S',
        help='time in s that `play --epoch` added to the stamps of a video or folder',
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw, and print where the video is."""
    source = open_source(arguments.source, arguments.topic, arguments.camera)
    refuse_input(arguments.out, arguments.source, arguments.bag)
    messages = [m for m in read_detections(arguments.bag) if m.camera == arguments.camera]
    if not messages:
        raise ValueError(f'{arguments.bag} has no detections of camera "{arguments.camera}"')
    frames = tqdm(source, total=source.length, unit='frame', disable=None)
    epoch = arguments.epoch * NANOSECONDS
    rate, names = source.rate or DEFAULT_RATE, read_joint_names(arguments.bag)
    try:
        draw_video(frames, messages, arguments.out, rate, epoch, names)
    except NoMatchError:
        raise ValueError(
            f'no stamp of {arguments.bag} is one of {arguments.source}; if the source was played '
            'with --epoch, give the same here'
        ) from None
    print(arguments.out)
    return 0


class NoMatchError(ValueError):
    """No detections belong to any frame; no video is written then."""


def draw_video(
    frames: Iterable[Frame],
    messages: Iterable[Any],
    out: str | Path,
    rate: float,
    epoch: int = 0,
    joint_names: Sequence[str] = (),
) -> None:
    """Write the video `out` of `frames` with the `messages` that belong to them.

    Args:
        frames: Of one camera.
        messages: `ActionDetectionArray`s of that camera.
        out: The video to write.
        rate: Its nominal frames per second.
        epoch: Time in ns by which the messages' stamps are later than the frames'.
        joint_names: Names of the messages' joints, in order; without, joints have no limbs.

    Raises:
        NoMatchError: No frame has a message of its own.
        OutputError: The video cannot be written.
    """
    drawn = 0
    with VideoWriter(out, rate) as video:
        for frame, message, exact in _matched(frames, messages, epoch):
            drawn += exact
            image = frame.image
            if message is not None:
                image = draw_message(image, message, joint_names)
            video.write(frame.stamp, image)
        if not drawn:
            raise NoMatchError('no stamp of the detections is one of a frame')


def _matched(
    frames: Iterable[Frame], messages: Iterable[Any], epoch: int
) -> Iterator[tuple[Frame, Any, bool]]:
    """Yield each frame with its message, else a recent one, and whether it is its own."""
    by_stamp: dict[int, Any] = {}
    for message in messages:  # of one stamp the first counts; a later one only ends what was open
        by_stamp.setdefault(stamp_of(message.header.stamp) - epoch, message)
    recent, since = None, 0
    for frame in frames:
        own = by_stamp.get(frame.stamp)
        if own is not None:
            recent, since = own, frame.stamp
        elif not 0 <= frame.stamp - since <= HOLD:
            recent = None
        yield frame, recent, own is not None
