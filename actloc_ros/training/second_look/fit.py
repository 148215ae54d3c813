"""Train the second look of `joints_n`: whether what `people_n` finds is a person.

`python -m actloc_ros.training.second_look.fit RECIPE --shared DIR --out DIR` writes a
`joints_n.onnx` with the joints of the one that ships. What it found to learn from is kept in its
folder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from actloc_ros.files import write_whole
from actloc_ros.models.joints_n.crops import Image, cut, squares
from actloc_ros.models.joints_n.person_head import HeadConfig, PersonHead, features_of
from actloc_ros.models.joints_n.second_look import SecondLook, log_odds
from actloc_ros.models.onnx_runtime import CPU, open_session
from actloc_ros.models.people_n.session import PeopleSession
from actloc_ros.models.storage import find_onnx
from actloc_ros.training.config import read_settings_of
from actloc_ros.training.people_n.fit import Data, read_pictures
from actloc_ros.training.people_n.measure import LEAST_SIDE
from actloc_ros.training.second_look.candidates import Candidates, ReadFeatures, hold, teach
from actloc_ros.training.second_look.publish import (
    LEVELS,
    check_levels,
    with_second_look,
    without_second_look,
)

FILE = 'joints_n.onnx'
PRECISION = 0.92  # of what is reported, in validation
LEAST_CANDIDATE = 0.03  # score of what is measured
AT_ONCE = 16  # crops
LIKELY = 0.15  # score from which what is no person is hard, and drawn so much more often
HARD = 3.0
TOUCHING, TOUCHED = 0.3, 0.3  # overlap from which what is no person holds part of one; its weight


@dataclass(frozen=True)
class HeadSchedule:
    """How long and how fast is learned; the learning rate rises and falls once.

    Attributes:
        steps: In all.
        learning_rate: At its highest.
        weight_decay: Of all weights.
        batch: Candidates of a step.
        seed: Of all choices.
    """

    steps: int
    learning_rate: float
    weight_decay: float
    batch: int
    seed: int


@dataclass(frozen=True)
class Recipe:
    """All choices of a training of the second look.

    Attributes:
        model: `second_look`.
        head: Size of what is trained.
        data: As that of `people_n`; of its sets those are used that it names.
        schedule: How long and how fast is learned.
        least: `SecondLook.least`.
        sure: `SecondLook.sure`.
    """

    model: str
    head: HeadConfig
    data: Data
    schedule: HeadSchedule
    least: float
    sure: float


def read_recipe(path: Path) -> Recipe:
    """Read and check a YAML file; see `read_settings_of` for what it raises."""
    return read_settings_of(Recipe, path, 'second_look')


def shipped(name: str) -> Path:
    """Return the file of a network that ships.

    Raises:
        FileNotFoundError: It is not here.
    """
    path = find_onnx(name)
    if path is None:
        raise FileNotFoundError(f'the weights of {name} are not here')
    return path


def feature_reader(joints: Path) -> ReadFeatures:
    """Return what reads the features of crops that a `joints_n` file computes.

    Raises:
        ValueError: The file is no `joints_n`.
    """
    model = without_second_look(onnx.load(str(joints)))
    check_levels(model, joints)
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in LEVELS)
    session = open_session(model.SerializeToString(), (CPU,), 1)

    def read(image: Image, boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        parts = []
        for part in np.array_split(squares(boxes), -(-len(boxes) // AT_ONCE)):
            crops = np.stack([cut(image, square) for square in part])
            levels = session.run(list(LEVELS), {'crops': crops})
            parts.append(features_of(*(torch.from_numpy(level) for level in levels)).numpy())
        return np.concatenate(parts)

    return read


def material(
    recipe: Recipe, shared: Path, more: Path | None, out: Path
) -> tuple[Candidates, Candidates]:
    """Return what is learned from and what is measured on; found where it was not before."""
    taught, held = out / 'taught.npz', out / 'held.npz'
    if not held.exists():
        data, people = recipe.data, PeopleSession(shipped('people_n'))
        read = feature_reader(shipped('joints_n'))
        pictures = read_pictures(data, shared, more)
        names = {one.name for one in data.sets}
        withheld = data.validation + data.withheld
        chosen = [p for p in pictures if p.group in names and not p.name.startswith(withheld)]
        apart = [p for p in pictures if p.name.startswith(data.validation)]
        _keep(teach(chosen, people, read, recipe.schedule.seed), taught)
        _keep(hold(apart, people, read, LEAST_CANDIDATE), held)
    return _kept(taught), _kept(held)


def _keep(candidates: Candidates, path: Path) -> None:
    table = {each.name: getattr(candidates, each.name) for each in fields(Candidates)}
    with write_whole(path) as file, file.open('wb') as stream:
        np.savez(stream, allow_pickle=False, **table)


def _kept(path: Path) -> Candidates:
    with np.load(path) as table:
        return Candidates(**{each.name: table[each.name] for each in fields(Candidates)})


def odds(candidates: Candidates) -> npt.NDArray[np.float64]:
    """Return how likely each is drawn: hard ones more, and no set too much."""
    persons = candidates.persons
    weights = np.ones(len(persons))
    for group in set(candidates.groups.tolist()):
        rows = candidates.groups == group
        weights[rows] /= np.sqrt(rows.sum())
    weights[~persons & (candidates.scores > LIKELY)] *= HARD
    weights[~persons & (candidates.overlaps > TOUCHING)] *= TOUCHED
    drawn: npt.NDArray[np.float64] = weights / weights.sum()
    return drawn


def train(recipe: Recipe, taught: Candidates) -> PersonHead:
    """Return a trained head, in evaluation mode."""
    schedule = recipe.schedule
    torch.manual_seed(schedule.seed)
    random = np.random.default_rng(schedule.seed)
    head = PersonHead(recipe.head)
    features = torch.from_numpy(taught.features.astype(np.float32))
    head.mean.copy_(features.mean(0))
    head.spread.copy_(features.std(0) + 1e-3)
    persons = torch.from_numpy(taught.persons.astype(np.float32))
    optimizer = torch.optim.AdamW(head.parameters(), weight_decay=schedule.weight_decay)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.learning_rate, total_steps=schedule.steps
    )
    drawn = odds(taught)
    for _ in range(schedule.steps):
        rows = torch.from_numpy(random.choice(len(drawn), schedule.batch, p=drawn))
        loss = F.binary_cross_entropy_with_logits(head(features[rows]), persons[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
    return head.eval()


@torch.inference_mode()
def answers(head: PersonHead, candidates: Candidates) -> npt.NDArray[np.float32]:
    """Return the log-odds (N,) that a head gives."""
    features = torch.from_numpy(candidates.features.astype(np.float32))
    return head(features).numpy()


def fit_look(
    held: Candidates, threshold: float, person: npt.NDArray[np.float32], recipe: Recipe
) -> SecondLook:
    """Return how the look weighs against the detector, where PRECISION of the reported is right."""
    relative = log_odds(held.scores) - log_odds(threshold)
    given = np.stack([relative, person], 1)
    weights = LogisticRegression(C=10.0).fit(given, held.persons).coef_[0]
    reported = least_odds(given @ weights, held)
    values = (*weights.tolist(), -reported, recipe.least, recipe.sure)
    return SecondLook(*(round(value, 4) for value in values))


def least_odds(odds: npt.NDArray[np.floating], held: Candidates) -> float:
    """Return from which odds (N,) on PRECISION of the large ones are people, most of them found."""
    large = held.sides >= LEAST_SIDE
    order = np.argsort(-odds[large], kind='stable')
    right = np.cumsum(held.persons[large][order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(right >= PRECISION)
    return float(odds[large][order[enough[-1]]]) if len(enough) else float(odds.max())


def found_share(scores: npt.NDArray[np.float32], held: Candidates) -> float:
    """Return the share of large people among the candidates found where PRECISION are right."""
    odds, people = log_odds(scores), held.persons & (held.sides >= LEAST_SIDE)
    return round(float((people & (odds >= least_odds(odds, held))).sum() / people.sum()), 4)


def main(argv: Sequence[str] | None = None) -> None:
    """Find candidates, train, weigh, and write the file."""
    parser = argparse.ArgumentParser(description='Train the second look of joints_n.')
    parser.add_argument('recipe', type=Path)
    parser.add_argument('--shared', type=Path, required=True, help='holds real/ and teacher/')
    parser.add_argument('--more', type=Path, help='photographs that the collector brought')
    parser.add_argument('--out', type=Path, required=True, help='folder to write; resumed if used')
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    recipe = read_recipe(args.recipe)
    taught, held = material(recipe, args.shared, args.more, args.out)
    head = train(recipe, taught)
    person, threshold = answers(head, held), PeopleSession(shipped('people_n')).threshold
    look = fit_look(held, threshold, person, recipe)
    with write_whole(args.out / FILE) as file:
        file.write_bytes(with_second_look(shipped('joints_n'), head, look))
    figures = {
        'taught': len(taught.persons),
        'people': int(taught.persons.sum()),
        'held': len(held.persons),
        'found without': found_share(held.scores, held),
        'found with': found_share(look.scores(held.scores, threshold, person), held),
    }
    print(json.dumps(figures | json.loads(look.text())))


if __name__ == '__main__':
    main()
