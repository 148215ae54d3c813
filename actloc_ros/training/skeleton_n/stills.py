"""Find tracks in shaken photographs by the networks themselves: real joints of real people.

A photograph does not say what people do next, but it says much of what they do not: nobody in it
falls, and what a detector takes for people where nobody is does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from actloc_ros.boxes import paired_iou
from actloc_ros.files import write_whole
from actloc_ros.frames import NANOSECONDS
from actloc_ros.models.people.open import PEOPLE_N, PeopleNetwork, open_people
from actloc_ros.models.skeleton_n.features import HIPS, JOINTS, SHOULDERS
from actloc_ros.tracks import TrackLinker, TrackOptions
from actloc_ros.training.people_n.pictures import Picture, read_photographs
from actloc_ros.training.skeleton_n.labels import (
    INDEX,
    LABELS,
    NO,
    UNKNOWN,
    YES,
    columns_of,
)
from actloc_ros.training.skeleton_n.motion_data import ANKLES, KNEES, Footage

FRAMES, RATE = 16, 8.0  # of a shaken photograph; frames a second
TURNS = 4  # how often it is played to and fro
FEWEST_FOUND = 5  # frames of a track that is kept
MOST_PEOPLE = 6  # of a photograph whose joints are found
PHANTOM_SCORE = 0.3  # of a box where nobody is, from which it is followed
NOBODY_THERE, DOUBTFUL = -1, -2  # in place of the index of a person
NOBODY = 'nobody'
# How many photographs of each set, and of nobody of any set.
PEOPLE_OF_SET = {
    'ccp': 120, 'cctv': 80, 'pt_walk': 160, 'pt_office': 70, 'voc': 260, 'coco_train': 93,
    'coco_train_stretched': 60, 'coco_val': 38, NOBODY: 260,
}  # fmt: skip
SURE = 0.2  # confidence of a joint by which a posture is derived
UPRIGHT_SETS = ('cctv', 'pt_walk', 'pt_office')  # in which nobody lies
NEVER_STILL = ('falling', 'crawling', 'getting_up', 'lying_down')
POSTURE_COLUMNS = ('standing', 'walking', 'running', 'sitting', 'sitting_down', 'standing_up')


def read_stills(photos: Path, stored: Path) -> list[Footage]:
    """Return tracks in the photographs of real/photos that may teach.

    Args:
        photos: real/photos.
        stored: File in which they are kept; it is made where it is not there.
    """
    if not stored.exists():
        tracks = find_tracks(photos)
        with write_whole(stored) as file:
            np.savez_compressed(file, allow_pickle=False, **_packed(tracks))
    with np.load(stored) as data:
        return list(_unpacked(data))


def find_tracks(photos: Path) -> list[Footage]:
    """Shake photographs and follow what the people network finds in them."""
    network = open_people(PEOPLE_N, 'cpu', 1)
    left = dict(PEOPLE_OF_SET)
    tracks: list[Footage] = []
    for picture in sorted(read_photographs(photos), key=_order):
        kind = picture.group if len(picture.people) else NOBODY
        if not left.get(kind):
            continue
        image = picture.image()
        if kind == NOBODY:
            best = network.detect(image, network.weakest).scores.max(initial=0)
            if best < PHANTOM_SCORE:
                continue
        left[kind] -= 1
        tracks += _tracks_of(network, picture, image, np.random.default_rng(len(tracks)))
    return tracks


def _order(picture: Picture) -> tuple[bool, str]:
    """Return a key by which those come first in which somebody's posture is known."""
    known = any(known_posture(picture, person) for person in range(len(picture.people)))
    return not known, picture.name


def _tracks_of(
    network: PeopleNetwork, picture: Picture, image: np.ndarray, rng: np.random.Generator
) -> list[Footage]:
    """Return what is followed in a shaken photograph, and what is known of each track."""
    linker = TrackLinker(TrackOptions(min_score=min(PHANTOM_SCORE, network.threshold)))
    rows: dict[int, np.ndarray] = {}
    truth: dict[int, list[int]] = {}
    for index, (moved, matrix) in enumerate(shaken(image, rng)):
        found = network.detect(moved, network.weakest)
        update = linker.update(round(index * NANOSECONDS / RATE), found.boxes, found.scores)
        followed = list(update.rows())[:MOST_PEOPLE]
        people = network.refine(moved, found[[row for _, row in followed]])
        matched = match_people(picture, matrix, people.boxes)
        for (track, _), box, score, joints, who in zip(
            followed, people.boxes, people.scores, people.joints, matched, strict=True
        ):
            row = rows.setdefault(track, np.zeros((FRAMES, 5 + 3 * JOINTS), np.float32))
            row[index] = np.concatenate([box, [score], joints.ravel()])
            truth.setdefault(track, []).append(who)
    height, width = image.shape[:2]
    return [
        _clip(picture, track, (width, height), row, truth[track])
        for track, row in rows.items()
        if len(truth[track]) >= FEWEST_FOUND and DOUBTFUL not in truth[track]
    ]


def match_people(picture: Picture, matrix: np.ndarray, boxes: np.ndarray) -> list[int]:
    """Return for each box the index of the labelled person that it shows.

    Args:
        picture: What is labelled in it.
        matrix: (2, 3), from the photograph to the image in which the boxes are.
        boxes: (N, 4).

    Returns:
        Indices; NOBODY_THERE where no one is, DOUBTFUL where that is not known.
    """
    if not len(picture.people):
        return [NOBODY_THERE] * len(boxes)
    moved = picture.people.boxes.reshape(-1, 2, 2) @ matrix[:, :2].T + matrix[:, 2]
    overlap = paired_iou(boxes.astype(float)[:, None], moved.reshape(1, -1, 4))
    who = []
    for row in overlap:
        best = int(row.argmax())
        if row[best] >= 0.5 and not picture.people.ignored[best]:
            who.append(best)
        else:
            who.append(NOBODY_THERE if picture.complete and row[best] < 0.1 else DOUBTFUL)
    return who


def shaken(image: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield a photograph as a camera that moves a little would show it, and the matrices (2, 3)."""
    height, width = image.shape[:2]
    size = np.array([width, height], float)
    zoom = rng.uniform(1.06, 1.25)
    drift = np.cumsum(rng.normal(0, rng.choice([0.0, 0.1, 0.4]), (FRAMES, 2)), axis=0)
    places = np.tanh(rng.uniform(-1, 1, 2) + drift)
    shake, light = rng.choice([0.0, 0.002, 0.006]), rng.choice([0.0, 0.02, 0.08])
    grain = rng.choice([0.0, 3.0, 8.0])
    for place in places:
        room = (zoom - 1) * size / 2
        jolt = rng.normal(0, shake, 2) * size
        shift = size / 2 * (1 - zoom) + place * room + jolt
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
        moved = cv2.warpAffine(
            image,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        ).astype(np.float32)
        moved = moved * (1 + rng.normal(0, light)) + rng.normal(0, grain, moved.shape)
        yield moved.clip(0, 255).astype(np.uint8), matrix


def _clip(
    picture: Picture, track: int, size: tuple[int, int], rows: np.ndarray, truth: Sequence[int]
) -> Footage:
    """Return a track as footage that is played to and fro."""
    order = np.concatenate([np.arange(FRAMES), np.arange(FRAMES)[::-1]])
    order = np.tile(order, TURNS // 2)
    known = max(set(truth), key=list(truth).count)
    targets = np.tile(known_of(picture, known), (len(order), 1))
    rows = rows[order]
    found = rows[:, 4] > 0
    return Footage(
        f'{picture.name}/{track}',
        picture.group,
        'stills',
        size,
        np.arange(len(order)) / RATE,
        rows[:, 5:].reshape(-1, JOINTS, 3),
        np.where(found[:, None], rows[:, :4], np.nan),
        found,
        targets,
    )


def known_of(picture: Picture, person: int) -> np.ndarray:
    """Return what is known of a person in a photograph, or of nobody: targets uint8 (C,)."""
    targets = np.full(len(LABELS), UNKNOWN, np.uint8)
    if person == NOBODY_THERE:
        targets[:] = NO
        targets[INDEX['crossing']] = UNKNOWN
        return targets
    targets[columns_of(NEVER_STILL)] = NO
    posture = known_posture(picture, person)
    if posture or picture.group in UPRIGHT_SETS:
        targets[INDEX['lying']] = NO
    if posture in ('sitting', 'standing'):
        targets[columns_of(POSTURE_COLUMNS)] = NO
        targets[INDEX[posture]] = YES
    if posture in ('standing', 'upright'):
        targets[columns_of(('sitting', 'crouching'))] = NO
    return targets


def known_posture(picture: Picture, person: int) -> str | None:
    """Return `standing`, `upright` (standing or walking), `sitting`, or None where not known."""
    if picture.group == 'ccp':  # street fashion
        return 'standing'
    if picture.people.ignored[person]:
        return None
    return posture_of(picture.people.joints[person])


def posture_of(joints: np.ndarray) -> str | None:
    """Return `upright` on two straight legs, or `sitting`, where joints (17, 3) say so.

    Thighs of people who sit point to a side, or towards the camera, which makes them look short.
    """
    sure, xy = joints[:, 2] >= SURE, joints[:, :2]
    legs = [side for side in (0, 1) if sure[[KNEES[side], ANKLES[side]]].all()]
    if not sure[[*SHOULDERS, *HIPS]].all() or not legs:
        return None
    trunk = _lean(xy[HIPS].mean(axis=0) - xy[SHOULDERS].mean(axis=0))
    thighs = np.stack([xy[KNEES[side]] - xy[HIPS[side]] for side in legs])
    shins = np.stack([xy[ANKLES[side]] - xy[KNEES[side]] for side in legs])
    short = np.linalg.norm(thighs, axis=1) / np.maximum(np.linalg.norm(shins, axis=1), 1)
    straight = max(trunk, _lean(thighs).max(), _lean(shins).max()) < 25 and short.min() > 0.6
    if straight and len(legs) == 2:
        return 'upright'
    seated = (_lean(thighs) > 50) | (short < 0.55)
    return 'sitting' if trunk < 35 and _lean(shins).max() < 45 and seated.all() else None


def _lean(down: np.ndarray) -> np.ndarray:
    """Return the angles (...) in degrees between vectors (..., 2) and straight down."""
    return np.degrees(np.arctan2(np.abs(down[..., 0]), down[..., 1]))


_FIELDS = ('times', 'joints', 'boxes', 'found', 'targets')


def _packed(clips: Sequence[Footage]) -> dict[str, np.ndarray]:
    """Return arrays that hold clips of equal lengths."""
    arrays = {name: np.stack([getattr(clip, name) for clip in clips]) for name in _FIELDS}
    arrays['names'] = np.array([clip.name for clip in clips])
    arrays['kinds'] = np.array([clip.subject for clip in clips])
    arrays['sizes'] = np.array([clip.size for clip in clips])
    return arrays


def _unpacked(data: np.lib.npyio.NpzFile) -> Iterator[Footage]:
    """Yield the clips of `_packed`."""
    arrays = {name: data[name] for name in data.files}
    for index, name in enumerate(arrays['names'].tolist()):
        width, height = arrays['sizes'][index].tolist()
        values = [arrays[field][index] for field in _FIELDS]
        yield Footage(name, str(arrays['kinds'][index]), 'stills', (width, height), *values)
