"""Hold what an evaluation compares: labelled boxes in frames, tubes, and the ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from actloc_ros.files import short_name

FRAMES_A_VIDEO = 1 << 40


class EvaluationError(ValueError):
    """Something that cannot be evaluated; the message names file, place, value and what to do."""


@dataclass(frozen=True, eq=False)
class FrameBoxes:
    """Labelled boxes, each in one frame of one video.

    Attributes:
        video: int64 (N,), index of the video.
        frame: int64 (N,), number of the frame, or its time in microseconds for AVA; below 2**40.
        label: int64 (N,), class id.
        boxes: float64 (N, 4): x1, y1, x2, y2, in pixels or in parts of the image, as in the file.
        scores: float64 (N,): higher is more confident; ones for ground truth.
    """

    video: np.ndarray
    frame: np.ndarray
    label: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.label)

    def __getitem__(self, chosen: np.ndarray) -> FrameBoxes:
        """Return the boxes that an index or a mask chooses."""
        return FrameBoxes(
            self.video[chosen],
            self.frame[chosen],
            self.label[chosen],
            self.boxes[chosen],
            self.scores[chosen],
        )

    @property
    def keys(self) -> np.ndarray:
        """int64 (N,), one number for each frame of each video."""
        return self.video * FRAMES_A_VIDEO + self.frame


@dataclass(frozen=True, eq=False)
class Tube:
    """One action by one actor: a box in each of its frames.

    Attributes:
        video: Index of the video.
        label: Class id.
        frames: int64 (T,), rising.
        boxes: float64 (T, 4): x1, y1, x2, y2 in pixels.
        score: Higher is more confident; 1 for ground truth.
        box_scores: float64 (T,), score in each frame; None where only the tube has one.
    """

    video: int
    label: int
    frames: np.ndarray
    boxes: np.ndarray
    score: float = 1.0
    box_scores: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What videos show, by their annotations.

    Attributes:
        path: The file it comes from, for messages.
        videos: Names; their order gives the videos their indices.
        labels: Names of the classes by id.
        boxes: All boxes.
        tubes: All tubes; None where the format has none (AVA).
        keyframes: int64, keys of the frames that are labelled, also those without boxes.
        first_frame: Number of a video's first frame; ignored for AVA.
        sizes: Width and height of the image that the boxes are in, by video index; None where
            boxes are in parts of the image.
        in_seconds: True where frames are named by their time (AVA).
    """

    path: str
    videos: tuple[str, ...]
    labels: dict[int, str]
    boxes: FrameBoxes
    tubes: tuple[Tube, ...] | None
    keyframes: np.ndarray
    first_frame: int = 0
    sizes: dict[int, tuple[float, float]] | None = None
    in_seconds: bool = False


@dataclass(frozen=True, eq=False)
class Predictions:
    """What was detected.

    Attributes:
        source: The file or the model they come from, for messages.
        boxes: All boxes.
        tubes: All tubes, where the source gives tubes; else they are linked from the boxes.
        tubes_origin: Where such tubes come from, in words.
        left_out: How many boxes were not read, by reason.
    """

    source: str
    boxes: FrameBoxes
    tubes: tuple[Tube, ...] | None = None
    tubes_origin: str = 'as given'
    left_out: dict[str, int] = field(default_factory=dict)


class VideoIndex:
    """Finds a video's index by its name, its file's name, or its index in the ground truth."""

    def __init__(self, names: Sequence[str], path: str) -> None:
        self._path = path
        self._indices = {name: index for index, name in enumerate(names)}
        self._short: dict[str, int | None] = {}
        for index, name in enumerate(names):
            short = short_name(name)
            self._short[short] = None if short in self._short else index

    def find(self, name: object) -> int | None:
        """Return the index of a video, or None if the ground truth has none of this name."""
        if isinstance(name, (int, float)) and not isinstance(name, bool):
            known = float(name).is_integer() and 0 <= name < len(self._indices)
            return int(name) if known else None
        if name in self._indices:
            return self._indices[str(name)]
        return self._short.get(short_name(str(name)))

    def index(self, name: object, where: str) -> int:
        """Return the index of a video.

        Raises:
            EvaluationError: If the ground truth has no such video.
        """
        index = self.find(name)
        if index is None:
            some = ', '.join(list(self._indices)[:3])
            raise EvaluationError(
                f'{where}: video {name!r} is not in the ground truth {self._path}, which has '
                f'{len(self._indices)} videos ({some}, …); give the ground truth of the same videos'
            )
        return index


def join(parts: Sequence[FrameBoxes]) -> FrameBoxes:
    """Return the boxes of all parts in order."""
    return FrameBoxes(
        np.concatenate([np.zeros(0, np.int64), *(part.video for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.frame for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.label for part in parts)]),
        np.concatenate([np.zeros((0, 4)), *(part.boxes for part in parts)]),
        np.concatenate([np.zeros(0), *(part.scores for part in parts)]),
    )


def tube_boxes(tubes: Sequence[Tube]) -> FrameBoxes:
    """Return the boxes of all tubes; a box without a score of its own has its tube's."""
    return join([_boxes_of(tube) for tube in tubes])


def _boxes_of(tube: Tube) -> FrameBoxes:
    length = len(tube.frames)
    scores = np.full(length, tube.score) if tube.box_scores is None else tube.box_scores
    return FrameBoxes(
        np.full(length, tube.video, np.int64),
        tube.frames,
        np.full(length, tube.label, np.int64),
        tube.boxes,
        scores,
    )


def make_tube(video: int, label: int, rows: object, score: object, where: str) -> Tube:
    """Return a tube after checking it.

    Args:
        video: Index of the video.
        label: Class id.
        rows: Rows of frame, x1, y1, x2, y2, and maybe the score in that frame.
        score: The tube's score.
        where: Where it is written, for messages.

    Raises:
        EvaluationError: Rows are missing, broken or not in order, or a number is not finite.
    """
    try:
        table = np.array(rows, np.float64)
        value = float(score)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise EvaluationError(f'{where}: not a tube: {error}') from error
    if table.ndim != 2 or table.shape[1] not in (5, 6) or not len(table):
        raise EvaluationError(
            f'{where}: a tube of shape {table.shape}; expected rows of frame, x1, y1, x2, y2 '
            'and maybe score'
        )
    if not (np.isfinite(table).all() and np.isfinite(value)):
        raise EvaluationError(f'{where}: a box or a score is not a finite number')
    frames = table[:, 0]
    whole = (frames == np.floor(frames)) & (frames >= 0) & (frames < FRAMES_A_VIDEO)
    if not whole.all() or (np.diff(frames) <= 0).any():
        raise EvaluationError(
            f'{where}: frame numbers do not rise in whole steps from 0 or above; sort the rows'
        )
    check_corners(table[:, 1:5], where)
    scores = table[:, 5] if table.shape[1] == 6 else None
    return Tube(video, label, frames.astype(np.int64), table[:, 1:5], value, scores)


def check_corners(boxes: np.ndarray, where: str) -> None:
    """Refuse boxes (N, 4) whose right or lower side comes before the other.

    Raises:
        EvaluationError: A box is turned over.
    """
    bad = np.flatnonzero((boxes[:, :2] > boxes[:, 2:]).any(axis=1))
    if len(bad):
        raise EvaluationError(
            f'{where}: box {bad[0]} is {boxes[bad[0]].tolist()}; expected x1 <= x2 and y1 <= y2 '
            '(corners, not width and height)'
        )


def truth_from_tubes(
    path: str,
    videos: Sequence[str],
    labels: Sequence[str],
    tubes: Sequence[Tube],
    first_frame: int,
    sizes: dict[int, tuple[float, float]],
) -> GroundTruth:
    """Return a ground truth of tubes; its key frames are those with a box.

    Raises:
        EvaluationError: The labels are not different names.
    """
    if not all(isinstance(label, str) for label in labels) or len(set(labels)) < len(labels):
        raise EvaluationError(f'{path}: the classes are {list(labels)}; expected different names')
    boxes = tube_boxes(tubes)
    return GroundTruth(
        path=path,
        videos=tuple(videos),
        labels=dict(enumerate(labels)),
        boxes=boxes,
        tubes=tuple(tubes),
        keyframes=np.unique(boxes.keys),
        first_frame=first_frame,
        sizes=sizes,
    )


def find_label(labels: dict[int, str], label: object, where: str) -> int:
    """Return the id of a class that is given by id or by name.

    Raises:
        EvaluationError: There is no such class.
    """
    if isinstance(label, str) and label in labels.values():
        return next(number for number, name in labels.items() if name == label)
    try:
        number = int(label)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        number = -1
    if number in labels and str(number) == str(label).removesuffix('.0'):
        return number
    some = ', '.join(f'{number} {name}' for number, name in list(labels.items())[:3])
    raise EvaluationError(
        f'{where}: unknown class {label!r}; the ground truth has {len(labels)}: {some}, …'
    )
