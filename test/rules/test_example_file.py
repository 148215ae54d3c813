"""Test that config/rules.yaml, which people copy, has each kind of rule, and that each alarms."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from rule_scenes import person, play

from actloc_ros.rules.engine import RuleEngine
from actloc_ros.rules.file.model import Relation, Rules, Traffic
from actloc_ros.rules.file.rules_file import read_rules
from actloc_ros.rules.homography import fit_homography
from actloc_ros.rules.shapes import points_of

PATH = Path(__file__).resolve().parents[2] / 'config' / 'rules.yaml'
CONDITIONS = {'zones', 'zones_not', 'lines', 'objects', 'actions', 'sequence', 'speed'}
KINDS = {'any', 'mask', 'schedule', 'dwell', 'absence', 'count', 'relation', 'traffic'}
MORNING = 8 * 3600.0  # s from the begin of scenes, a Tuesday at 23:13 in Berlin


@pytest.fixture
def rules(tmp_path) -> Rules:
    """Return the rules of the file, all of them in use."""
    path = tmp_path / 'rules.yaml'
    path.write_text(PATH.read_text().replace('enabled: false', 'enabled: true'))
    return read_rules(path).rules


def test_it_has_each_kind_of_rule(rules):
    parts = [part for rule in rules.rules.values() for part in (rule, *rule.any)]
    assert {key for part in parts for key in part.model_fields_set} >= CONDITIONS | KINDS
    for model, key in ((Relation, 'relation'), (Traffic, 'traffic')):
        given = [getattr(rule, key) for rule in rules.rules.values()]
        used = [each.type for each in given if each is not None]
        assert sorted(used) == sorted(get_args(model.model_fields['type'].annotation))
    named = {name for part in parts for name in (*part.zones, *part.zones_not, *part.lines)}
    named |= {name for rule in rules.rules.values() if rule.traffic for name in rule.traffic.lines}
    assert named == {*rules.zones, *rules.lines}


def test_each_rule_makes_its_alarm(rules):
    ground = rules.ground['']
    matrix = np.linalg.inv(fit_homography(points_of(ground.image), points_of(ground.metres)))

    def at(number, x, y, kind='person', **scores):
        """Return an actor at m on the floor."""
        across, down, scale = matrix @ (x, y, 1.0)
        return person(number, across / scale, down / scale, kind, **scores)

    def car(x, y):
        return [at(1, x, y, 'car')]

    stories = {
        'person_down': (8, 10, lambda t: [person(lying=0.9)]),
        'enters_at_night': (4, 10, lambda t: [person(x=0.3 + 0.1 * t)]),
        'loitering': (65, 2, lambda t: [at(1, 3.0, 2.0, standing=0.9)]),
        'overcrowding': (6, 10, lambda t: [at(n, 0.5 + n / 2, 2.0) for n in range(6)]),
        'machine_left': (65, 2, lambda t: []),
        'runs_in_lobby': (1.6, 25, lambda t: [at(1, 0.2 + 3.5 * t, 2.0)]),
        'crawls_outside': (2, 10, lambda t: [person(crawling=0.9)]),
        'beside_a_robot': (4, 10, lambda t: [at(1, 1.0, 1.0), at(2, 1.5, 1.0, 'robot')]),
        'face_to_face': (5, 10, lambda t: [at(1, t / 3, 1.0), at(2, 3.0 - t / 3, 1.0)]),
        'handover_at_machine': (
            *(2, 10),
            lambda t: [person(1, 0.7, 0.8, handing_over=0.9), person(2, 0.75, 0.8)],
        ),
        'near_miss': (2, 25, lambda t: [*car(2.0, 8 - 3 * t), at(2, 2.0, 0.0)]),
        'brakes': (4, 25, lambda t: car(1.0, 10 * t - 2.5 * max(0.0, min(t, 3.5) - 1.5) ** 2)),
        'swerves': (6, 25, lambda t: car(2 + 1.5 * np.sin(2 * np.pi * t / 3), 8 * t)),
        'changes_lane': (6, 25, lambda t: car(1 + 2 * np.clip(t - 1, 0, 1), 1 + t)),
        'wrong_way': (5, 25, lambda t: car(1.0, 20 - 4 * t)),
        'jam': (65, 2, lambda t: [at(n, 2.0, 5.0 * n, 'car') for n in range(1, 8)]),
        'busy': (
            *(65, 6),
            lambda t: [
                at(n, 2.0, 10 * (t - 2 * n), 'car') for n in range(33) if 0 <= t - 2 * n < 4
            ],
        ),
    }
    assert list(stories) == list(rules.rules)
    for name, (seconds, rate, actors) in stories.items():
        begin = MORNING if name == 'machine_left' else 0.0
        alone = rules.model_copy(update={'rules': {name: rules.rules[name]}})
        alarms = play(RuleEngine(alone), seconds, lambda t: actors(t - begin), begin, rate)  # noqa: B023
        assert alarms, name
        assert {alarm.rule for alarm in alarms} == {name}
