"""Print what a step of the rules takes: 40 actors by 50 rules, in time of one core.

The time is the core's own, so that it holds on a machine that does other things too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from actloc_ros.frames import nanoseconds
from actloc_ros.rules.engine import RuleEngine
from actloc_ros.rules.file.rules_file import read_rules
from actloc_ros.rules.scene import Actor, Scene

LABELS = ('standing', 'walking', 'running', 'sitting', 'falling', 'lying', 'waving', 'bending')
GOAL = 1.0  # ms, at the 99th percentile
WARM = 50  # steps that are not counted


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('--actors', type=int, default=40, help='at once')
    parser.add_argument('--rules', type=int, default=50, help='in the file')
    parser.add_argument('--seconds', type=float, default=60.0, help='of scenes')
    parser.add_argument('--rate', type=float, default=15.0, help='of key frames in Hz')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'rules.yaml'
        path.write_text(rules_text(args.rules))
        engine = RuleEngine(read_rules(path).rules)
    scenes = make_scenes(args.actors, args.seconds, args.rate)
    took = []
    for scene in scenes:
        began = time.process_time()
        engine.step(scene)
        took.append(1000 * (time.process_time() - began))
    p50, p99 = np.percentile(took[WARM:], (50, 99))
    print(
        f'{args.actors} actors, {args.rules} rules, {len(scenes)} steps: p50 {p50:.2f} ms, '
        f'p99 {p99:.2f} ms (goal {GOAL} ms), {engine.issued} alarms, {engine.open_count} open'
    )
    return 0


def rules_text(count: int) -> str:
    """Return a file with so many rules, of every kind for one actor and some for several."""
    lines = ['version: 1']
    lines.append('ground: {image: [0,1, 1,1, 0.7,0.3, 0.3,0.3], metres: [0,0, 8,0, 8,16, 0,16]}')
    lines.append('zones:')
    for index in range(12):
        x, y = 0.08 * (index % 6), 0.3 + 0.35 * (index // 6)
        corners = f'{x:.2f},{y:.2f}, {x + 0.15:.2f},{y:.2f}, {x + 0.2:.2f},{y + 0.3:.2f}'
        corners += f', {x:.2f},{y + 0.3:.2f}'
        lines.append(f'  z{index}: {{coordinates: [{corners}]}}')
    lines.append('lines:')
    lines += [
        f'  l{i}: {{coordinates: [0.{i + 2},0.2, 0.{i + 3},1.0], direction: in}}' for i in range(6)
    ]
    lines.append('rules:')
    kinds = (
        'zones: [z{a}], actions: [{one}], dwell: 5',
        'sequence: [{one}, {two}]',
        'actions: [{one}, {two}], zones_not: [z{a}, z{b}]',
        'lines: [l{c}]',
        'zones: [z{a}], speed: {{min: 1.5}}',
        'zones: [z{a}, z{b}], dwell: 10',
        'zones: [z{a}], count: {{min: 4}}',
        'zones: [z{b}], absence: 20',
        'any: [{{actions: [{one}]}}, {{sequence: [{two}, {one}]}}], dwell: 2, min_score: 0.7',
        'zones: [z{a}], relation: {{type: approaching, max_distance: 1.0}}',
    )
    for index in range(count):
        names = {
            'a': index % 12,
            'b': (index + 5) % 12,
            'c': index % 6,
            'one': LABELS[index % 8],
            'two': LABELS[(index + 3) % 8],
        }
        lines.append(f'  r{index}: {{{kinds[index % len(kinds)].format(**names)}}}')
    return '\n'.join(lines) + '\n'


def make_scenes(actors: int, seconds: float, rate: float) -> list[Scene]:
    """Return scenes of people who walk about, each doing something for some seconds."""
    chance = np.random.default_rng(0)
    point = chance.uniform((0.1, 0.4), (0.9, 0.95), (actors, 2))
    velocity = chance.normal(0, 0.04, (actors, 2))
    doing = chance.integers(0, len(LABELS), actors)
    scenes = []
    for step in range(round(seconds * rate)):
        point += velocity / rate
        turned = (point < (0.05, 0.35)) | (point > (0.95, 0.98))
        velocity = np.where(turned, -velocity, velocity)
        changes = chance.random(actors) < 0.3 / rate
        doing = np.where(changes, chance.integers(0, len(LABELS), actors), doing)
        score = chance.uniform(0, 0.3, (actors, len(LABELS)))
        score[np.arange(actors), doing] = chance.uniform(0.5, 1.0, actors)
        seen = chance.random(actors) < 0.97
        scenes.append(
            Scene(
                '',
                nanoseconds(step / rate),
                1280,
                720,
                tuple(
                    Actor(
                        int(i) + 1,
                        'person',
                        (
                            float(1280 * point[i, 0] - 20),
                            float(720 * point[i, 1] - 120),
                            float(1280 * point[i, 0] + 20),
                            float(720 * point[i, 1]),
                        ),
                        dict(zip(LABELS, score[i].tolist(), strict=True)),
                    )
                    for i in np.flatnonzero(seen)
                ),
            )
        )
    return scenes


if __name__ == '__main__':
    raise SystemExit(main())
