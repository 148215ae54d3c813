"""Play into a topic: a bag, a video or a folder with its own timing, or a stream as it comes."""

from __future__ import annotations

import argparse
import sys
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

import cv2
import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from actloc_ros.frames import NANOSECONDS, Frame, nanoseconds
from actloc_ros.io.source import DEFAULT_RATE, Source, SourceError
from actloc_ros.io.source_bag import COMPRESSED_IMAGE, BagSource
from actloc_ros.io.sources import open_source
from actloc_ros.io.stream.source import StreamSource
from actloc_ros.messages import header_message, time_message
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.common.signals import stop_event

DEPTH = 100  # messages that the publisher keeps for slow subscribers
CHECK_EVERY = 32  # messages after which they must have kept up
ACKNOWLEDGE = 10.0  # s
CLOCK_PERIOD = 0.01  # s
WAIT = 60.0  # s
OK, FAILED = 0, 2


@dataclass(frozen=True)
class StampedMessage:
    """What to publish, and when.

    Attributes:
        stamp: The header's stamp in ns.
        message: A message, or its bytes as they were recorded.
    """

    stamp: int
    message: Any


def main(args: Sequence[str] | None = None) -> int:
    """Run the player and return its exit code."""
    argv = list(sys.argv if args is None else args)
    options = _parser().parse_args(remove_ros_args(argv)[1:])
    stop = stop_event()
    rclpy.init(args=argv, signal_handler_options=SignalHandlerOptions.NO)
    node = Node('player')
    try:
        return _play(node, options, stop)
    except (SourceError, TimeoutError) as error:
        print(f'play: error: {error}', file=sys.stderr)
        return FAILED
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='play',
        description='Play a video, a folder of images, a bag or a live stream into the topic '
        '`image` (or `image/compressed`), remappable as ever: --ros-args -r image:=/camera/image',
    )
    parser.add_argument(
        'source', help='a video, a folder of images, a bag, or rtsp://… (see README)'
    )
    parser.add_argument('--topic', help='image topic to play, where a bag has several')
    parser.add_argument(
        '--rate', type=_positive, default=1.0, help='speed; 2 is twice as fast (default: 1)'
    )
    parser.add_argument('--loop', action='store_true', help='begin again at the end, until stopped')
    parser.add_argument(
        '--clock', action='store_true', help='publish /clock, for nodes with use_sim_time'
    )
    parser.add_argument(
        '--wait',
        type=int,
        default=0,
        metavar='N',
        help=f'begin when N subscribers are there; give up after {WAIT:.0f} s',
    )
    parser.add_argument(
        '--epoch',
        type=int,
        metavar='S',
        help='time in s that is added to the stamps of a video or folder, which begin at 0 '
        '(default: now). A bag keeps its stamps',
    )
    parser.add_argument(
        '--compressed', action='store_true', help='send a video, folder or stream as JPEG'
    )
    parser.add_argument('--best-effort', action='store_true', help='offer QoS best effort')
    parser.add_argument(
        '--fps',
        type=_positive,
        default=DEFAULT_RATE,
        help='rate of a folder of images in Hz (default: %(default)s)',
    )
    parser.add_argument(
        '--patience',
        type=float,
        metavar='S',
        help='for how many s a live stream may send nothing (default: 60; 0: for ever)',
    )
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float('inf'):
        raise argparse.ArgumentTypeError(f'{text} is not above 0')
    return value


def _play(node: Node, options: argparse.Namespace, stop: Event) -> int:
    source = _open(options)
    compressed = options.compressed
    if isinstance(source, BagSource):
        compressed = source.type == COMPRESSED_IMAGE
    publisher = _advertise(node, compressed, options.best_effort)
    clock = node.create_publisher(Clock, '/clock', 10) if options.clock else None
    _wait(publisher, options.wait, stop)
    node.get_logger().info(f'playing {source.title} into {publisher.topic_name}')
    epoch = int(time.time()) if options.epoch is None else options.epoch
    sent = 0
    while not stop.is_set():
        if isinstance(source, StreamSource):
            paced = _messages(source.frames(stop), compressed, 0)
        else:
            items = _items(source, compressed, epoch * NANOSECONDS)
            paced = _paced(items, options.rate, clock, stop)
        for item in paced:
            publisher.publish(item.message)
            sent += 1
            if sent % CHECK_EVERY == 0:
                _let_keep_up(node, publisher)
        if not options.loop:
            break
    if not stop.is_set():
        _let_keep_up(node, publisher)
        broken = f'; {source.broken} broken ones left out' if source.broken else ''
        node.get_logger().info(f'played {sent} images{broken}')
    return OK


def _open(options: argparse.Namespace) -> Source:
    source = open_source(options.source, options.topic, rate=options.fps, patience=options.patience)
    if isinstance(source, BagSource) and (options.compressed or options.epoch is not None):
        raise SourceError(
            f'{source.path} is a bag, which is played as it was recorded: leave out --compressed '
            'and --epoch'
        )
    given = options.clock, options.epoch is not None, options.loop, options.rate != 1
    if source.live and any(given):
        raise SourceError(
            f'{source.title} is live, with the time of this machine: leave out --clock, --epoch, '
            '--loop and --rate'
        )
    return source


def _advertise(node: Node, compressed: bool, best_effort: bool) -> Publisher:
    reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
    kind, name = (CompressedImage, 'image/compressed') if compressed else (Image, 'image')
    return node.create_publisher(kind, name, QoSProfile(depth=DEPTH, reliability=reliability))


def _wait(publisher: Publisher, count: int, stop: Event) -> None:
    deadline = time.monotonic() + WAIT
    while publisher.get_subscription_count() < count and not stop.wait(0.05):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f'{publisher.get_subscription_count()} instead of {count} subscribers of '
                f'{publisher.topic_name} after {WAIT:.0f} s; is the topic remapped as theirs is?'
            )


def _let_keep_up(node: Node, publisher: Publisher) -> None:
    """Wait until reliable subscribers have all, so that none of them loses a message."""
    if not publisher.wait_for_all_acked(Duration(seconds=ACKNOWLEDGE)):
        node.get_logger().warning(
            f'a subscriber of {publisher.topic_name} has not kept up for {ACKNOWLEDGE:.0f} s: '
            'it loses images'
        )


def _items(source: Source, compressed: bool, epoch: int) -> Iterator[StampedMessage]:
    """Yield what to publish; a bag's messages as they are."""
    if isinstance(source, BagSource):
        for raw in source.messages():
            yield StampedMessage(raw.stamp, raw.data)
        return
    yield from _messages(source, compressed, epoch)


def _messages(frames: Iterable[Frame], compressed: bool, epoch: int) -> Iterator[StampedMessage]:
    make = _compressed_image if compressed else _image
    for frame in frames:
        stamp = frame.stamp + epoch
        yield StampedMessage(stamp, make(frame, stamp))


def _paced(
    items: Iterator[StampedMessage], rate: float, clock: Publisher | None, stop: Event
) -> Iterator[StampedMessage]:
    """Yield items when they are due, by their stamps; begin again where a stamp jumps back."""
    begin, first, previous = 0.0, 0, 0
    for item in items:
        if not begin or item.stamp < previous:
            begin, first = time.monotonic(), item.stamp
        previous = item.stamp
        due = begin + (item.stamp - first) / NANOSECONDS / rate
        while (left := due - time.monotonic()) > 0 and not stop.wait(min(left, CLOCK_PERIOD)):
            if clock:
                now = first + nanoseconds((time.monotonic() - begin) * rate)
                _publish_clock(clock, min(now, item.stamp))
        if stop.is_set():
            return
        if clock:
            _publish_clock(clock, item.stamp)
        yield item


def _publish_clock(clock: Publisher, now: int) -> None:
    clock.publish(Clock(clock=time_message(ros_type, now)))


def _image(frame: Frame, stamp: int) -> Image:
    return Image(
        header=header_message(ros_type, stamp, frame.frame_id),
        height=frame.height,
        width=frame.width,
        encoding='rgb8',
        step=3 * frame.width,
        data=array('B', frame.image.tobytes()),
    )


def _compressed_image(frame: Frame, stamp: int) -> CompressedImage:
    encoded, data = cv2.imencode('.jpg', cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    if not encoded:
        raise SourceError(f'an image of {frame.width}x{frame.height} pixels is too large for JPEG')
    return CompressedImage(
        header=header_message(ros_type, stamp, frame.frame_id),
        format='rgb8; jpeg compressed bgr8',
        data=array('B', data.tobytes()),
    )
