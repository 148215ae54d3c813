"""Index one recording: what every worker does, in whatever process or on whatever machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from actloc_ros.frames import seconds
from actloc_ros.io.source import DEFAULT_RATE, Source, SourceError, is_bag
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import Localizer
from actloc_ros.models.open import open_localizer
from actloc_ros.offline import localize, new_pipeline
from actloc_ros.recordings.index.appearance import Embedder
from actloc_ros.recordings.index.collect import ViewCollector
from actloc_ros.recordings.index.discover import Signature, content_of, signature_of
from actloc_ros.recordings.index.model import (
    IndexedModel,
    IndexedRecording,
    IndexedView,
    recording_key,
)
from actloc_ros.rules.engine import RuleEngine
from actloc_ros.rules.file.rules_file import RulesFile
from actloc_ros.settings import Settings

OFTEN = 0.5  # s between reports of progress
IMAGE_TOPICS = ('/image', '/image/compressed')

OnProgress = Callable[[float, float], None]
"""Takes the share of a recording that is done, and how many s of it that is."""


@dataclass(frozen=True)
class WordsOptions:
    """The network of images and words: its name, and its weights' file."""

    name: str
    weights: Path


@dataclass(frozen=True)
class IndexOptions:
    """What holds for all recordings of a run.

    Attributes:
        settings: Of the localizer, tracks and instances.
        model: What makes the entries.
        max_rate: Frames in Hz that are used at most; 0: all.
        rate: Of folders of images in Hz.
        camera: Name of the camera of what is no bag with several topics.
        rules: That are applied; None without.
        words: What makes vectors of pictures; None without.
    """

    settings: Settings
    model: IndexedModel
    max_rate: float = 0.0
    rate: float = DEFAULT_RATE
    camera: str = ''
    rules: RulesFile | None = None
    words: WordsOptions | None = None


@dataclass(frozen=True)
class Job:
    """A recording to be indexed.

    Attributes:
        path: Where it lies.
        signature: As it was found.
        known: Names of entries that may be of the same content; such a one is not made again.
    """

    path: Path
    signature: Signature
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a job.

    Attributes:
        job: It.
        content: SHA-256 of the recording; empty where it could not be read.
        recording: Its entries; None where there are such already, or none can be made.
        fault: Why none could be made, with the recording's name; empty where nothing was wrong.
    """

    job: Job
    content: str = ''
    recording: IndexedRecording | None = None
    fault: str = ''


class Indexer:
    """Indexes recordings, one after another, with a localizer that stays open."""

    def __init__(self, options: IndexOptions) -> None:
        """Begin; the localizer is opened when it is needed."""
        self._options = options
        self._localizer: Localizer | None = None
        self._embedder: Embedder | None = None

    def run(self, job: Job, on_progress: OnProgress) -> Outcome:
        """Return what becomes of a job; what is wrong with the recording is in it.

        Raises:
            ModelError: The model cannot be used.
        """
        try:
            content = content_of(job.path)
            if recording_key(content, self._options.model) in job.known:
                return Outcome(job, content)
            recording = self._index(job, content, on_progress)
            if signature_of(job.path) != job.signature:
                return Outcome(
                    job, fault=f'{job.path} changed while it was read; index it once it is complete'
                )
            return Outcome(job, content, recording)
        except (SourceError, OSError) as error:
            return Outcome(job, fault=_naming(job.path, str(error)))

    def close(self) -> None:
        """Free the localizer."""
        if self._localizer is not None:
            self._localizer.close()
            self._localizer = None
        self._embedder = None

    def _index(self, job: Job, content: str, on_progress: OnProgress) -> IndexedRecording:
        views: list[IndexedView] = []
        pictures: dict[tuple[int, int], bytes] = {}
        faults = []
        sources = list(_sources(job.path, self._options))
        for index, (camera, source) in enumerate(sources):
            reading = _Reading(index, len(sources), source, on_progress)
            try:
                view, own = self._view(len(views), camera, source, reading)
            except SourceError as error:
                faults.append(str(error))
                continue
            views.append(view)
            pictures |= own
            faults += reading.faults()
        if not views:
            raise SourceError('; '.join(faults))
        return IndexedRecording(
            path=str(job.path),
            content=content,
            size=job.signature.size,
            mtime=job.signature.mtime,
            model=self._options.model,
            views=tuple(views),
            thumbnails=pictures,
            fault=_naming(job.path, '; '.join(faults)),
        )

    def _view(
        self, number: int, camera: str, source: Source, reading: _Reading
    ) -> tuple[IndexedView, dict[tuple[int, int], bytes]]:
        options = self._options
        if self._localizer is None:
            self._localizer = open_localizer(options.settings.model, options.settings.localizer)
        self._localizer.reset()
        # A new one, so that nothing depends on what was indexed before.
        pipeline = new_pipeline(self._localizer, options.settings)
        source.max_rate = options.max_rate
        rules = None if options.rules is None else RuleEngine(options.rules.rules)
        collector = ViewCollector(number, camera, options.model.zones, rules, self._open_embedder())
        for report in localize(reading, pipeline):
            collector.add(report)
        return collector.finish(source.broken)

    def _open_embedder(self) -> Embedder | None:
        words = self._options.words
        if words is not None and self._embedder is None:
            from actloc_ros.models.words.embedder import open_embedder

            self._embedder = open_embedder(
                words.name, words.weights, self._options.settings.localizer.device
            )
        return self._embedder


class _Reading(Source):
    """A source that says how far it is read, and goes on where it breaks off after some frames."""

    def __init__(self, index: int, count: int, source: Source, on_progress: OnProgress) -> None:
        """Read `source`, number `index` of the `count` views of a recording."""
        self.path, self.camera, self.rate = source.path, source.camera, source.rate
        self._source, self._index, self._count = source, index, count
        self._on_progress = on_progress
        self._frames = 0
        self._broken_off = ''

    def __iter__(self) -> Iterator:
        """Yield the frames."""
        due, first = time.monotonic() + OFTEN, None
        frames = iter(self._source)
        while True:
            try:
                frame = next(frames, None)
            except SourceError as error:
                if not self._frames:
                    raise
                self._broken_off = str(error)
                return
            if frame is None:
                return
            self._frames += 1
            first = frame.stamp if first is None else first
            if time.monotonic() >= due:
                due = time.monotonic() + OFTEN
                self._on_progress(self._share(), seconds(frame.stamp - first))
            yield frame

    def faults(self) -> list[str]:
        """Return what of it could not be read."""
        if self._broken_off:
            return [f'{self._broken_off}; indexed are the {self._frames} frames before that']
        read, length = self._read(), self._source.length or 0
        if read < length * COMPLETE:
            return [
                f'it is cut off: it says that it has {length} frames, and {read} can be read;'
                ' indexed are those'
            ]
        if self._source.broken:
            return [
                f'{self._source.broken} of {read} frames cannot be decoded ({self._source.fault});'
                ' indexed are the others'
            ]
        return []

    def _read(self) -> int:
        return self._frames + self._source.left_out + self._source.broken

    def _share(self) -> float:
        own = min(self._read() / self._source.length, 1.0) if self._source.length else 0.0
        return (self._index + own) / self._count


COMPLETE = 0.98  # of the frames that a header says: some count those that are never shown


def _sources(path: Path, options: IndexOptions) -> Iterator[tuple[str, Source]]:
    """Yield the views of a recording: the camera's name in the index, and the source."""
    if not is_bag(path):
        yield options.camera, open_source(path, None, options.camera, options.rate)
        return
    from actloc_ros.io.source_bag import image_topics

    topics = image_topics(path)
    for topic in topics:
        name = options.camera if options.camera and len(topics) == 1 else _camera_of(topic)
        yield topic, open_source(path, topic, name)


def _camera_of(topic: str) -> str:
    """Return what the node calls the camera of a topic, which is what rules name."""
    for ending in IMAGE_TOPICS:
        if topic.endswith(ending):
            return topic.removesuffix(ending).strip('/')
    return topic


def _naming(path: Path, fault: str) -> str:
    """Return a fault so that it names the recording."""
    return fault if not fault or str(path) in fault else f'{path}: {fault}'
