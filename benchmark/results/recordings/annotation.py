"""Count what a person saves who corrects a model's annotation in place of starting from nothing."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from actloc_ros.recordings.annotate.actors import open_annotations
from actloc_ros.recordings.annotate.savings import measure_savings
from benchmark.results.recordings.annotation_loop import AFTER, BEFORE, actloc_command, go_round

SEED, SECONDS, RATE = 9300, 20, 15
RIGHT = (0.5, 0.7)  # IoU from which a box is left as it is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this section."""
    parser.add_argument(
        '--annotation-scenes',
        type=int,
        default=4,
        metavar='N',
        help='rendered scenes that a person would annotate; default: %(default)s',
    )


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the counts for the default on rendered scenes, and for a round of the loop."""
    work = args.work / 'annotation'
    truth = _render(work / 'scenes', args.annotation_scenes)
    started = work / 'started'
    for video in sorted((work / 'scenes').glob('*.mp4')):
        out = started / f'{video.stem}.xml'
        actloc_command('annotate', str(video), '--out', str(out))
        (started / video.name).symlink_to(video.absolute())
    start, right = open_annotations(started), open_annotations(truth)
    scenes = {str(iou): asdict(measure_savings(start, right, iou)) for iou in RIGHT}
    count = len(right.videos)
    loop = go_round(work / 'loop')
    rounds = {BEFORE: asdict(loop.before), AFTER: asdict(loop.after)}
    return {'count': count, 'scenes': scenes, 'loop': rounds}


def section(numbers: dict[str, Any]) -> str:
    """Return the part of the document."""
    rows = [
        _row(f'`pose_n`, boxes right from IoU {iou}', savings)
        for iou, savings in numbers['scenes'].items()
    ]
    names = {BEFORE: 'before', AFTER: 'after'}
    rows += [
        _row(f'`{model}`, {names[model]} training on corrections', savings)
        for model, savings in numbers['loop'].items()
    ]
    return f"""### Annotation savings

What a person does to make an annotation right, from nothing and from what `actloc annotate`
writes: *boxes* are key frames drawn, moved or set `outside` (lines between them within 2 px of the
truth), *labels* are values chosen (0.5 s around a change do not count), *tracks* are removed or
joined. Last, the share of true boxes that the start has right, and with the right actions, all and
no others. First {numbers['count']} rendered scenes of {SECONDS} s that nothing was trained on; of
their actions `pose_n` does not know waving, pointing, pushing and handing over. Then one round of
the loop: `motion` starts, corrected CVAT XML of four films of 2 s trains `hog_hof`, and both start
on a new film of a figure that nods and then shakes; boxes right from IoU 0.5. A stretch that is
right but for its first second still costs a label: `hog_hof` decides late.

| start | boxes | labels | tracks | saved | right boxes | with the right actions |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}
"""


def _row(name: str, numbers: dict[str, Any]) -> str:
    nothing, corrected, frames = numbers['nothing'], numbers['corrected'], numbers['frames']
    total = [sum(each.values()) for each in (nothing, corrected)]
    counts = ' | '.join(f'{nothing[key]} → {corrected[key]}' for key in ('boxes', 'labels'))
    shares = ' | '.join(
        f'{numbers[key] / max(1, frames):.2f}' for key in ('right_boxes', 'right_labels')
    )
    saved = 1 - total[1] / max(1, total[0])
    return f'| {name} | {counts} | {corrected["tracks"]} | {saved:.0%} | {shares} |'


def _render(folder: Path, count: int) -> Path:
    """Render the scenes, and return their truth."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    size = ['--seconds', str(SECONDS), '--rate', str(RATE), '--seed', str(SEED)]
    actloc_command('synth', str(folder), '--count', str(count), *size)
    return folder / 'annotations.json'
