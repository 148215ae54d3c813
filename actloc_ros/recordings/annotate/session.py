"""Run the pipeline on a recording, and write what it says in a format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from actloc_ros.files import refuse_input
from actloc_ros.frames import Frame
from actloc_ros.io.source import DEFAULT_RATE, Source, SourceError
from actloc_ros.io.source_bag import BagSource
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.offline import localize, pipeline_label_info
from actloc_ros.pipeline import Pipeline
from actloc_ros.recordings.annotate.annotation import AnnotateError, RecordingAnnotation
from actloc_ros.recordings.annotate.collect import AnnotationCollector
from actloc_ros.recordings.annotate.formats.foxglove import (
    ReportSpool,
    refuse_foxglove,
    write_foxglove,
)
from actloc_ros.recordings.annotate.formats.writers import WRITERS
from actloc_ros.recordings.annotate.formats.written import WriteOptions, Written
from actloc_ros.recordings.annotate.review import review_first
from actloc_ros.sinks import EventSink

FOXGLOVE = 'foxglove'
FORMATS = (*WRITERS, FOXGLOVE)
FRAMES_OF_A_BAG = 'annotation tools open no bags, so its frames are in {path}, which it is about'


@dataclass(frozen=True)
class AnnotateOptions:
    """What is to be made.

    Attributes:
        to: The format, of `FORMATS`.
        out: The file, or of `ava` and `mot` the folder, to write.
        review_first: Whether actors come in the order of their uncertainty, not of time.
        write: How it is written.

    Raises:
        AnnotateError: The format is not of these.
    """

    to: str
    out: Path
    review_first: bool = False
    write: WriteOptions = field(default_factory=WriteOptions)

    def __post_init__(self) -> None:
        if self.to not in FORMATS:
            raise AnnotateError(f'format is {self.to!r}; formats are {", ".join(FORMATS)}')


@dataclass(frozen=True, eq=False)
class AnnotateOutcome:
    """What came of it.

    Attributes:
        annotation: What the model says.
        written: The files and what they cannot hold.
        broken: Frames that could not be decoded.
        failure: Where the recording breaks off; the annotation ends there.
    """

    annotation: RecordingAnnotation
    written: Written
    broken: int
    failure: SourceError | None


def annotate(
    source: Source,
    pipeline: Pipeline,
    options: AnnotateOptions,
    progress: Callable[[], object] = lambda: None,
) -> AnnotateOutcome:
    """Annotate a recording.

    Where it breaks off after some frames, what was found until then is written.

    Args:
        source: The recording.
        pipeline: What localizes.
        options: What is to be made.
        progress: Called after each frame.

    Raises:
        AnnotateError: The format cannot hold it, or the recording is a live stream.
        OutputError: A file cannot be written.
        SourceError: Not one frame can be read.
    """
    if source.live:
        raise AnnotateError(f'{source.title} is a live stream; record it, and annotate that')
    _make_room(source, options)
    media = _media(source, options)
    with ExitStack() as stack:
        collector = AnnotationCollector(source)
        sinks: list[EventSink] = [collector]
        if options.to == FOXGLOVE:
            refuse_foxglove(source)
            spool = stack.enter_context(ReportSpool(pipeline_label_info(pipeline)))
            sinks.append(spool)
        read = _ReadOnce(source, collector)
        with ExitStack() as video:
            if media != source.path:
                rate = source.rate or DEFAULT_RATE
                read.video = video.enter_context(VideoWriter(media, rate))
            for report in localize(read, pipeline):
                for sink in sinks:
                    sink.write(report)
                if report.frame is not None:
                    progress()
        annotation = collector.annotation(pipeline.labels, pipeline.name, media)
        if options.review_first:
            annotation = review_first(annotation)
        if options.to == FOXGLOVE:
            written = write_foxglove(
                annotation, options.out, options.write, source, collector.stamps, spool
            )
        else:
            written = WRITERS[options.to].write(annotation, options.out, options.write)
    if media != source.path:
        note = FRAMES_OF_A_BAG.format(path=media)
        written = Written((*written.files, media), (*written.notes, note))
    return AnnotateOutcome(annotation, written, source.broken, read.failure)


def _make_room(source: Source, options: AnnotateOptions) -> None:
    """Make the folder that is written to, and refuse what cannot be written."""
    folder = options.to != FOXGLOVE and WRITERS[options.to].folder
    if folder and options.out.is_file():
        raise AnnotateError(f'{options.out} is a file; of {options.to} name a folder')
    if not folder and options.out.is_dir():
        raise AnnotateError(f'{options.out} is a folder; name a file')
    refuse_input(options.out, source.path)
    (options.out if folder else options.out.parent).mkdir(parents=True, exist_ok=True)


def _media(source: Source, options: AnnotateOptions) -> Path:
    """Return what annotation tools show: the recording, or of a bag a video beside the output."""
    if not isinstance(source, BagSource) or options.to == FOXGLOVE:
        return source.path
    if WRITERS[options.to].folder:
        return options.out / f'{source.path.stem}.mp4'
    return options.out.with_suffix('.mp4')


class _ReadOnce(Source):
    """Reads a recording as far as it can be read, and counts its frames on the way.

    Attributes:
        failure: Where the recording breaks off after some frames.
        video: Takes each frame, where there is one.
    """

    def __init__(self, source: Source, collector: AnnotationCollector) -> None:
        self.path, self.camera = source.path, source.camera
        self.rate, self.length = source.rate, source.length
        self.failure: SourceError | None = None
        self.video: VideoWriter | None = None
        self._source, self._collector = source, collector

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames."""
        try:
            for frame in self._source:
                self._collector.add_frame(frame.stamp, frame.width, frame.height)
                if self.video is not None:
                    self.video.write(frame.stamp, frame.image)
                yield frame
        except SourceError as error:
            if not self._collector.frames:
                raise
            self.failure = error
