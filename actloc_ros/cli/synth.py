"""Add `actloc synth`: write videos of synthetic people with exact ground truth."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

from actloc_ros.files import write_whole
from actloc_ros.io.video_writer import QUALITY
from actloc_ros.synth.body import KEYPOINTS
from actloc_ros.synth.scene import SynthFrame, check_arguments, frame_count, render
from actloc_ros.synth.script import LABELS
from actloc_ros.synth.truth_collector import TruthCollector
from actloc_ros.truth.annotations import Annotations, Video
from actloc_ros.truth.plain_json import write_annotations

# A training reads frames at random: it decodes from the key frame before each.
FOOTAGE = QUALITY | {'g': '12'}
SAMPLE_SEED = 12  # its first 20 s show people who walk all ways, run, sit, meet and point


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'synth',
        help='make videos of synthetic people with exact ground truth',
        description='Render articulated people over a moving background. Writes OUT and, beside '
        'it, the ground truth as a .json of the same name; with --count, a folder OUT of videos '
        'with one annotations.json. The same seed gives the same file.',
    )
    parser.add_argument('out', type=Path, metavar='OUT', help='.mp4 file, or folder with --count')
    parser.add_argument(
        '--seed', type=int, default=SAMPLE_SEED, help='scene to render; default: %(default)s'
    )
    parser.add_argument('--seconds', type=float, default=30.0, help='default: %(default)s')
    parser.add_argument('--size', type=parse_size, default=(640, 480), metavar='WxH')
    parser.add_argument('--rate', type=float, default=30.0, help='Hz; default: %(default)s')
    parser.add_argument('--count', type=int, help='how many videos, of rising seeds')
    parser.add_argument(
        '--even',
        action='store_true',
        help='what people rarely do (falling, sitting, pushing and so on) as often as the rest',
    )
    parser.add_argument(
        '--depth',
        action='store_true',
        help='also write a folder of 16-bit PNGs, in mm, 0 where there is no depth',
    )
    parser.set_defaults(run=run)


def parse_size(text: str) -> tuple[int, int]:
    """Read WIDTHxHEIGHT, both even, as video needs them."""
    try:
        width, height = (int(part) for part in text.lower().split('x'))
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is not WIDTHxHEIGHT, as 640x480') from None
    if width % 2 or height % 2 or min(width, height) < 32:
        raise argparse.ArgumentTypeError(f'{text!r}: both must be even and at least 32')
    return width, height


def run(args: argparse.Namespace) -> int:
    """Write what was asked for."""
    check_arguments(args.seed, args.seconds, args.size, args.rate)
    if args.count is None:
        paths, truth = [args.out], args.out.with_suffix('.json')
    else:
        if args.count < 1:
            raise ValueError(f'--count is {args.count}; expected at least 1')
        args.out.mkdir(parents=True, exist_ok=True)
        paths = [args.out / f'synth_{args.seed + index:06d}.mp4' for index in range(args.count)]
        truth = args.out / 'annotations.json'
    videos = []
    total = len(paths) * frame_count(args.seconds, args.rate)
    with tqdm(total=total, unit='frame', disable=None) as progress:
        for index, path in enumerate(paths):
            frames = render(
                args.seed + index, args.seconds, args.size, args.rate, args.depth, args.even
            )
            videos.append(write_scene(path, frames, args.size, args.rate, progress))
    write_annotations(truth, Annotations(LABELS, tuple(videos), tuple(KEYPOINTS)))
    print(f'{args.out}\n{truth}')
    return 0


def write_scene(
    path: Path, frames: Iterator[SynthFrame], size: tuple[int, int], rate: float, progress: tqdm
) -> Video:
    """Write frames as a video (and depth, where they have it, as PNGs); return their truth."""
    if path.suffix.lower() not in ('.mp4', '.mkv', '.mov', '.avi'):
        raise ValueError(f'{path}: unknown kind of video; use .mp4, .mkv, .mov or .avi')
    path.parent.mkdir(parents=True, exist_ok=True)
    collector = TruthCollector(rate)
    with write_whole(path) as file, av.open(str(file), 'w') as container:
        stream = _add_stream(container, size, rate)
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame.image, 'rgb24')
            picture.pts = index
            container.mux(stream.encode(picture))
            collector.add(frame)
            if frame.depth is not None:
                _write_depth(path.with_suffix('.depth'), index, frame.depth)
            progress.update()
        container.mux(stream.encode())
    return collector.video(path.name, size)


def _add_stream(
    container: av.container.OutputContainer, size: tuple[int, int], rate: float
) -> av.VideoStream:
    """Open H.264, or MPEG-4 where PyAV was built without it."""
    exact = Fraction(rate).limit_denominator(1001)
    if 'libx264' in av.codecs_available:
        stream = container.add_stream('libx264', rate=exact, options=FOOTAGE)
    else:
        stream = container.add_stream('mpeg4', rate=exact)
        stream.bit_rate = size[0] * size[1] * 12
    stream.width, stream.height = size
    stream.pix_fmt = 'yuv420p'
    stream.codec_context.time_base = 1 / exact
    return stream


def _write_depth(folder: Path, index: int, depth: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    millimetres = np.where(np.isfinite(depth) & (depth < 65), depth * 1000, 0)
    name = folder / f'{index:06d}.png'
    if not cv2.imwrite(str(name), np.round(millimetres).astype(np.uint16)):
        raise OSError(f'{name}: cannot write the depth image')
