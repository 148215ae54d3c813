"""Train a small classifier of sounds, measure it on sources that it did not hear, write it."""

from __future__ import annotations

import json
import warnings
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
SMOOTH = 0.02  # how far labels are from 0 and 1

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
    windows = WindowMaker(clips, spec, config.seed).make(config.windows)
    figures = {}
    if config.folds:
        held = cross_validate(config, clips, windows, spec, say)
        figures = held.figures()
        say(held.text())
    network = fit(config, windows, np.arange(len(windows.spectra)), spec, config.seed)
    path = out / f'{config.name}.onnx'
    with write_whole(path) as file:
        file.write_bytes(to_onnx(network, spec))
    OnnxSoundClassifier(path)  # it can be opened
    with write_whole(out / 'figures.json') as file:
        file.write_text(json.dumps(figures, indent=1) + '\n', encoding='utf-8')
    return path


def cross_validate(
    config: SoundConfig, clips: Sequence[Clip], windows: Windows, spec: SoundSpec, say: Say
) -> HeldOut:
    """Measure on each part of the sources what the others taught."""
    found = HeldOut(spec.labels)
    for number, (taught, left) in enumerate(folds(clips, config.folds, config.seed), 1):
        rows = windows.without({clip.source for clip in left})
        network = fit(config, windows, rows, spec, config.seed + number)
        measure(found, network, left, spec, config.seed)
        say(
            f'part {number} of {config.folds}: {len(taught)} clips in {len(rows)} windows teach,'
            f' {len(left)} measure'
        )
    return found


def folds(clips: Sequence[Clip], count: int, seed: int) -> list[tuple[list[Clip], list[Clip]]]:
    """Split clips into parts so that a source is in one, and labels are spread over all."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    labels, sources = [c.label for c in clips], [c.source for c in clips]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that a label has fewer clips than there are parts
        split = list(splitter.split(np.zeros(len(clips)), labels, sources))
    return [([clips[i] for i in taught], [clips[i] for i in left]) for taught, left in split]


def fit(
    config: SoundConfig, windows: Windows, rows: np.ndarray, spec: SoundSpec, seed: int
) -> SmallSoundNet:
    """Return a network that learned from some of the windows."""
    torch.manual_seed(seed)
    network = SmallSoundNet(len(spec.labels), spec.bands, spec.newest)
    with torch.no_grad():
        statistics = network.statistics(torch.from_numpy(windows.spectra[rows])[:, None])
    heard, counts = torch.from_numpy(windows.heard[rows]), torch.from_numpy(windows.counts[rows])
    heard = heard * (1 - 2 * SMOOTH) + SMOOTH
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.steps
    )
    network.train()
    for _ in range(config.steps):
        chosen = torch.randint(len(rows), (config.batch,))
        logits = network.head(statistics[chosen])
        losses = F.binary_cross_entropy_with_logits(logits, heard[chosen], reduction='none')
        loss = (losses * counts[chosen]).sum() / counts[chosen].sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()
