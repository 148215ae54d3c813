"""Run a model that finds segments in whole recordings, for `actloc run`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tqdm import tqdm

from actloc_ros.files import write_whole
from actloc_ros.io.sinks import BagSink, VideoSink
from actloc_ros.io.source import DEFAULT_RATE, Source
from actloc_ros.models.errors import ModelError
from actloc_ros.models.segments import Segments
from actloc_ros.offline import report_segments, segments_label_info
from actloc_ros.settings import Settings
from actloc_ros.sinks import EventSink


def run_segments(arguments: argparse.Namespace, source: Source, settings: Settings) -> int:
    """Print the segments of a recording, and write what was asked for."""
    from actloc_ros.models.actionformer.segmenter import open_segmenter

    if source.live:
        raise ModelError(
            f'{settings.model} finds segments in whole recordings, and {source.title} is live'
        )
    segmenter = open_segmenter(settings.model, settings.localizer, arguments.features or '')
    threshold = settings.instances.start_score
    threshold = segmenter.threshold if threshold is None else threshold
    for frame in tqdm(source, 'features', source.length, unit='frame', disable=None):
        segmenter.push(frame)
    segments = segmenter.finish()
    likely = segments[segments.scores >= threshold]
    likely = likely[likely.spans[:, 0].argsort(kind='stable')]
    for line in segment_lines(likely, segmenter.labels):
        print(line)
    print(f'{len(likely)} segments that score {threshold:g} or more, of {len(segments)}')
    if arguments.segments:
        write_segments(Path(arguments.segments), source.path.stem, segments, segmenter.labels)
    with ExitStack() as stack:
        info = segments_label_info(segmenter, threshold)
        sinks = [stack.enter_context(sink) for sink in _sinks(arguments, source, info)]
        for report in report_segments(source, segmenter, likely) if sinks else ():
            for sink in sinks:
                sink.write(report)
    for path in filter(None, (arguments.segments, arguments.out, arguments.video)):
        print(path)
    return 0


def segment_lines(segments: Segments, labels: tuple[str, ...]) -> Iterator[str]:
    """Yield a line for each segment."""
    for (start, end), score, label in zip(
        segments.spans.tolist(), segments.scores.tolist(), segments.labels.tolist(), strict=True
    ):
        yield f'{start:6.1f} s to {end:6.1f} s  {labels[label]}  {score:.2f}'


def write_segments(path: Path, video: str, segments: Segments, labels: tuple[str, ...]) -> None:
    """Write all segments as ActivityNet's evaluation takes them."""
    rows = [
        {'label': labels[label], 'score': score, 'segment': span}
        for span, score, label in zip(
            segments.spans.tolist(),
            segments.scores.tolist(),
            segments.labels.tolist(),
            strict=True,
        )
    ]
    content = {'version': 'VERSION 1.3', 'results': {video: rows}, 'external_data': {}}
    with write_whole(path) as file:
        file.write_text(json.dumps(content, indent=1) + '\n')


def _sinks(arguments: argparse.Namespace, source: Source, info: Any) -> Iterator[EventSink]:
    opened: list[tuple[str | None, Callable[[str], EventSink]]] = [
        (arguments.out, lambda path: BagSink(path, info)),
        (arguments.video, lambda path: VideoSink(path, source.rate or DEFAULT_RATE)),
    ]
    yield from (make(path) for path, make in opened if path)
