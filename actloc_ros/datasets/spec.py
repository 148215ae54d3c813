"""Name recordings with labels, as the settings of a training do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FORMATS = (
    'actloc', 'cvat', 'ucf24', 'jhmdb', 'ava', 'multisports', 'clips', 'labels', 'activitynet'
)  # fmt: skip
PARTS = ('train', 'test', 'all')


@dataclass(frozen=True)
class DatasetSpec:
    """One set of recordings.

    Attributes:
        path: File or folder of the annotations, relative to the settings' file.
        format: How they are written, of `FORMATS`.
        part: `train` or `test` where the data set has an official split, or `all`.
        split: Number of the official split, from 1.
        videos: Folder of the videos or frames, where it is apart from `path`.
        boxes: Where clips without boxes get them: `image` for the whole view, a detector, see
            `find_people.PeopleFinder`, or `none`: they stay without, for weak supervision.

    Raises:
        ValueError: Format, part or split is not of these.
    """

    path: str
    format: str = 'actloc'
    part: str = 'train'
    split: int = 1
    videos: str = ''
    boxes: str = ''

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f'format is {self.format!r}; formats are {", ".join(FORMATS)}')
        if self.part not in PARTS:
            raise ValueError(f'part is {self.part!r}; parts are {", ".join(PARTS)}')
        if self.split < 1:
            raise ValueError(f'split is {self.split}; splits count from 1')
        if self.boxes and self.format != 'clips':
            raise ValueError(f'boxes is {self.boxes!r}, but {self.format} has boxes of its own')


@dataclass(frozen=True)
class DatasetPaths:
    """Where a data set's annotations and videos are.

    Attributes:
        source: What was asked for.
        path: File or folder of the annotations.
        videos: Folder of the videos, where it was named.
    """

    source: DatasetSpec
    path: Path
    videos: Path | None
