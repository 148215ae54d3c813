"""Read labelled pictures: people with boxes, joints and regions to ignore."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from actloc_ros.evaluation.oks import SIGMAS as COCO_SIGMAS

JOINTS = 17
MIRRORED = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])
"""Of each COCO joint, the one that it is in a mirror image."""

SIGMAS = np.array(list(COCO_SIGMAS.values()), np.float32)
"""Of each joint, COCO's spread of what people mark, relative to the root of a body's area."""

FloatArray = npt.NDArray[np.float32]

SAME_PERSON = 0.5  # IoU of two labels


@dataclass(frozen=True, eq=False)
class People:
    """The labelled people of a picture.

    Attributes:
        boxes: float32 (N, 4), x1, y1, x2, y2 in pixels.
        ignored: bool (N,), True for a region that is neither a person nor background.
        joints: float32 (N, 17, 3), x, y in pixels and confidence in [0, 1]; 0 for a joint that is
            not there.
        posed: bool (N,), True where the joints are known at all.
    """

    boxes: FloatArray
    ignored: npt.NDArray[np.bool_]
    joints: FloatArray
    posed: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of people and ignored regions."""
        return len(self.boxes)

    def __getitem__(self, rows: Any) -> People:
        """Return some of the rows."""
        return People(self.boxes[rows], self.ignored[rows], self.joints[rows], self.posed[rows])


@dataclass(frozen=True, eq=False)
class Picture:
    """A labelled picture; the image stays encoded.

    Attributes:
        name: Of the file, or of the clip and the frame.
        group: Set that it is sampled with.
        jpeg: The encoded image.
        people: What is labelled in it.
        complete: Every person is labelled, so that all else is background.
        stretched: The picture was squeezed to a square; its true shape is not known.
    """

    name: str
    group: str
    jpeg: bytes
    people: People
    complete: bool
    stretched: bool = False

    @property
    def empty(self) -> bool:
        """Whether it is a picture of nobody."""
        return self.complete and self.people.ignored.all().item()

    def image(self) -> npt.NDArray[np.uint8]:
        """Return the image, uint8 (H, W, 3), RGB.

        Raises:
            ValueError: The image cannot be decoded.
        """
        image = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f'"{self.name}" is no image that can be decoded')
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def parse_people(rows: list[dict[str, Any]]) -> People:
    """Return the people of a record's `people`; joints have 3 or 4 columns, the third is used."""
    joints = np.zeros((len(rows), JOINTS, 3), np.float32)
    posed = np.zeros(len(rows), bool)
    for i, row in enumerate(rows):
        if row.get('joints') is not None:
            joints[i], posed[i] = np.array(row['joints'], np.float32)[:, :3], True
    boxes = np.array([row['box'] for row in rows], np.float32).reshape(-1, 4)
    ignored = [row.get('ignore', row.get('status') == 'ignore') for row in rows]
    return People(boxes, np.array(ignored, bool), joints, posed)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the records of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()]


def read_archive(path: Path) -> dict[str, bytes]:
    """Return the files of a tar by their names without folders."""
    with tarfile.open(path) as archive:
        members = [member for member in archive if member.isfile()]
        return {Path(m.name).name: archive.extractfile(m).read() for m in members}  # type: ignore[union-attr]


def read_photographs(folder: Path) -> list[Picture]:
    """Return the photographs to learn from, with labels by people and by teachers.

    Args:
        folder: Holds `teach.tar`, `teach.jsonl` and `teach_labels.jsonl`.
    """
    images = read_archive(folder / 'teach.tar')
    facts = {row['file']: row for row in read_lines(folder / 'teach.jsonl')}
    pictures = []
    for row in read_lines(folder / 'teach_labels.jsonl'):
        fact, name = facts[row['file']], row['file']
        pictures.append(
            Picture(
                name,
                row['set'],
                images[name],
                parse_people(row['people']),
                fact['complete'],
                fact.get('stretched', False),
            )
        )
    return pictures


def read_collected(folder: Path, crowded: tuple[str, ...]) -> list[Picture]:
    """Return the photographs that the collector of `photos/MORE.md` brought.

    Pictures without labels of their own take those that teachers wrote to `labels_*.jsonl`. Where
    they are sure of people, there may be more; where they do not even doubt, nobody is there. But
    in `crowded` sets there is always somebody, so that such a picture is left out.

    Args:
        folder: Holds `more.jsonl`, `pictures/` and the teachers' labels.
        crowded: Sets in which somebody is in almost every picture.
    """
    taught = {
        '/'.join(Path(row['file']).parts[-2:]): row['people']
        for path in sorted(folder.glob('labels_*.jsonl'))
        for row in read_lines(path)
    }
    pictures = []
    for row in read_lines(folder / 'more.jsonl'):
        file, rows, complete = row['file'], row['people'], bool(row['complete'])
        if rows is None:
            rows = taught.get(file)
            if rows is None or (not rows and row['set'] in crowded):
                continue
            complete = not rows
        name = f'{row["set"]}/{row["source"].partition(":")[2]}'
        jpeg = (folder / 'pictures' / file).read_bytes()
        people, stretched = parse_people(rows), row.get('stretched', False)
        if file in taught and not people.posed.any():
            add_joints(people, parse_people(taught[file]))
        pictures.append(Picture(name, row['set'], jpeg, people, complete, stretched))
    return pictures


def add_joints(people: People, taught: People) -> None:
    """Give labelled people, in place, the joints that teachers found in the same place."""
    for i, box in enumerate(people.boxes):
        low, high = (
            np.maximum(box[:2], taught.boxes[:, :2]),
            np.minimum(box[2:], taught.boxes[:, 2:]),
        )
        shared = np.prod(np.clip(high - low, 0, None), axis=-1)
        areas = np.prod(taught.boxes[:, 2:] - taught.boxes[:, :2], axis=-1)
        overlaps = shared / (np.prod(box[2:] - box[:2]) + areas - shared)
        if overlaps.max(initial=0) >= SAME_PERSON:
            people.joints[i], people.posed[i] = taught.joints[overlaps.argmax()], True


def read_frames(folder: Path, banned: tuple[str, ...], every: int) -> list[Picture]:
    """Return labelled frames of the clips that may teach.

    Frames in which the teachers are sure of nobody are left out: somebody may be there all the
    same, lying or blurred. For the same reason frames are not complete.

    Args:
        folder: Holds `index.json` and `teach_labels.jsonl`.
        banned: Beginnings of the names of clips that are left out.
        every: Of so many labelled frames of a clip, one is taken.

    Raises:
        ValueError: A labelled clip may not teach.
    """
    may_teach = {
        row['file']
        for row in json.loads((folder / 'index.json').read_text())
        if row['teach'] == 'yes'
    }
    clips: dict[str, list[dict[str, Any]]] = {}
    for row in read_lines(folder / 'teach_labels.jsonl'):
        if not row['file'].startswith(banned):
            clips.setdefault(row['file'], []).append(row)
    pictures = []
    for clip, rows in clips.items():
        if clip not in may_teach:
            raise ValueError(
                f'clip "{clip}" has labels, but the index does not say that it may teach'
            )
        chosen = {row['frame']: row for row in rows[::every]}
        for number, image in decode_frames(folder / clip, set(chosen)):
            people = parse_people(chosen[number]['people'])
            if not people.ignored.all():
                name = f'{clip}#{number}'
                pictures.append(Picture(name, 'home', encode(image), people, complete=False))
    return pictures


def read_empty_clip(path: Path, group: str, every: int) -> list[Picture]:
    """Return every `every`-th frame of a clip in which nobody is."""
    nobody = parse_people([])
    frames = decode_frames(path, None, every)
    return [
        Picture(f'{path.name}#{number}', group, encode(image), nobody, complete=True)
        for number, image in frames
    ]


def decode_frames(
    path: Path, wanted: set[int] | None, every: int = 1
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Yield the number and the image of wanted frames of a clip: uint8 (H, W, 3), RGB."""
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if (wanted is None and number % every == 0) or (wanted and number in wanted):
                yield number, frame.to_ndarray(format='rgb24')


def encode(image: npt.NDArray[np.uint8]) -> bytes:
    """Return an RGB image (H, W, 3) as JPEG of the same size."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
