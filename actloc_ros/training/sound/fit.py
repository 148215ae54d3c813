"""Train a small classifier of sounds, measure it on sources that it did not hear, write it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from actloc_ros.files import write_whole
from actloc_ros.models.sound.log_mel import band_below
from actloc_ros.models.sound.onnx_classifier import OnnxSoundClassifier, SoundSpec
from actloc_ros.models.sound.small_network import SmallSoundNet, to_onnx
from actloc_ros.training.sound.clips import Clip, read_clips, sources_of
from actloc_ros.training.sound.config import SoundConfig
from actloc_ros.training.sound.measure import HeldOut, measure
from actloc_ros.training.sound.windows import WindowMaker, Windows

WINDOW, NEWEST = 1.0, 0.4  # s
HIGHEST = 7500.0  # Hz: many recordings hold no more than 8 kHz
SMOOTH = 0.05  # how far labels are from 0 and 1
BANDS_HIDDEN, SPECTRA_HIDDEN = 12, 12  # most of each that are hidden in a window
TILT = 0.35  # how much louder one end of the spectrum may be, in the spectra's unit

Say = Callable[[str], None]


def check(config: SoundConfig, folder: Path, say: Say = print) -> None:
    """Say what is in the clips that settings in a folder name.

    Raises:
        ConfigError: They cannot be used.
    """
    clips = read_clips(config.data, folder)
    say(f'{len(clips)} clips of {len(sources_of(clips))} sources')
    for index, label in enumerate((*config.data.labels, None)):
        own = [clip for clip in clips if clip.label == (index if label else -1)]
        name = label.name if label else 'none of these'
        say(f'{name:14} {len(own):5} clips of {len(sources_of(own))} sources')


def train(config: SoundConfig, folder: Path, out: Path, say: Say = print) -> Path:
    """Train as settings in a folder say; return the ONNX file, beside which its figures lie.

    Raises:
        ConfigError: Clips cannot be used.
    """
    clips = read_clips(config.data, folder)
    spec = SoundSpec(
        labels=tuple(label.name for label in config.data.labels),
        window=WINDOW,
        bands=band_below(HIGHEST),
        newest=NEWEST,
        licence=config.licence,
        source=f'{len(clips)} clips of {len(sources_of(clips))} sources',
    )
    out.mkdir(parents=True, exist_ok=True)
    say(f'{len(clips)} clips of {len(sources_of(clips))} sources, {len(spec.labels)} labels')
    figures = {}
    if config.folds:
        held = cross_validate(config, clips, spec, say)
        figures = held.figures()
        say(held.text())
    network = fit(config, clips, spec, config.seed)
    path = out / f'{config.name}.onnx'
    with write_whole(path) as file:
        file.write_bytes(to_onnx(network, spec))
    OnnxSoundClassifier(path)  # it can be opened
    with write_whole(out / 'figures.json') as file:
        file.write_text(json.dumps(figures, indent=1) + '\n', encoding='utf-8')
    return path


def cross_validate(
    config: SoundConfig, clips: Sequence[Clip], spec: SoundSpec, say: Say
) -> HeldOut:
    """Measure on each part of the sources what the others taught."""
    found = HeldOut(spec.labels)
    for number, (taught, left) in enumerate(folds(clips, config.folds, config.seed), 1):
        network = fit(config, taught, spec, config.seed + number)
        measure(found, network, left, spec, config.seed)
        say(f'part {number} of {config.folds}: {len(taught)} clips teach, {len(left)} measure')
    return found


def folds(clips: Sequence[Clip], count: int, seed: int) -> list[tuple[list[Clip], list[Clip]]]:
    """Split clips into parts so that a source is in one, and labels are spread over all."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    labels, sources = [c.label for c in clips], [c.source for c in clips]
    return [
        ([clips[i] for i in taught], [clips[i] for i in left])
        for taught, left in splitter.split(np.zeros(len(clips)), labels, sources)
    ]


def fit(config: SoundConfig, clips: Sequence[Clip], spec: SoundSpec, seed: int) -> SmallSoundNet:
    """Return a network that learnt from clips."""
    torch.manual_seed(seed)
    windows = WindowMaker(clips, spec, seed).make(config.windows)
    network = SmallSoundNet(len(spec.labels), spec.newest)
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.steps
    )
    random = np.random.default_rng(seed)
    network.train()
    for _ in range(config.steps):
        spectra, heard, counts = _batch(windows, random, config.batch)
        losses = F.binary_cross_entropy_with_logits(network(spectra), heard, reduction='none')
        loss = (losses * counts).sum() / counts.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def _batch(
    windows: Windows, random: np.random.Generator, size: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return windows by chance, with other microphones and with parts hidden."""
    rows = random.integers(len(windows.spectra), size=size)
    spectra = windows.spectra[rows]
    bands = spectra.shape[1]
    tilt = random.uniform(-TILT, TILT, (size, 1, 1)) * np.linspace(-1, 1, bands)[:, None]
    spectra = spectra + tilt.astype(np.float32)
    for each in spectra:
        for axis, most in ((0, BANDS_HIDDEN), (1, SPECTRA_HIDDEN)):
            width = int(random.integers(most))
            begin = int(random.integers(each.shape[axis] - width))
            hidden = slice(begin, begin + width)
            each[hidden if axis == 0 else (slice(None), hidden)] = each.mean()
    heard = windows.heard[rows] * (1 - 2 * SMOOTH) + SMOOTH
    return (
        torch.from_numpy(spectra[:, None]),
        torch.from_numpy(heard.astype(np.float32)),
        torch.from_numpy(windows.counts[rows]),
    )
