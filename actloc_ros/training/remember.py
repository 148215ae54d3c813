"""Train the memory of a streaming network by what the network sees of actors in recordings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.actor_memory import ActorMemory, Reading, Sights
from actloc_ros.models.actor_record import Record
from actloc_ros.models.catalog import entries
from actloc_ros.models.checkpoint_files import write_checkpoint
from actloc_ros.models.loading import find_weights, load_file
from actloc_ros.models.stream import StreamNet
from actloc_ros.models.stream_decode import ACTION_SHARE, action_scores
from actloc_ros.models.stream_localizer import StreamLocalizer
from actloc_ros.training.calibrate import Told, best_shifts, needed_shift
from actloc_ros.training.config import ConfigError, Schedule, TrainingConfig
from actloc_ros.training.engine import learning_rate
from actloc_ros.training.recordings import check_sets, open_sets
from actloc_ros.training.sights import OVERLAP, Example, look

FROM_START = 0.5
"""Share of windows that begin where the track does, as the memory does."""


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a track to learn from: T sights, of which `rows` are."""

    example: Example
    rows: Tensor


@dataclass(frozen=True, eq=False)
class Windows:
    """B parts of tracks, padded to T sights.

    Attributes:
        sights: (B, T).
        lengths: int64 (B,).
        actor: float (B, T) logits of the network alone.
        doing: float (B, T, C) logits of the network alone.
        actions: float (B, T, C): the truth.
        quality: float (B, T): the truth.
        shows: bool (B, T): whether the box shows an actor.
        known: bool (B, T): whether there is a truth.
    """

    sights: Sights
    lengths: Tensor
    actor: Tensor
    doing: Tensor
    actions: Tensor
    quality: Tensor
    shows: Tensor
    known: Tensor


class Tracks:
    """Tracks to learn from, each as likely as it is long.

    Args:
        examples: Videos.
        longest: Sights of a window, at most.
    """

    def __init__(self, examples: Sequence[Example], longest: int) -> None:
        self.longest = longest
        self.tracks = [
            Window(example, kept)
            for example in examples
            for rows in example.record.tracks()
            if len(kept := rows[example.record.kept[rows]])
        ]
        lengths = np.array([len(track.rows) for track in self.tracks], np.float64)
        self.share = np.minimum(lengths, longest) / np.minimum(lengths, longest).sum()

    def choose(self, count: int, rng: np.random.Generator) -> list[Window]:
        """Return windows of tracks chosen at random."""
        return [
            self._cut(self.tracks[i], rng)
            for i in rng.choice(len(self.tracks), count, p=self.share)
        ]

    def _cut(self, track: Window, rng: np.random.Generator) -> Window:
        beyond = max(0, len(track.rows) - self.longest)
        first = 0 if rng.random() < FROM_START else int(rng.integers(0, beyond + 1))
        return replace(track, rows=track.rows[first : first + self.longest])


def collate(windows: Sequence[Window]) -> Windows:
    """Return windows as one batch."""
    parts = [_parts(window) for window in windows]
    first = parts[0]
    padded = {
        name: nn.utils.rnn.pad_sequence([part[name] for part in parts], batch_first=True)
        for name in first
    }
    sights = Sights(**{name: padded.pop(name) for name in SIGHTS})
    return Windows(sights, torch.tensor([len(window.rows) for window in windows]), **padded)


SIGHTS = tuple(Sights.__dataclass_fields__)


def _parts(window: Window) -> dict[str, Tensor]:
    example, rows = window.example, window.rows
    sights = example.record.sights(rows)
    return {name: getattr(sights, name) for name in SIGHTS} | {
        'actor': example.record.actor[rows],
        'doing': example.record.actions[rows],
        'actions': example.actions[rows],
        'quality': example.quality[rows],
        'shows': example.known[rows] & (example.near[rows] >= OVERLAP),
        'known': example.known[rows],
    }


def memory_loss(memory: ActorMemory, batch: Windows) -> Tensor:
    """Return how wrong both readings are, of actions where actors are and of actors everywhere."""
    taken, before, after = memory.along(batch.sights, batch.lengths)
    return reading_loss(memory.now, (taken, before), batch) + reading_loss(
        memory.afterwards, (taken, before, after), batch
    )


def reading_loss(reading: Reading, parts: Sequence[Tensor], batch: Windows) -> Tensor:
    """Return the binary cross-entropy of what one reading makes of the logits."""
    more_doing, more_actor = reading(*parts)
    doing = functional.binary_cross_entropy_with_logits(
        (batch.doing + more_doing)[batch.shows], batch.actions[batch.shows], reduction='sum'
    )
    actor = functional.binary_cross_entropy_with_logits(
        (batch.actor + more_actor)[batch.known], batch.quality[batch.known], reduction='sum'
    )
    return doing / batch.shows.sum().clamp(min=1) + actor / batch.known.sum().clamp(min=1)


def learn(
    memory: ActorMemory, examples: Sequence[Example], schedule: Schedule, frames: int
) -> None:
    """Train a memory, in place, from its first weights.

    Args:
        memory: What is trained.
        examples: Videos.
        schedule: How long; `batch` counts tracks.
        frames: Sights of a track that are learnt from at once, at most.
    """
    standardise(memory, [example.record for example in examples])
    tracks = Tracks(examples, frames)
    rng = np.random.default_rng(schedule.seed)
    torch.manual_seed(schedule.seed)
    memory.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(
        memory.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    bar = tqdm(range(schedule.steps), 'learn', unit='step')
    for step in bar:
        for group in optimizer.param_groups:
            group['lr'] = learning_rate(step, schedule)
        loss = memory_loss(memory, collate(tracks.choose(schedule.batch, rng)))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(memory.parameters(), schedule.clip_gradient)
        optimizer.step()
        if step % 50 == 0:
            bar.set_postfix(loss=f'{loss.item():.3f}')
    memory.eval().requires_grad_(False)


def standardise(memory: ActorMemory, records: Sequence[Record]) -> None:
    """Tell a memory the usual values of features, level by level."""
    features = torch.cat([record.features for record in records]).float()
    level = torch.cat([record.level for record in records])
    for index in level.unique().tolist():
        own = features[level == index]
        memory.mean[index] = own.mean(dim=0)
        memory.deviation[index] = own.std(dim=0, correction=0).clamp(min=1e-3)


@torch.inference_mode()
def read(memory: ActorMemory, example: Example) -> dict[str, tuple[Tensor, Tensor]]:
    """Return logits of actors and actions by the network alone, now, and afterwards."""
    record = example.record
    told = {
        name: (record.actor.clone(), record.actions.clone())
        for name in ('alone', 'now', 'afterwards')
    }
    for rows in record.tracks():
        taken, *memories = memory.along(record.sights(rows[None]), torch.tensor([len(rows)]))
        for name, reading, parts in (
            ('now', memory.now, (taken, memories[0])),
            ('afterwards', memory.afterwards, (taken, *memories)),
        ):
            more_actions, more_actor = reading(*parts)
            told[name][0][rows] += more_actor[0]
            told[name][1][rows] += more_actions[0]
    return told


def calibrate(memory: ActorMemory, examples: Sequence[Example]) -> None:
    """Shift both readings so that scores from 0.5 on tell best; see `training.calibrate`."""
    told = [read(memory, example) for example in examples]
    right = torch.cat([(e.actions > 0) & (e.quality > 0)[:, None] for e in examples]).numpy()
    for name, reading in (('now', memory.now), ('afterwards', memory.afterwards)):
        actor = torch.cat([each[name][0] for each in told]).sigmoid()
        actions = torch.cat([each[name][1] for each in told]).sigmoid()
        needed = needed_shift(actor, action_scores(actor, actions), ACTION_SHARE).numpy()
        shifts = best_shifts(Told(needed, right, right.sum(axis=0)))
        with torch.no_grad():
            reading.actions.bias.add_(torch.from_numpy(shifts))


def describe(memory: ActorMemory, examples: Sequence[Example]) -> str:
    """Return a line that says how well actions of found actors are told."""
    told = [read(memory, example) for example in examples]
    found = torch.cat([example.quality > 0 for example in examples])
    truth = torch.cat([example.actions for example in examples])[found].numpy()
    shown = truth.any(axis=0)
    values = {
        name: average_precision_score(
            truth[:, shown], torch.cat([each[name][1] for each in told])[found].numpy()[:, shown]
        )
        for name in told[0]
    }
    return 'mean AP of the actions of found actors: ' + ', '.join(
        f'{value:.4f} {name}' for name, value in values.items()
    )


def train_memory(config: TrainingConfig, folder: Path, out: Path) -> Path:
    """Train the memory of the network that the settings name; all else of it stays.

    Args:
        config: The settings.
        folder: Where they lie.
        out: Folder for what the network sees, and for the model.

    Returns:
        The file of the model.

    Raises:
        ConfigError: Settings do not go together, or with the network.
        AnnotationError: Recordings cannot be used.
        WeightsError: The network's checkpoint cannot be used.
    """
    path = _weights(config, folder)
    opened = load_file(config.model, path)
    network, entry = opened.network, opened.entry
    assert isinstance(network, StreamNet)
    learnt, measured = open_sets(config.data.train, folder), open_sets(config.data.valid, folder)
    check_sets({**learnt, **measured})
    labels = next(iter(learnt.values())).labels
    if labels != entry.labels:
        raise ConfigError(
            f'{path} knows {", ".join(entry.labels)}, the recordings {", ".join(labels)}: train '
            'its network with these first'
        )
    network.memory.reset()
    whole = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    localizer = StreamLocalizer(opened, LocalizerOptions())
    seen = out / f'seen_{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}'
    examples = look(list(learnt.values()), localizer, seen / 'train')
    others = look(list(measured.values()), localizer, seen / 'valid')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.schedule.seed)
        memory = ActorMemory(2 * network.width, len(network.heads), len(labels))
        learn(memory, examples, config.schedule, config.data.frames)
    if others:
        print(describe(memory, others), flush=True)
        calibrate(memory, others)
    model = out / f'{config.name}.safetensors'
    state = whole | {f'memory.{name}': x for name, x in memory.state_dict().items()}
    write_checkpoint(model, state, replace(entry, name=config.name, licence=config.licence))
    return model


def _weights(config: TrainingConfig, folder: Path) -> Path:
    """Return the checkpoint of the network whose memory is to be trained."""
    if not config.model.startswith('stream_'):
        raise ConfigError(f'part is memory, but {config.model} has none; take stream_*')
    if not config.weights:
        raise ConfigError('part is memory: give weights, the checkpoint of a trained network')
    path = folder / Path(config.weights).expanduser()
    stored = find_weights(entries()[config.weights], '') if config.weights in entries() else None
    if path.is_file() or stored is None:
        return path  # a missing file is told when it is read
    return stored
