"""Measure people and joints in photographs that nothing was trained on or chosen by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from actloc_ros.models.people.open import PeopleNetwork
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.training.people_n.evaluate import Found, joint_precision, read_test, torso_accuracy
from actloc_ros.training.people_n.measure import joint_similarities, tally_boxes

LEAST_SCORE = 0.02  # from which people count in an average precision
SETS = {
    'pennfudan': 'Penn-Fudan: walkers on a campus',
    'room': 'one room, from behind',
    'coco_val': 'COCO val2017: any scene',
    'houses': 'houses and rooms of nobody',
    'classroom': 'a classroom from the ceiling',
}
FOUND, RIGHT, NOBODY = 'found', 'right of reported', 'boxes in one of nobody'
PEOPLE, JOINTS = 'photographs', 'joints'

Figures = list[tuple[str, str, float | None]]
"""Set, measure, value."""


def measure_photographs(
    network: PeopleNetwork, folder: Path, most: int | None
) -> dict[str, Figures]:
    """Return the figures of the tables PEOPLE and JOINTS.

    Args:
        network: Finds people in single images.
        folder: Of the photographs.
        most: Only as many of each set.
    """
    true = find(network, folder, 'test_true', most)
    coco = find(network, folder, 'coco_val', most)
    groups = {name: [each for each in true if each[0].group == name] for name in SETS}
    groups['coco_val'] = coco
    figures = {PEOPLE: [row for name in SETS for row in box_figures(network, name, groups[name])]}
    if network.has_joints:
        sport = find(network, folder, 'lsp_test', most)
        figures[JOINTS] = joint_figures(network, coco) + torso_figures(network, sport)
    return figures


def find(network: PeopleNetwork, folder: Path, split: str, most: int | None) -> Found:
    """Return what is found in the photographs of a split, of each of its sets `most`."""
    counts: dict[str, int] = {}
    found = []
    for picture in read_test(folder, split):
        counts[picture.group] = counts.get(picture.group, 0) + 1
        if most is None or counts[picture.group] <= most:
            found.append((picture, find_people(network, picture.image())))
    return found


def find_people(network: PeopleNetwork, image: np.ndarray) -> FoundPeople:
    """Return also weak people, with the best joints of those who would be reported."""
    found = network.detect(image, LEAST_SCORE)
    rows = found.scores >= network.threshold
    joints = found.joints.copy()
    joints[rows] = network.refine(image, found[rows]).joints
    return replace(found, joints=joints)


def box_figures(network: PeopleNetwork, name: str, found: Found) -> Figures:
    """Return how boxes do in the photographs of a set in which all people are labelled."""
    tally = tally_boxes([(picture.people, each) for picture, each in found if picture.complete])
    recall, precision, phantoms = tally.at(network.threshold)
    title = SETS[name]
    rows: Figures = []
    if len(tally.found):
        title += f' ({len(tally.found)} people)'
        rows += [(title, FOUND, recall), (title, RIGHT, precision)]
    if tally.empty:
        rows.append((title, NOBODY, phantoms))
    return rows


def joint_figures(network: PeopleNetwork, found: Found) -> Figures:
    """Return how alike joints are to labelled ones."""
    values = joint_similarities([(picture.people, each) for picture, each in sure(network, found)])
    precision = joint_precision(found)
    seen = values[values > 0]
    title = f'COCO val2017 ({len(values)} people)'
    return [
        (title, 'mean OKS', float(values.mean()) if len(values) else None),
        (title, 'mean OKS of those found', float(seen.mean()) if len(seen) else None),
        (title, 'OKS-AP', precision['AP']),
        (title, 'OKS-AP50', precision['AP50']),
    ]


def sure(network: PeopleNetwork, found: Found) -> Found:
    """Return those found from the network's threshold on."""
    return [(picture, each[each.scores >= network.threshold]) for picture, each in found]


def torso_figures(network: PeopleNetwork, found: Found) -> Figures:
    """Return how many joints of LSP's sports people are near enough."""
    reported = sure(network, found)
    title = f'LSP: sports ({len(found)} people)'
    rows: Figures = [
        (title, FOUND, float(np.mean([len(each.scores) > 0 for _, each in reported]))),
    ]
    for swapped, how in ((False, ''), (True, ', left and right may be swapped')):
        everybody, located = torso_accuracy(reported, swapped)
        rows += [
            (title, f'PCK@0.2{how}', everybody),
            (title, f'PCK@0.2 of those found{how}', located),
        ]
    return rows
