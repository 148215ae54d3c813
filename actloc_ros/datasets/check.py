"""List all that is wrong with a set of annotated videos, and count what is in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from tqdm import tqdm

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.frames import seconds
from actloc_ros.io.frame_folder import FrameFolder
from actloc_ros.io.media import open_frames
from actloc_ros.truth.annotations import AnnotationError, Annotations, Video
from actloc_ros.truth.faults import Fault, FaultKind, video_faults

LISTED = 20  # faults of one kind that are written out
WEAK_ALONE = '`supervision: video`, `time` or `points` of skeleton_n learns from it'


@dataclass(frozen=True)
class ClassCount:
    """How often an action is done.

    Attributes:
        label: The action.
        instances: How many times an actor does it.
        frames: Known frames in which an actor does it, each actor counted.
        seconds: For how long it is done, by the annotation.
    """

    label: str
    instances: int
    frames: int
    seconds: float


@dataclass(frozen=True)
class DatasetReport:
    """What a set of annotated videos holds, and what is wrong with it.

    Attributes:
        path: Of the annotations.
        faults: The first ones of each kind.
        totals: How many there are of each kind.
        classes: A count for each label, in their order.
        videos: How many videos.
        actors: How many actors.
        boxes: How many boxes.
        frames: How many frames.
        known: How many frames of which it is known what they show.
        seconds: How long all videos are.
    """

    path: str
    faults: tuple[Fault, ...]
    totals: dict[FaultKind, int]
    classes: tuple[ClassCount, ...]
    videos: int
    actors: int
    boxes: int
    frames: int
    known: int
    seconds: float

    @property
    def fatal(self) -> bool:
        """Whether something must be fixed before training."""
        return any(fault.fatal for fault in self.faults)

    def of(self, kind: FaultKind) -> tuple[Fault, ...]:
        """Return the faults of a kind that are listed."""
        return tuple(fault for fault in self.faults if fault.kind is kind)

    def text(self) -> str:
        """Return all of it as lines."""
        return '\n'.join([*self._head(), *self._table(), *self._faults()])

    def _head(self) -> Iterator[str]:
        yield (
            f'{self.path}: {self.videos} videos of {self.seconds:.1f} s, {self.frames} frames '
            f'({self.known} known), {self.actors} actors, {self.boxes} boxes'
        )

    def _table(self) -> Iterator[str]:
        width = max([len('label'), *(len(each.label) for each in self.classes)])
        yield f'{"label":{width}}  instances    frames   seconds'
        for each in self.classes:
            yield (
                f'{each.label:{width}}  {each.instances:9d} {each.frames:9d} {each.seconds:9.1f}'
            )

    def _faults(self) -> Iterator[str]:
        if not self.faults:
            yield 'nothing is wrong'
        for kind, total in self.totals.items():
            listed = self.of(kind)
            yield f'{"error" if listed[0].fatal else "note"}: {kind.value}: {total}'
            yield from (f'  {fault}' for fault in listed)
            if total > len(listed):
                yield f'  … and {total - len(listed)} more'


def check_dataset(videos: AnnotatedVideos) -> DatasetReport:
    """Check every annotation, and every video by its length and its first frame."""
    annotations = videos.annotations
    classes = count_classes(annotations)
    listed: list[Fault] = []
    totals: dict[FaultKind, int] = {}
    for fault in chain(_all_faults(videos), _set_faults(annotations, classes)):
        totals[fault.kind] = totals.get(fault.kind, 0) + 1
        if totals[fault.kind] <= LISTED:
            listed.append(fault)
    return DatasetReport(
        path=str(videos.path),
        faults=tuple(listed),
        totals=dict(sorted(totals.items(), key=lambda item: list(FaultKind).index(item[0]))),
        classes=classes,
        videos=len(videos.videos),
        actors=sum(len(video.tracks) for video in videos.videos),
        boxes=sum(len(track.frames) for video in videos.videos for track in video.tracks),
        frames=sum(video.frames for video in videos.videos),
        known=sum(known_frames(video) for video in videos.videos),
        seconds=sum(video.frames / video.fps for video in videos.videos),
    )


def known_frames(video: Video) -> int:
    """Return of how many frames it is known what they show."""
    return video.frames if video.labelled is None else len(video.labelled)


def count_classes(annotations: Annotations) -> tuple[ClassCount, ...]:
    """Count instances, frames and seconds of each label; unknown labels are left out."""
    instances = dict.fromkeys(annotations.labels, 0)
    frames = dict.fromkeys(annotations.labels, 0)
    lasting = dict.fromkeys(annotations.labels, 0.0)
    for video in annotations.videos:
        stamps = {track.actor: _known_stamps(video, track.frames) for track in video.tracks}
        for each in video.instances:
            if each.label in instances:
                known = stamps.get(each.actor, np.zeros(0))
                instances[each.label] += 1
                frames[each.label] += int(((known >= each.start) & (known < each.end)).sum())
                lasting[each.label] += seconds(each.end - each.start)
        for happening in video.happenings:
            if happening.label in instances:
                instances[happening.label] += 1
                if happening.start is not None and happening.end is not None:
                    lasting[happening.label] += seconds(happening.end - happening.start)
    return tuple(
        ClassCount(label, instances[label], frames[label], lasting[label])
        for label in annotations.labels
    )


def _known_stamps(video: Video, frames: np.ndarray) -> np.ndarray:
    if video.labelled is not None:
        frames = frames[np.isin(frames, video.labelled)]
    return video.stamps(frames)


def _all_faults(videos: AnnotatedVideos) -> Iterator[Fault]:
    with tqdm(videos.videos, 'checking', unit='video', disable=None, leave=False) as bar:
        for video in bar:
            yield from video_faults(video, videos.labels)
            yield from _file_faults(videos, video)
            if not video.happenings and not any(len(track.frames) for track in video.tracks):
                yield Fault(FaultKind.EMPTY, video.path, 'no boxes')


def _file_faults(videos: AnnotatedVideos, video: Video) -> Iterator[Fault]:
    try:
        frames = open_frames(videos.folder / video.path)
    except (AnnotationError, OSError) as error:
        yield Fault(FaultKind.FILE, video.path, str(error))
        return
    try:
        if len(frames) < video.frames:
            text = f'{len(frames)} frames; the annotation says {video.frames}'
            yield Fault(FaultKind.SHAPE, video.path, text)
        if len(frames) > video.frames:
            text = f'{len(frames)} frames, of which the annotation knows the first {video.frames}'
            yield Fault(FaultKind.LONGER, video.path, text)
        yield from _rate_faults(video, frames.times)
        images = frames.read([0])
        if images.shape[1:3] != (video.height, video.width):
            size = f'{images.shape[2]}x{images.shape[1]} pixels'
            text = f'{size}; the annotation says {video.width}x{video.height}'
            yield Fault(FaultKind.SHAPE, video.path, text)
        if isinstance(frames, FrameFolder) and frames.odd_one():
            yield Fault(FaultKind.SHAPE, video.path, frames.odd_one())
    except (AnnotationError, OSError) as error:
        yield Fault(FaultKind.FILE, video.path, str(error))
    finally:
        frames.close()


def _rate_faults(video: Video, times: np.ndarray | None) -> Iterator[Fault]:
    if times is None:
        return
    said = video.stamps(np.arange(len(times)))
    frame = int(np.abs(times - said).argmax())
    if 2 * video.fps * abs(seconds(times[frame] - said[frame])) > 1:  # nearer to another frame
        text = (
            f'frame {frame} is shown at {seconds(times[frame]):.3f} s, and counts as '
            f'{seconds(said[frame]):.3f} s at {video.fps:.2f} Hz; what is in seconds may mean '
            'other frames'
        )
        yield Fault(FaultKind.RATE, video.path, text)


def _set_faults(annotations: Annotations, classes: Iterable[ClassCount]) -> Iterator[Fault]:
    for each in classes:
        if not each.instances:
            yield Fault(FaultKind.UNUSED, '', each.label)
    if not annotations.labels:
        yield Fault(FaultKind.NOTHING, '', 'there are no labels')
    if not any(len(track.frames) for video in annotations.videos for track in video.tracks):
        if any(video.happenings for video in annotations.videos):
            text = f'no video has a box; {WEAK_ALONE}'
            yield Fault(FaultKind.UNPLACED, '', text)
        else:
            yield Fault(FaultKind.NOTHING, '', 'no video has a box')
