"""Add `actloc dataset`: check, show and split recordings with labels."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from actloc_ros.datasets.spec import FORMATS, PARTS
from actloc_ros.files import OutputError, refuse_input, write_whole

if TYPE_CHECKING:
    from actloc_ros.datasets.annotated_videos import AnnotatedVideos


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand and its own."""
    parser = subparsers.add_parser(
        'dataset',
        help='check, show or split recordings with labels',
        description='Work on recordings with labels, in any format that can be trained on.',
    )
    commands = parser.add_subparsers(dest='action', metavar='ACTION', required=True)
    check = commands.add_parser(
        'check',
        help='list what is wrong and count what is there',
        description='List missing files, impossible boxes, unknown labels and the like, and count '
        'each action. The exit code is 1 where faults must be fixed before training.',
    )
    show = commands.add_parser(
        'show',
        help='draw frames with their boxes and labels',
        description='Draw a page of frames of all labels (an image), or the first 10 s of up to 12 '
        'videos (a video), with boxes and labels.',
    )
    show.add_argument('--out', type=Path, required=True, metavar='FILE', help='.png, .jpg or .mp4')
    split = commands.add_parser(
        'split',
        help='write parts, each with its share of every action, in the plain format',
        description='Write a JSON file in the plain format for each part, beside PATH. A video is '
        'in one part alone, and each part gets its share of every action as well as it goes. With '
        'one part, it turns any format into the plain one.',
    )
    split.add_argument(
        '--parts',
        type=parse_parts,
        required=True,
        metavar='NAME=SHARE,…',
        help='train=0.8,valid=0.2',
    )
    split.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    for command, run in ((check, run_check), (show, run_show), (split, run_split)):
        _add_source(command)
        command.set_defaults(run=run)


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('path', metavar='PATH', help='file or folder of the annotations')
    parser.add_argument('--format', choices=FORMATS, default='actloc', help='default: %(default)s')
    parser.add_argument(
        '--part', choices=PARTS, default='all', help='of an official split; default: %(default)s'
    )
    parser.add_argument('--split', type=int, default=1, help='number of the official split, from 1')
    parser.add_argument('--videos', default='', metavar='FOLDER', help='where the videos lie apart')
    parser.add_argument(
        '--boxes',
        default='',
        metavar='HOW',
        help='of clips without boxes: image, hog, people_n, FILE.yaml, another detector or none',
    )


def parse_parts(text: str) -> dict[str, float]:
    """Read names and shares, as train=0.8,valid=0.2."""
    parts: dict[str, float] = {}
    for piece in text.split(','):
        name, _, share = piece.partition('=')
        name = name.strip()
        try:
            value = float(share)
        except ValueError:
            value = 0.0
        if not name.isidentifier() or name in parts or not 0 < value < float('inf'):
            raise argparse.ArgumentTypeError(
                f'{piece!r} in {text!r}: expected different names and shares above 0, as '
                'train=0.8,valid=0.2'
            )
        parts[name] = value
    return parts


def run_check(args: argparse.Namespace) -> int:
    """Print the findings; return 1 if they are fatal."""
    from actloc_ros.datasets.check import check_dataset

    findings = check_dataset(_open(args))
    print(findings.text())
    return int(findings.fatal)


def run_show(args: argparse.Namespace) -> int:
    """Write the page or the video."""
    import cv2

    from actloc_ros.datasets.preview import preview_page, preview_video
    from actloc_ros.io.video_writer import VideoWriter

    kind = args.out.suffix.lower()
    if kind not in ('.png', '.jpg', '.mp4'):
        raise ValueError(f'--out {args.out}: give a .png, .jpg or .mp4 file')
    videos = _open(args)
    read = (videos.folder / video.path for video in videos.videos)
    refuse_input(args.out, args.path, *filter(None, [args.videos]), *read)
    if kind == '.mp4':
        with VideoWriter(args.out) as writer:
            for stamp, image in preview_video(videos):
                writer.write(stamp, image)
    else:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(args.out) as file:
            if not cv2.imwrite(str(file), cv2.cvtColor(preview_page(videos), cv2.COLOR_RGB2BGR)):
                raise OutputError(f'{args.out}: cannot write the image')
    print(args.out)
    return 0


def run_split(args: argparse.Namespace) -> int:
    """Write the parts; return 1 if something is wrong with the annotations."""
    from actloc_ros.datasets.check import check_dataset, count_classes
    from actloc_ros.datasets.split import split_videos, writable
    from actloc_ros.truth.plain_json import write_annotations

    videos = _open(args)
    findings = check_dataset(videos)
    if findings.fatal:
        print(findings.text())
        return 1
    files = [_part_file(videos.path, name) for name in args.parts]
    parts = split_videos(videos.annotations, list(args.parts.values()), args.seed)
    for file, part in zip(files, parts, strict=True):
        annotations = writable(replace(videos.annotations, videos=part))
        write_annotations(file, annotations)
        print(f'{file}: {len(part)} video{"s" * (len(part) != 1)}')
        for each in count_classes(annotations):
            print(f'  {each.label}: {each.instances} instances, {each.seconds:.1f} s')
    return 0


def _part_file(path: Path, name: str) -> Path:
    file = path.with_name(f'{path.stem}_{name}.json')
    if file.exists():
        raise ValueError(f'{file} exists; remove it, or give the part another name')
    return file


def _open(args: argparse.Namespace) -> AnnotatedVideos:
    from actloc_ros.datasets.readers import DatasetSpec, open_dataset

    source = DatasetSpec(args.path, args.format, args.part, args.split, args.videos, args.boxes)
    return open_dataset(source, Path())
