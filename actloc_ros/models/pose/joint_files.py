"""Read people's joints from a file.

JSON of `actloc-joints`, or COCO's results of keypoints, or NTU RGB+D's `.skeleton`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.frames import Frame, seconds
from actloc_ros.joints import COCO_JOINTS, NTU_JOINTS, in_coco_order, in_ntu_order
from actloc_ros.localizer import PersonJoints
from actloc_ros.models.errors import ModelError
from actloc_ros.models.pose.ntu_files import RATE as NTU_RATE
from actloc_ros.models.pose.ntu_files import read_ntu_file

FORMAT, VERSION = 'actloc-joints', 1
FARTHEST = 1e6  # pixels: no image is as large
PIXELS, METRES = 'px', 'm'
REACH = 100.0  # m: no depth camera sees as far
RATE = 'joints.rate'
"""The option that says how many frames a second a file counts that does not say so itself."""


@dataclass(frozen=True)
class _Person:
    """Someone in one frame.

    Attributes:
        frame: Its number.
        score: In [0, 1].
        joints: (17, 3) in COCO's order; all 0 where they are known in space alone.
        box: x1, y1, x2, y2; None where the file gives none.
        places: (25, 3) in m, of NTU RGB+D's joints; None where the file has joints in pixels.
    """

    frame: int
    score: float
    joints: np.ndarray
    box: tuple[float, ...] | None = None
    places: np.ndarray | None = None


@dataclass(frozen=True)
class JointFile:
    """The joints in a file.

    Attributes:
        find: A frame -> who is in it; None where nobody is known.
        in_space: Whether they are in m, not in pixels.
    """

    find: Callable[[Frame], PersonJoints | None]
    in_space: bool


def read_joint_file(path: Path, rate: float) -> JointFile:
    """Return who is in the frames of one recording, by a file that numbers them from 0.

    A frame's number is by its time from the first frame that is asked for.

    Args:
        path: JSON: an object of the format `actloc-joints`, with `rate` in Hz, or a list of COCO's
            results of keypoints, where `image_id` is the frame's number; or a file `.skeleton` of
            NTU RGB+D.
        rate: In Hz, where the file says none.

    Raises:
        ModelError: It is no such file, or broken; or nobody says the rate.
    """
    if path.suffix == '.skeleton':
        return _of_ntu(path)
    data = _read(path)
    try:
        if isinstance(data, list):
            people = [_of_coco(each, f'{path}: result {n}') for n, each in enumerate(data)]
            own = 0.0
        else:
            people, own = _of_plain(data, path)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f'{path}: a part is missing or of the wrong kind: {type(error).__name__}: {error}'
        ) from error
    rate = own or rate
    if not rate > 0:
        raise ModelError(
            f'{path} numbers its frames and does not say at which rate; set the parameter {RATE}'
        )
    in_space = any(each.places is not None for each in people)
    return JointFile(_Lookup(_by_frame(people), rate), in_space)


def _of_ntu(path: Path) -> JointFile:
    """Return the people of a file of NTU RGB+D; the whole image is the box of those without one."""
    unknown = np.zeros((len(COCO_JOINTS), 3))
    people = [
        _Person(
            body.frame,
            1.0,
            unknown,
            (0.0, 0.0, 1.0, 1.0) if body.box is None else tuple(body.box.tolist()),
            body.places,
        )
        for body in read_ntu_file(path)
    ]
    return JointFile(_Lookup(_by_frame(people, relative=True), NTU_RATE), in_space=True)


class _Lookup:
    """Finds the people of frames of one recording."""

    def __init__(self, people: Mapping[int, PersonJoints], rate: float) -> None:
        self._people, self._rate = people, rate
        self._firsts: dict[str, int] = {}

    def __call__(self, frame: Frame) -> PersonJoints | None:
        first = self._firsts.setdefault(frame.camera, frame.stamp)
        return self._people.get(round(seconds(frame.stamp - first) * self._rate))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())  # it finds the encoding
    except OSError as error:
        raise ModelError(f'cannot read joints from "{path}": {error}') from error
    except (RecursionError, ValueError) as error:
        raise ModelError(f'{path}: not JSON: {error}') from error


def _of_plain(data: Any, path: Path) -> tuple[list[_Person], float]:
    """Return the people of an object of `actloc-joints`, and its rate; 0 where it says none."""
    if data['format'] != FORMAT or data['version'] != VERSION:
        raise ModelError(
            f'{path}: format is {data["format"]!r}, version {data["version"]!r}; expected '
            f'{FORMAT!r}, version {VERSION}, or a list of COCO results'
        )
    names = [str(name) for name in data['joint_names']]
    read = _reader(data.get('unit', PIXELS), names, path)
    videos = {str(each['video']) for each in data['detections'] if 'video' in each}
    if len(videos) > 1:
        raise ModelError(
            f'{path} has the joints of {len(videos)} videos ({", ".join(sorted(videos)[:3])}, …); '
            'give a file for each'
        )
    people = [
        read(each, np.array(each['joints'], np.float64), names, f'{path}: detection {number}')
        for number, each in enumerate(data['detections'])
    ]
    return people, _finite(data.get('rate', 0.0), f'{path}: rate')


def _reader(
    unit: Any, names: list[str], path: Path
) -> Callable[[Any, np.ndarray, list[str], str], _Person]:
    """Return what reads a person, whose joints have these names and this unit."""
    if unit == METRES:
        lacking = [name for name in NTU_JOINTS if name not in names]
        if lacking or len(set(names)) < len(names):
            raise ModelError(
                f'{path}: joint_names are {names}; in m, all of NTU RGB+D are expected, each once:'
                f' {", ".join(NTU_JOINTS)}'
            )
        return _person_in_space
    if unit != PIXELS:
        raise ModelError(f'{path}: unit is {unit!r:.60}; expected {PIXELS!r} or {METRES!r}')
    if len(set(names)) < len(names) or not set(names) & set(COCO_JOINTS):
        raise ModelError(
            f'{path}: joint_names are {names}; expected different names, some of them of COCO: '
            f'{", ".join(COCO_JOINTS)}'
        )
    return _person


def _person_in_space(data: Any, joints: np.ndarray, names: list[str], where: str) -> _Person:
    if joints.shape != (len(names), 3) or not (np.abs(joints) < REACH).all():
        raise ModelError(
            f'{where}: joints of shape {joints.shape}; expected {(len(names), 3)}: x, y, z in m,'
            f' each nearer than {REACH:.0f} m'
        )
    if 'box' not in data:
        raise ModelError(
            f'{where} has no box, which joints in m do not give: x1, y1, x2, y2 in pixels'
        )
    box = tuple(_finite(value, f'{where}: box') for value in data['box'])
    if len(box) != 4:
        raise ModelError(f'{where}: box has {len(box)} numbers; expected x1, y1, x2, y2')
    return _Person(
        _frame(data['frame'], where),
        _finite(data['score'], where),
        np.zeros((len(COCO_JOINTS), 3)),
        box,
        in_ntu_order(names, joints),
    )


def _person(data: Any, joints: np.ndarray, names: list[str], where: str) -> _Person:
    if joints.shape != (len(names), 3):
        raise ModelError(
            f'{where}: joints of shape {joints.shape}; expected {(len(names), 3)}: x, y, confidence'
        )
    return _Person(
        _frame(data['frame'], where),
        _finite(data['score'], where),
        _joints(names, joints, where),
    )


def _of_coco(data: Any, where: str) -> _Person:
    """Return the person of a COCO result: 17 rows of x, y and confidence in `keypoints`."""
    values = np.array(data['keypoints'], np.float64)
    if values.shape != (3 * len(COCO_JOINTS),):
        raise ModelError(
            f'{where}: keypoints of shape {values.shape}; expected {3 * len(COCO_JOINTS)} numbers: '
            'x, y and confidence of each joint of COCO'
        )
    joints = _joints(COCO_JOINTS, values.reshape(-1, 3), where)
    box = data.get('bbox')
    if box is not None:
        x, y, width, height = (_finite(value, f'{where}: bbox') for value in box)
        box = x, y, x + width, y + height
    return _Person(_frame(data['image_id'], where), _finite(data['score'], where), joints, box)


def _joints(names: Sequence[str], joints: np.ndarray, where: str) -> np.ndarray:
    """Return joints (K, 3) with these names as (17, 3) in COCO's order, confidence cut to 1."""
    found = in_coco_order(names, joints)
    near = (np.abs(found[..., :2]) < FARTHEST).all()  # also false of what is no number
    if not (near and np.isfinite(found[..., 2]).all() and (found[..., 2] >= 0).all()):
        raise ModelError(
            f'{where}: a joint is not finite, {FARTHEST:.0f} pixels away or more, or its '
            'confidence below 0'
        )
    found[..., 2] = found[..., 2].clip(0, 1)
    return found


def _by_frame(people: Iterable[_Person], relative: bool = False) -> dict[int, PersonJoints]:
    rows: dict[int, list[_Person]] = {}
    for each in people:
        rows.setdefault(each.frame, []).append(each)
    return {
        frame: PersonJoints(
            np.stack([each.joints for each in some]),
            np.clip([each.score for each in some], 0, 1),
            None if any(e.box is None for e in some) else np.array([e.box for e in some]),
            relative,
            None if any(e.places is None for e in some) else np.array([e.places for e in some]),
        )
        for frame, some in rows.items()
    }


def _frame(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ModelError(f'{where}: the frame is {value!r}; frames are numbered from 0')
    return value


def _finite(value: Any, where: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ModelError(f'{where}: {value!r} is no finite number')
    return number
