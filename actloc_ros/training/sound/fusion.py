"""Learn by how much sounds change what actors seem to do: logistic regression, action by action."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from actloc_ros.boxes import paired_iou
from actloc_ros.frames import Frame
from actloc_ros.io.sound.open import open_sound
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import Detections, LocalizerOptions
from actloc_ros.models.open import open_localizer
from actloc_ros.models.sound.fusion import ActionWeights, Fusion, SoundWeights, logit
from actloc_ros.models.sound.localizer import SeeingAndHearing
from actloc_ros.models.sound.options import WEIGHTS
from actloc_ros.training.config import ConfigError, read_settings_of
from actloc_ros.truth.annotations import ActorTrack, Instance, Video
from actloc_ros.truth.plain_json import annotations_file, read_annotations

SOUND_FUSION = 'sound_fusion'
OVERLAP = 0.5  # of a detection with the actor that it is of
LEAST = 20  # key frames with an action, and without, from which its weights are learned


@dataclass(frozen=True)
class FusionConfig:
    """All settings.

    Attributes:
        model: `sound_fusion`.
        name: What the result is called: the file's name.
        of: The model that sees.
        train: Files or folders with annotations in the plain format of recordings with sound,
            relative to the settings' file.
        valid: The same, to measure on.
        weights: Of the model that sees.
        sound_weights: Of what hears.
        decay: How strongly weights are held at what the picture alone says.
    """

    model: str
    name: str
    of: str
    train: tuple[str, ...]
    valid: tuple[str, ...] = ()
    weights: str = ''
    sound_weights: str = ''
    decay: float = 1.0


@dataclass(frozen=True, eq=False)
class FusionSamples:
    """N actors at M key frames: A actions, S sounds.

    Attributes:
        actions: Labels of the model that sees.
        sounds: Labels of what hears.
        seen: float32 (N, A): scores of actors by the picture.
        heard: float32 (N, S): scores of sounds beside them.
        truth: bool (N, A): what they do.
        frames_heard: float32 (M, S): scores of sounds.
        frames_truth: bool (M, A): what anybody does.
        known: bool (A,): which actions the annotations name.
    """

    actions: tuple[str, ...]
    sounds: tuple[str, ...]
    seen: np.ndarray
    heard: np.ndarray
    truth: np.ndarray
    frames_heard: np.ndarray
    frames_truth: np.ndarray
    known: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[FusionSamples]) -> FusionSamples:
        """Return those of several recordings as one."""
        arrays: Any = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ('seen', 'heard', 'truth', 'frames_heard', 'frames_truth')
        }
        known = np.any([part.known for part in parts], axis=0)
        return replace(parts[0], **arrays, known=known)


@dataclass(frozen=True, eq=False)
class _KeyFrame:
    """One key frame: n actors.

    Attributes:
        seen: float32 (n, A): scores of actors that were found.
        truth: bool (n, A): what they do.
        heard: float32 (S,).
        anybody: bool (A,): what anybody does.
    """

    seen: np.ndarray
    truth: np.ndarray
    heard: np.ndarray
    anybody: np.ndarray


def read_fusion_config(path: Path) -> FusionConfig:
    """Read and check a YAML file.

    Raises:
        ConfigError: A key is unknown or missing, or a value has another type or is impossible.
    """
    config = read_settings_of(FusionConfig, path, SOUND_FUSION)
    if not config.train or not config.decay > 0:
        raise ConfigError(f'{path}: train must name recordings, and decay be above 0')
    return config


def check(config: FusionConfig, folder: Path, say: Callable[[str], None] = print) -> None:
    """Say what is labelled in the recordings that settings in a folder name.

    Raises:
        ConfigError: A recording is missing.
        ValueError: Annotations cannot be read.
    """
    for name in (*config.train, *config.valid):
        file = annotations_file(folder / Path(name).expanduser())
        truth = read_annotations(file)
        missing = [v.path for v in truth.videos if not (file.parent / v.path).exists()]
        if missing:
            raise ConfigError(f'{file} names {missing[0]}, which is not there')
        counts = Counter(each.label for video in truth.videos for each in video.instances)
        labelled = ', '.join(f'{label} {counts[label]} times' for label in truth.labels)
        say(f'{name}: {len(truth.videos)} recordings; {labelled}')


def train(
    config: FusionConfig, folder: Path, out: Path, say: Callable[[str], None] = print
) -> Path:
    """Learn as settings in a folder say; return the file of weights.

    Raises:
        ConfigError: No action has enough key frames.
        ValueError: Recordings or models cannot be used.
    """
    taught = collect(config, folder, config.train)
    fusion = learn(taught, config.decay)
    if not fusion.weights:
        raise ConfigError(
            f'no action has {LEAST} key frames with and without it, of'
            f' {len(taught.frames_heard)}, in which {config.of} found {len(taught.seen)} actors;'
            ' annotate more'
        )
    for label, weights in fusion.weights.items():
        strongest = sorted(weights.sounds.items(), key=lambda item: -abs(item[1]))[:3]
        named = ', '.join(f'{sound} {weight:+.2f}' for sound, weight in strongest)
        in_dark = '' if weights.alone is None else '; reported by sounds alone in the dark'
        say(f'{label}: picture {weights.gain:.2f}, {named or "no sound"}{in_dark}')
    if config.valid:
        say(compare(fusion, collect(config, folder, config.valid)))
    out.mkdir(parents=True, exist_ok=True)
    path = out / f'{config.name}.json'
    fusion.write(path)
    return path


def collect(config: FusionConfig, folder: Path, sets: Sequence[str]) -> FusionSamples:
    """Return what recordings show and sound like.

    Raises:
        ConfigError: They are none.
        ValueError: They or the models cannot be used.
    """
    samples = []
    for name in sets:
        file = annotations_file(folder / Path(name).expanduser())
        truth = read_annotations(file)
        samples += [
            _of_video(config, file.parent / video.path, video, truth.labels)
            for video in truth.videos
        ]
    if not samples:
        raise ConfigError(f'there is no recording in {", ".join(sets)}')
    return FusionSamples.joined(samples)


def _of_video(
    config: FusionConfig, path: Path, video: Video, labels: Sequence[str]
) -> FusionSamples:
    source = open_source(path)
    options = LocalizerOptions(
        config.weights, side_inputs=open_sound(source), extra={WEIGHTS: config.sound_weights}
    )
    localizer = open_localizer(f'{config.of}+sound', options)
    assert isinstance(localizer, SeeingAndHearing)
    actions, sounds = localizer.parts
    shown = list(_key_frames(localizer, source, video, actions))
    localizer.close()
    none = np.zeros((0, len(actions)))
    seen, truth = ([none, *(getattr(f, name) for f in shown)] for name in ('seen', 'truth'))
    heard = np.array([frame.heard for frame in shown], np.float32).reshape(-1, len(sounds))
    return FusionSamples(
        actions,
        sounds,
        np.concatenate(seen).astype(np.float32),
        np.repeat(heard, [len(frame.seen) for frame in shown], axis=0),
        np.concatenate(truth).astype(bool),
        heard,
        np.array([frame.anybody for frame in shown], bool).reshape(-1, len(actions)),
        np.array([label in labels for label in actions]),
    )


def _key_frames(
    localizer: SeeingAndHearing,
    frames: Iterable[Frame],
    video: Video,
    actions: Sequence[str],
) -> Iterator[_KeyFrame]:
    for number, frame in enumerate(frames):
        [found] = localizer.step([frame])
        stamp = video.stamp(number)
        doing = [each for each in video.instances if each.start <= stamp < each.end]
        rows, truth = [], []
        for track in video.tracks:
            row = _row_of(found, track, number)
            if row is not None:
                rows.append(row)
                truth.append(_named(actions, [d for d in doing if d.actor == track.actor]))
        yield _KeyFrame(
            found.actions[rows, : len(actions)],
            np.array(truth, bool).reshape(-1, len(actions)),
            localizer.hear(frame).scores,
            _named(actions, doing),
        )


def _row_of(found: Detections, track: ActorTrack, number: int) -> int | None:
    """Return the row of an annotated actor in a frame; None where it is not there or not found."""
    at = int(np.searchsorted(track.frames, number))
    if at == len(track.frames) or track.frames[at] != number:
        return None
    assert found.whole_view is not None
    overlaps = paired_iou(found.boxes, track.boxes[at][None]) * ~found.whole_view
    if not len(overlaps) or overlaps.max() < OVERLAP:
        return None
    return int(overlaps.argmax())


def _named(actions: Sequence[str], doing: Sequence[Instance]) -> np.ndarray:
    """Return which actions are among instances: bool (A,)."""
    labels = {each.label for each in doing}
    return np.array([label in labels for label in actions], bool)


def learn(samples: FusionSamples, decay: float) -> Fusion:
    """Return the weights that explain the truth best, of actions of which there is enough."""
    weights = {}
    for index in np.flatnonzero(samples.known).tolist():
        beside = _learn_beside(samples, index, decay)
        alone = _learn_alone(samples, index, decay)
        if beside is not None or alone is not None:
            unchanged = ActionWeights(0.0, 1.0, {})
            weights[samples.actions[index]] = replace(beside or unchanged, alone=alone)
    return Fusion(weights)


def _learn_beside(samples: FusionSamples, index: int, decay: float) -> ActionWeights | None:
    """Fit one action of actors; without evidence for more, it stays what the picture says."""
    truth = samples.truth[:, index]
    if not _enough(truth):
        return None
    columns = np.column_stack([logit(samples.seen[:, index]), logit(samples.heard)])
    prior = np.zeros(2 + len(samples.sounds))
    prior[1] = 1.0
    bias, gain, *sounds = _regress(columns, truth, prior, decay)
    return ActionWeights(bias, gain, dict(zip(samples.sounds, sounds, strict=True)))


def _learn_alone(samples: FusionSamples, index: int, decay: float) -> SoundWeights | None:
    """Fit what sounds alone say; nothing of an action that is as likely as not in silence."""
    truth = samples.frames_truth[:, index]
    if not _enough(truth):
        return None
    # The first column is what a picture would say: nothing.
    columns = np.column_stack([np.zeros(len(truth)), logit(samples.frames_heard)])
    bias, _, *sounds = _regress(columns, truth, np.zeros(2 + len(samples.sounds)), decay)
    silence = logit(np.zeros(len(sounds)))
    if bias + silence @ np.array(sounds) >= 0:
        return None
    return SoundWeights(bias, dict(zip(samples.sounds, sounds, strict=True)))


def _enough(truth: np.ndarray) -> bool:
    return bool(min(truth.sum(), (~truth).sum()) >= LEAST)


def _regress(
    columns: np.ndarray, truth: np.ndarray, prior: np.ndarray, decay: float
) -> list[float]:
    """Return the bias, the gain of the picture and the weights of sounds; `prior` is their like.

    Args:
        columns: (N, 1 + S): log-odds by the picture and of sounds.
        truth: bool (N,).
        prior: (2 + S,): what is returned without evidence for anything else.
        decay: How strongly weights are held there; the bias is free.
    """
    sign = np.where(truth, 1.0, -1.0)
    held = np.full(len(prior), decay)
    held[0] = 0.0  # the bias is free

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (weights[0] + columns @ weights[1:])
        slope = -sign / (1 + np.exp(margin))
        away = weights - prior
        gradient = np.concatenate([[slope.sum()], columns.T @ slope]) + held * away
        return float(np.logaddexp(0, -margin).sum() + 0.5 * (held * away**2).sum()), gradient

    bounds = [(None, None), (0.0, None)] + [(None, None)] * (len(prior) - 2)
    found = minimize(loss, prior, jac=True, method='L-BFGS-B', bounds=bounds).x
    return [float(value) for value in found]


def compare(fusion: Fusion, samples: FusionSamples) -> str:
    """Return average precision of each action that has weights, with the picture and without."""
    from sklearn.metrics import average_precision_score

    fusion.check(samples.actions, samples.sounds)
    actors = zip(samples.seen, samples.heard, strict=True)
    fused = np.array([fusion.apply(seen[None], heard)[0] for seen, heard in actors])
    by_sound = np.array([fusion.alone(heard) for heard in samples.frames_heard])
    lines = []
    for label, weights in fusion.weights.items():
        index = samples.actions.index(label)
        truth, anybody = samples.truth[:, index], samples.frames_truth[:, index]
        if truth.any():
            alone, both = (
                average_precision_score(truth, scores[:, index]) for scores in (samples.seen, fused)
            )
            lines.append(f'{label}: average precision {alone:.3f} by the picture, {both:.3f} fused')
        if weights.alone is not None and anybody.any():
            found = average_precision_score(anybody, by_sound[:, index])
            lines.append(f'{label}: average precision {found:.3f} of key frames by sound alone')
    return '\n'.join(lines) or 'nobody does any of these actions in what is measured'
