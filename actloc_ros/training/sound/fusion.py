"""Learn by how much sounds change what actors seem to do: logistic regression, action by action."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from actloc_ros.boxes import paired_iou
from actloc_ros.frames import Frame
from actloc_ros.io.sound.open import open_sound
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.open import open_localizer
from actloc_ros.models.sound.fusion import ActionWeights, Fusion, logit
from actloc_ros.models.sound.localizer import SeeingAndHearing
from actloc_ros.models.sound.options import WEIGHTS
from actloc_ros.training.config import ConfigError, read_settings_of
from actloc_ros.truth.annotations import Video
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
    """N actors at key frames: A actions, S sounds.

    Attributes:
        actions: Labels of the model that sees.
        sounds: Labels of what hears.
        seen: float32 (N, A): scores by the picture.
        heard: float32 (N, S): scores of sounds.
        truth: bool (N, A).
        known: bool (A,): which actions the annotations name.
    """

    actions: tuple[str, ...]
    sounds: tuple[str, ...]
    seen: np.ndarray
    heard: np.ndarray
    truth: np.ndarray
    known: np.ndarray


def read_fusion_config(path: Path) -> FusionConfig:
    """Read and check a YAML file.

    Raises:
        ConfigError: A key is unknown or missing, or a value has another type or is impossible.
    """
    config = read_settings_of(FusionConfig, path, SOUND_FUSION)
    if not config.train or not config.decay > 0:
        raise ConfigError(f'{path}: train must name recordings, and decay be above 0')
    return config


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
            f'no action has {LEAST} key frames with and without it, of {len(taught.seen)} in which'
            f' {config.of} found an actor; annotate more'
        )
    for label, weights in fusion.weights.items():
        strongest = sorted(weights.sounds.items(), key=lambda item: -abs(item[1]))[:3]
        named = ', '.join(f'{sound} {weight:+.2f}' for sound, weight in strongest)
        say(f'{label}: picture {weights.gain:.2f}, {named}')
    if config.valid:
        say(compare(fusion, collect(config, folder, config.valid)))
    out.mkdir(parents=True, exist_ok=True)
    path = out / f'{config.name}.json'
    fusion.write(path)
    return path


def collect(config: FusionConfig, folder: Path, sets: Sequence[str]) -> FusionSamples:
    """Return what recordings show and sound like, wherever an annotated actor is found."""
    samples = []
    for name in sets:
        file = annotations_file(folder / Path(name).expanduser())
        truth = read_annotations(file)
        samples += [
            _of_video(config, file.parent / video.path, video, truth.labels)
            for video in truth.videos
        ]
    first = samples[0]
    return replace(
        first,
        seen=np.concatenate([s.seen for s in samples]),
        heard=np.concatenate([s.heard for s in samples]),
        truth=np.concatenate([s.truth for s in samples]),
        known=np.any([s.known for s in samples], axis=0),
    )


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
    rows = list(_rows(localizer, source, video, actions))
    seen, heard, truth = ([row[i] for row in rows] for i in range(3))
    localizer.close()
    return FusionSamples(
        actions,
        sounds,
        np.array(seen, np.float32).reshape(-1, len(actions)),
        np.array(heard, np.float32).reshape(-1, len(sounds)),
        np.array(truth, bool).reshape(-1, len(actions)),
        np.array([label in labels for label in actions]),
    )


def _rows(
    localizer: SeeingAndHearing,
    frames: Iterable[Frame],
    video: Video,
    actions: Sequence[str],
) -> Iterator[tuple[np.ndarray, np.ndarray, list[bool]]]:
    for number, frame in enumerate(frames):
        [found] = localizer.step([frame])
        heard = localizer.hear(frame).scores
        assert found.whole_view is not None
        stamp = video.stamp(number)
        for track in video.tracks:
            at = int(np.searchsorted(track.frames, number))
            if at == len(track.frames) or track.frames[at] != number:
                continue
            overlaps = paired_iou(found.boxes, track.boxes[at][None]) * ~found.whole_view
            if not len(overlaps) or overlaps.max() < OVERLAP:
                continue
            doing = {
                each.label
                for each in video.instances
                if each.actor == track.actor and each.start <= stamp < each.end
            }
            row = found.actions[int(overlaps.argmax()), : len(actions)]
            yield row, heard, [label in doing for label in actions]


def learn(samples: FusionSamples, decay: float) -> Fusion:
    """Return the weights that explain the truth best, of actions of which there is enough."""
    weights = {}
    for index, label in enumerate(samples.actions):
        truth = samples.truth[:, index]
        if samples.known[index] and min(truth.sum(), (~truth).sum()) >= LEAST:
            weights[label] = _regress(samples, index, decay)
    return Fusion(weights)


def _regress(samples: FusionSamples, index: int, decay: float) -> ActionWeights:
    """Fit one action; without evidence for more, bias stays 0, the picture's gain 1, the rest 0."""
    columns = np.column_stack([logit(samples.seen[:, index]), logit(samples.heard)])
    sign = np.where(samples.truth[:, index], 1.0, -1.0)
    prior = np.zeros(2 + len(samples.sounds))
    prior[1] = 1.0
    held = np.full(len(prior), decay)
    held[0] = 0.0  # the bias is free

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (weights[0] + columns @ weights[1:])
        slope = -sign / (1 + np.exp(margin))
        away = weights - prior
        gradient = np.concatenate([[slope.sum()], columns.T @ slope]) + held * away
        return float(np.logaddexp(0, -margin).sum() + 0.5 * (held * away**2).sum()), gradient

    bounds = [(None, None), (0.0, None)] + [(None, None)] * len(samples.sounds)
    found = minimize(loss, prior, jac=True, method='L-BFGS-B', bounds=bounds).x
    return ActionWeights(
        float(found[0]),
        float(found[1]),
        dict(zip(samples.sounds, found[2:].tolist(), strict=True)),
    )


def compare(fusion: Fusion, samples: FusionSamples) -> str:
    """Return average precision of each action with weights: by the picture, and with sound."""
    from sklearn.metrics import average_precision_score

    fusion.check(samples.actions, samples.sounds)
    fused = np.array(
        [
            fusion.apply(seen[None], heard)[0]
            for seen, heard in zip(samples.seen, samples.heard, strict=True)
        ]
    )
    lines = []
    for label in fusion.weights:
        index = samples.actions.index(label)
        truth = samples.truth[:, index]
        if truth.any():
            alone, both = (
                average_precision_score(truth, scores[:, index]) for scores in (samples.seen, fused)
            )
            lines.append(f'{label}: average precision {alone:.3f} by the picture, {both:.3f} fused')
    return '\n'.join(lines) or 'nobody does any of these actions in what is measured'
