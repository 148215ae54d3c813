"""Find boxes that may hold people in labelled pictures, and keep what `joints_n` makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from actloc_ros.models.joints_n.crops import Image
from actloc_ros.models.people_n.session import PeopleSession
from actloc_ros.training.people_n.measure import OVERLAP, compare
from actloc_ros.training.people_n.pictures import People, Picture

LEAST_SCORE = 0.02
LEAST_PIXELS = 6.0  # of the shorter side of a box
LEAST_SIDE = 30.0  # pixels of the longer side of a labelled person who is shown as such
HARD_SCORE = 0.06  # of what is no person and always kept; of the others a share is
EASY_SHARE = 0.25
MOST_PEOPLE, MOST_OTHERS = 14, 14  # of a picture
TRUE_PEOPLE, TRUE_NOISE = 8, 0.06  # labelled boxes of a picture that are shown, moved by so much
MOST_ZOOM = 2.2  # of the part of a picture that is shown after the whole
LEAST_VISIBLE = 0.5  # of a labelled box in such a part; below it is neither a person nor none
GIVEN = -1.0  # score of a labelled box
IGNORED_COVER = 0.4  # share of a box in an ignored region from which it is not used


ReadFeatures = Callable[[Image, npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""An image (H, W, 3) and boxes (N, 4) -> what is known of their crops, (N, FEATURES)."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """N boxes that may hold people.

    Attributes:
        features: float16 (N, FEATURES), see `person_head.features_of`.
        persons: bool (N,), who is a person.
        scores: float32 (N,), by `people_n`; GIVEN for a labelled box.
        overlaps: float32 (N,), IoU with the labelled person that fits best.
        sides: float32 (N,), longer side of the box in pixels.
        groups: Set of each one's picture.
    """

    features: npt.NDArray[np.float16]
    persons: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float32]
    overlaps: npt.NDArray[np.float32]
    sides: npt.NDArray[np.float32]
    groups: npt.NDArray[np.str_]


def teach(
    pictures: Sequence[Picture], session: PeopleSession, read: ReadFeatures, seed: int
) -> Candidates:
    """Return what is to be learned from: found and labelled boxes of each picture and of a part."""
    random = np.random.default_rng(seed)
    parts: list[Candidates] = []
    for picture in pictures:
        for image, people in ((picture.image(), picture.people), part_of(random, picture)):
            boxes, scores = candidates_of(random, session, image, people)
            persons, overlaps, known = judged(boxes, people, picture.complete)
            rows = chosen(random, persons, scores, known)
            if len(rows):
                facts = persons[rows], scores[rows], overlaps[rows]
                parts.append(_known(picture, image, boxes[rows], read, *facts))
    return together(parts)


def hold(
    pictures: Sequence[Picture], session: PeopleSession, read: ReadFeatures, least: float
) -> Candidates:
    """Return all that is found in some pictures, from a score on, and of which it is known what."""
    parts: list[Candidates] = []
    for picture in pictures:
        image = picture.image()
        found = session.find(image, least)
        persons, overlaps, known = judged(found.boxes, picture.people, picture.complete)
        if known.any():
            facts = persons[known], found.scores[known], overlaps[known]
            parts.append(_known(picture, image, found.boxes[known], read, *facts))
    return together(parts)


def together(parts: Sequence[Candidates]) -> Candidates:
    """Return the candidates of several pictures."""
    names = [each.name for each in fields(Candidates)]
    return Candidates(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def _known(
    picture: Picture,
    image: Image,
    boxes: npt.NDArray[np.float32],
    read: ReadFeatures,
    persons: npt.NDArray[np.bool_],
    scores: npt.NDArray[np.float32],
    overlaps: npt.NDArray[np.float32],
) -> Candidates:
    sides = (boxes[:, 2:] - boxes[:, :2]).max(-1)
    groups = np.full(len(boxes), picture.group, dtype='U32')
    features = read(image, boxes).astype(np.float16)
    return Candidates(features, persons, scores, overlaps, sides, groups)


def part_of(random: np.random.Generator, picture: Picture) -> tuple[Image, People]:
    """Return a part of a picture, mirrored or not, in other light, and who is in it."""
    image, people = picture.image(), picture.people
    height, width = image.shape[:2]
    zoom = np.exp(random.uniform(0, np.log(MOST_ZOOM)))
    wide, high = int(width / zoom), int(height / zoom)
    x, y = int(random.integers(0, width - wide + 1)), int(random.integers(0, height - high + 1))
    image = image[y : y + high, x : x + wide]
    boxes, full = people.boxes - np.array([x, y, x, y], np.float32), _areas(people.boxes)
    boxes = np.clip(boxes, 0, np.array([wide, high] * 2, np.float32))
    visible = _areas(boxes) / np.maximum(full, 1)
    if random.uniform() < 0.5:
        image = image[:, ::-1]
        boxes = np.stack([wide - boxes[:, 2], boxes[:, 1], wide - boxes[:, 0], boxes[:, 3]], 1)
    lit = image * np.float32(random.uniform(0.6, 1.4)) + np.float32(random.uniform(-20, 20))
    ignored = people.ignored | (visible < LEAST_VISIBLE)
    moved = People(boxes, ignored, people.joints, people.posed)
    return np.ascontiguousarray(lit.clip(0, 255).astype(np.uint8)), moved[visible > 0]


def candidates_of(
    random: np.random.Generator, session: PeopleSession, image: Image, people: People
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return boxes (N, 4) that `people_n` finds, some labelled ones, and their scores (N,)."""
    found = session.find(image, LEAST_SCORE)
    true = people.boxes[~people.ignored]
    true = true[(true[:, 2:] - true[:, :2]).max(-1, initial=0) >= LEAST_SIDE][:TRUE_PEOPLE]
    true = true + random.normal(0, TRUE_NOISE, true.shape) * np.tile(true[:, 2:] - true[:, :2], 2)
    true = np.clip(true, 0, np.array(image.shape[1::-1] * 2))
    boxes = np.concatenate([found.boxes, true.astype(np.float32)])
    scores = np.concatenate([found.scores, np.full(len(true), GIVEN, np.float32)])
    large = (boxes[:, 2:] - boxes[:, :2]).min(-1, initial=np.inf) > LEAST_PIXELS
    return boxes[large], scores[large]


def judged(
    boxes: npt.NDArray[np.float32], people: People, complete: bool
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return which boxes (N, 4) are people, their overlap with people, and for which it is known.

    Where labels are not complete, it is not known of boxes that no labelled person fits.
    """
    if not len(people) or not len(boxes):
        nothing = np.zeros(len(boxes))
        return nothing > 0, nothing.astype(np.float32), np.full(len(boxes), complete)
    overlaps, covered = compare(boxes, people.boxes)
    best = np.where(people.ignored, 0, overlaps).max(-1)
    ignored = (np.where(people.ignored, overlaps, 0).max(-1) >= OVERLAP) | (
        np.where(people.ignored, covered, 0).max(-1) >= IGNORED_COVER
    )
    persons = best >= OVERLAP
    return persons, best.astype(np.float32), persons | (complete & ~ignored)


def chosen(
    random: np.random.Generator,
    persons: npt.NDArray[np.bool_],
    scores: npt.NDArray[np.float32],
    known: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Return the rows that are kept of a picture: people, and of the rest those that look so."""
    hard = (scores > HARD_SCORE) | (random.uniform(size=len(scores)) < EASY_SHARE)
    people = np.flatnonzero(known & persons)[:MOST_PEOPLE]
    return np.concatenate([people, np.flatnonzero(known & ~persons & hard)[:MOST_OTHERS]])


def _areas(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    areas: npt.NDArray[np.float32] = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
    return areas
