"""Fuzz rules files, and what the rules that are accepted make of scenes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import yaml

from actloc_ros.rules.file.model import Rules
from actloc_ros.rules.scene import Actor, Scene
from fuzz.mutate import mutate_text, mutate_tree
from fuzz.target import LONGEST, Target

CONFIG = Path(__file__).resolve().parents[2] / 'config'
FILES = ('rules', 'demo_rules', 'person_down')
LABELS = ('standing', 'walking', 'falling', 'lying', 'waving', 'handing_over')
SCENES = 40


def _make(random: Random, folder: Path) -> Path:
    name = random.choice(FILES)
    path, text = folder / 'rules.yaml', _seeds()[name]
    if random.random() < 0.6:
        tree = mutate_tree(random, yaml.safe_load(text))
        path.write_bytes(yaml.safe_dump(tree, allow_unicode=True, encoding='utf-8'))
    else:
        path.write_bytes(mutate_text(random, text))
    return path


@cache
def _seeds() -> dict[str, str]:
    return {name: (CONFIG / f'{name}.yaml').read_text() for name in FILES}


def _run(path: Path) -> None:
    from actloc_ros.rules.file.rules_file import RulesError, read_rules

    try:
        rules = read_rules(path).rules
    except RulesError as error:
        text = str(error)
    else:
        _apply(rules)
        return
    first, *others = text.splitlines()  # the file, then a line for each fault
    assert path.name in first, text
    assert all(line.startswith('  line ') for line in others), text
    assert max(map(len, (first, *others))) <= LONGEST, text


def _apply(rules: Rules) -> None:
    from actloc_ros.rules.engine import RuleEngine

    engine = RuleEngine(rules, counted=lambda _row: None)
    random = Random(0)
    for camera in {zone.camera for zone in rules.zones.values()} | {None}:
        for step in range(SCENES):
            engine.step(_scene(random, camera or '', step))
    engine.end_all()


def _scene(random: Random, camera: str, step: int) -> Scene:
    actors = []
    for track in range(random.randint(0, 4)):
        x, y = random.uniform(0, 600), random.uniform(0, 400)
        scores = {label: random.random() for label in LABELS}
        kind = 'car' if track == 3 else 'person'
        actors.append(Actor(track, kind, (x, y, x + 40, y + 80), scores, (x / 50, y / 50), 'map'))
    return Scene(camera, step * 200_000_000, 640, 480, tuple(actors))


def _import() -> None:
    import actloc_ros.rules.engine
    import actloc_ros.rules.file.rules_file  # noqa: F401

    _seeds()


TARGETS = (Target('rules_file', _make, _run, 8, _import),)
