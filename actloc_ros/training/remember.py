"""Train the memory of a streaming network by what the network sees of actors in recordings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.actor_memory import ActorMemory, Reading
from actloc_ros.models.actor_record import Record, told
from actloc_ros.models.catalog import entries
from actloc_ros.models.checkpoint_files import write_checkpoint
from actloc_ros.models.loading import find_weights, load_file
from actloc_ros.models.stream import StreamNet
from actloc_ros.models.stream_decode import action_scores
from actloc_ros.models.stream_localizer import StreamLocalizer
from actloc_ros.models.weights import Entry
from actloc_ros.training.calibrate import Told, best_shifts, needed_shift
from actloc_ros.training.config import ConfigError, Data, Schedule, TrainingConfig
from actloc_ros.training.engine import learning_rate, moving_average
from actloc_ros.training.recordings import check_sets, open_sets
from actloc_ros.training.sights import Example, look
from actloc_ros.training.windows import Tracks, Windows, collate


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
    average = AveragedModel(memory, multi_avg_fn=moving_average(schedule.ema))
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
        average.update_parameters(memory)
        if step % 50 == 0:
            bar.set_postfix(loss=f'{loss.item():.3f}')
    memory.load_state_dict(average.module.state_dict())
    memory.eval().requires_grad_(False)


def standardise(memory: ActorMemory, records: Sequence[Record]) -> None:
    """Tell a memory the usual values of features, level by level."""
    features = torch.cat([record.features for record in records]).float()
    level = torch.cat([record.level for record in records])
    for index in level.unique().tolist():
        own = features[level == index]
        memory.mean[index] = own.mean(dim=0)
        memory.deviation[index] = own.std(dim=0, correction=0).clamp(min=1e-3)


def calibrate(memory: ActorMemory, examples: Sequence[Example]) -> None:
    """Shift both readings so that scores from 0.5 on tell best; see `training.calibrate`."""
    right = torch.cat([(e.actions > 0) & (e.quality > 0)[:, None] for e in examples]).numpy()
    told_each = zip(*(told(e.record, memory) for e in examples), strict=True)
    for reading, logits in zip((memory.now, memory.afterwards), told_each, strict=True):
        actor = torch.cat([each.actor for each in logits]).sigmoid()
        actions = torch.cat([each.actions for each in logits]).sigmoid()
        needed = needed_shift(actor, action_scores(actor, actions)).numpy()
        shifts = best_shifts(Told(needed, right, right.sum(axis=0)))
        with torch.no_grad():
            reading.actions.bias.add_(torch.from_numpy(shifts))


def describe(memory: ActorMemory, examples: Sequence[Example]) -> str:
    """Return a line that says how well actions of found actors are told."""
    found = torch.cat([e.quality > 0 for e in examples])
    truth = torch.cat([e.actions for e in examples])[found].numpy()
    shown = truth.any(axis=0)
    now, afterwards = zip(*(told(e.record, memory) for e in examples), strict=True)
    values = {
        name: average_precision_score(
            truth[:, shown], torch.cat([each.actions for each in logits])[found].numpy()[:, shown]
        )
        for name, logits in (
            ('alone', [e.record for e in examples]),
            ('now', now),
            ('afterwards', afterwards),
        )
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
    check_same_input(config.data, entry)
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


def check_same_input(data: Data, entry: Entry) -> None:
    """Refuse settings of another input than the network has.

    Raises:
        ConfigError: Height, width or rate are given, and differ.
    """
    how = entry.preprocessing
    for name, own in (('height', how.height), ('width', how.width), ('rate', entry.rate)):
        given = getattr(data, name)
        if given not in (own, getattr(Data, name)):
            raise ConfigError(f'data: {name} is {given}, but the network of weights has {own}')


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
