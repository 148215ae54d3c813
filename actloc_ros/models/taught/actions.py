"""Know an action again from a few examples: prototypes of features, and when to reject.

Prototypical networks (Snell et al., NeurIPS 2017) with cosine similarity: an action is the mean
direction of its examples' features, relative to what else was seen. What is less like it than a
threshold between its examples and everything else is none of the taught actions. Where the two
overlap, the threshold is what 95 % of everything else is below: a missed action is better than one
that nobody does.

Features are of motion and, where it is known, of appearance. Each of the two counts by a weight of
its own, however many numbers it has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from actloc_ros.files import one_line, write_whole
from actloc_ros.models.errors import WeightsError

MOST_FRAMES, MOST_OTHERS = 48, 600  # that are kept of an example, and of what is none
POSITIVE, NEGATIVE = 20, 95  # percentiles: how alike examples are, and what is none
LEAST_SIMILARITY = 0.3  # below which nothing is taken for a taught action
SHARPEST = 0.05  # of similarity, within which a score goes from 0.27 to 0.73
APPEARANCE = 0.5  # weight of all of it, where that of all motion is 1; see doc/few_shot.md
ENOUGH = 20  # frames of what is none that tell where features lie at all


@dataclass(frozen=True, eq=False)
class TaughtSet:
    """Examples of actions, and frames that show none of them; D features a frame.

    Attributes:
        model: Name of the localizer whose features these are.
        weights: What tells its weights from others, see `fingerprint`.
        examples: By action, of each example float32 (frames, D).
        others: float32 (frames, D).
        appearance: How many of the D, the last ones, are of appearance; the others are of motion.
    """

    model: str
    weights: str
    examples: Mapping[str, tuple[np.ndarray, ...]]
    others: np.ndarray
    appearance: int = 0

    def with_action(
        self, name: str, examples: Iterable[np.ndarray], others: np.ndarray
    ) -> TaughtSet:
        """Return the set with one action taught again, and more of what is none."""
        kept = {**self.examples, name: tuple(_thinned(e, MOST_FRAMES) for e in examples)}
        both = np.concatenate([self.others, others]) if len(self.others) else others
        return replace(self, examples=kept, others=_thinned(both, MOST_OTHERS))

    def write(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        tensors = {'others': np.ascontiguousarray(self.others, np.float32)}
        for number, (_, examples) in enumerate(self.examples.items()):
            for index, example in enumerate(examples):
                tensors[f'{number}.{index}'] = np.ascontiguousarray(example, np.float32)
        told = {
            'model': self.model,
            'weights': self.weights,
            'actions': list(self.examples),
            'appearance': self.appearance,
        }
        with write_whole(path) as file:
            file.write_bytes(save(tensors, {'taught': json.dumps(told)}))

    @classmethod
    def read(cls, path: Path) -> TaughtSet:
        """Read a file that `write` wrote.

        Raises:
            WeightsError: It is no such file.
        """
        if not path.is_file():
            raise WeightsError(
                f'there is no file "{path}" of taught actions; make it by actloc teach'
            )
        try:
            with safe_open(path, framework='np') as file:
                told = json.loads((file.metadata() or {})['taught'])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            examples = {
                str(name): tuple(
                    tensors[key]
                    for key in sorted(tensors, key=_order)
                    if key.partition('.')[0] == str(number)
                )
                for number, name in enumerate(told['actions'])
            }
            taught = cls(
                str(told['model']),
                str(told['weights']),
                examples,
                tensors['others'],
                int(told.get('appearance', 0)),
            )
            taught.check()
        except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
            raise WeightsError(
                f'"{path}" holds no taught actions ({one_line(error)}); make it by actloc teach'
            ) from error
        return taught

    @property
    def width(self) -> int:
        """Return how many numbers a frame has, D."""
        return int(self.others.shape[1])

    def check(self) -> None:
        """Refuse arrays that do not fit each other.

        Raises:
            ValueError: They do not.
        """
        arrays = [self.others, *(e for examples in self.examples.values() for e in examples)]
        widths = {array.shape[1:] for array in arrays}
        if len(widths) != 1 or not all(self.examples.values()):
            raise ValueError(f'examples have shapes {sorted(map(str, widths))}')
        if not 0 <= self.appearance <= self.width:
            raise ValueError(f'{self.appearance} of {self.width} numbers are of appearance')
        if not all(len(e) and np.isfinite(e).all() for e in arrays[1:]):
            raise ValueError('an example is empty or not finite')


def fingerprint(files: Iterable[Path]) -> str:
    """Return what tells the weights in files from others: the first digits of their SHA-256."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Prototypes:
    """What tells the taught actions: A of them, D features.

    Attributes:
        names: Of the actions.
        middle: float64 (D,): the features of what is none, in the mean.
        spread: float64 (D,): how far features spread, the more the less they count.
        directions: float64 (A, D), of length 1.
        thresholds: float64 (A,): similarity from which an action is more likely than not.
        widths: float64 (A,): similarity by which a score's log-odds rise by 1.
    """

    names: tuple[str, ...]
    middle: np.ndarray
    spread: np.ndarray
    directions: np.ndarray
    thresholds: np.ndarray = field(default_factory=lambda: np.zeros(0))
    widths: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, taught: TaughtSet) -> Prototypes:
        """Return the prototypes of a set with one action or more."""
        frames = np.concatenate([e for examples in taught.examples.values() for e in examples])
        around = taught.others if len(taught.others) >= ENOUGH else frames
        middle = around.mean(axis=0, dtype=np.float64)
        if len(taught.examples) == 1 and around is frames:
            middle = np.zeros_like(middle)  # one action alone has no middle to be told from
        spread = _spread(np.concatenate([frames, taught.others]), taught.appearance)
        means = {
            name: np.stack([directions(e, middle, spread).mean(axis=0) for e in examples])
            for name, examples in taught.examples.items()
        }
        found = cls(
            tuple(taught.examples),
            middle,
            spread,
            np.stack([_unit(each.mean(axis=0)) for each in means.values()]),
        )
        return found._with_thresholds(taught, means)

    def similarities(self, features: np.ndarray) -> np.ndarray:
        """Return how alike features (N, D) are to each action: float64 (N, A) in [-1, 1]."""
        return directions(features, self.middle, self.spread) @ self.directions.T

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return float32 (N, A) in [0, 1] for features (N, D).

        From 0.5 on an action is more likely than not; only that most alike has more.
        """
        alike = self.similarities(features)
        scores = 1 / (1 + np.exp(-(alike - self.thresholds) / self.widths))
        best = alike.argmax(axis=1)[:, None] == np.arange(len(self.names))
        return np.where(best, scores, 0.5 * scores).astype(np.float32)

    def _with_thresholds(self, taught: TaughtSet, means: Mapping[str, np.ndarray]) -> Prototypes:
        thresholds, widths = [], []
        for name, examples in taught.examples.items():
            yes = np.concatenate(
                [
                    directions(example, self.middle, self.spread) @ _without(means[name], index)
                    for index, example in enumerate(examples)
                ]
            )
            rest = [e for other, each in taught.examples.items() if other != name for e in each]
            none = np.concatenate([taught.others, *rest])
            own = _unit(means[name].mean(axis=0))
            no = directions(none, self.middle, self.spread) @ own if len(none) else np.zeros(1)
            high, low = np.percentile(yes, POSITIVE), max(np.percentile(no, NEGATIVE), 0.0)
            thresholds.append(max((high + low) / 2, low, LEAST_SIMILARITY))
            widths.append(max((high - low) / 4, SHARPEST))
        return Prototypes(
            self.names,
            self.middle,
            self.spread,
            self.directions,
            np.array(thresholds),
            np.array(widths),
        )


def directions(features: np.ndarray, middle: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return where features (N, D) lie from the middle: float64 (N, D), of length 1.

    What is not known, NaN, lies in the middle.
    """
    return _unit(np.nan_to_num((np.asarray(features, np.float64) - middle) / spread))


def _spread(features: np.ndarray, appearance: int) -> np.ndarray:
    """Return how far features (N, D) spread, float64 (D,); the last `appearance` weigh as one."""
    motion = features.shape[1] - appearance
    spread = features.std(axis=0, dtype=np.float64)
    for part in (spread[:motion], spread[motion:]):
        if len(part):
            np.maximum(part, 1e-3 + 0.1 * part.mean(), out=part)
    if motion:
        spread[motion:] *= np.sqrt(appearance / motion / APPEARANCE)
    return spread


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _without(means: np.ndarray, index: int) -> np.ndarray:
    """Return the direction of all examples but one; of that one where there are no others."""
    others = np.delete(means, index, axis=0)
    return _unit((others if len(others) else means).mean(axis=0))


def _thinned(frames: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many of the frames, evenly."""
    if len(frames) <= most:
        return frames
    return frames[np.linspace(0, len(frames) - 1, most).round().astype(int)]


def _order(key: str) -> tuple[int, int]:
    number, _, index = key.partition('.')
    return (int(number), int(index)) if number.isdecimal() else (-1, -1)
