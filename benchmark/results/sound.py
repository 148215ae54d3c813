"""Measure a small classifier of sounds on sources that it did not learn from."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from actloc_ros.models.sound.log_mel import band_below
from actloc_ros.models.sound.onnx_classifier import SoundSpec
from actloc_ros.training.sound.clips import read_clips, sources_of
from actloc_ros.training.sound.config import read_sound_config
from actloc_ros.training.sound.fit import HIGHEST, NEWEST, WINDOW, cross_validate
from actloc_ros.training.sound.measure import THRESHOLD
from actloc_ros.training.sound.windows import WindowMaker
from benchmark.results.common import ResultsError

RECIPE = Path(__file__).resolve().parents[2] / 'recipes' / 'sound_n.yaml'
CLIPS = 'real/sounds/index.json'


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what held-out sources gave."""
    folder = args.shared.resolve()
    if not (folder / CLIPS).is_file():
        raise ResultsError(f'{folder / CLIPS} is missing')
    config = read_sound_config(RECIPE)
    # The recipe names its clips from its own place; these are the same ones.
    clips = read_clips(replace(config.data, clips=(CLIPS,)), folder)
    labels = tuple(label.name for label in config.data.labels)
    spec = SoundSpec(labels, WINDOW, band_below(HIGHEST), NEWEST)
    windows = WindowMaker(clips, spec, config.seed).make(config.windows)
    held = cross_validate(config, clips, windows, spec, print)
    return {'sources': len(sources_of(clips)), 'folds': config.folds, **held.figures()}


def section(numbers: dict[str, Any]) -> str:
    """Return the section of the document."""
    rows = '\n'.join(
        f'| {label} | {row["clips"]} | {row["recall"]:.2f} | {row["false_alarms"]} |'
        for label, row in numbers['labels'].items()
    )
    return f"""## Sounds

A small classifier by [recipes/sound_n.yaml](../recipes/sound_n.yaml), of which no weights ship.
**Protocol**: {numbers['clips']} clips of {numbers['sources']} sources in {numbers['folds']} parts,
a source in one alone; each part is heard by what the others taught, once a clip, in a quiet room,
{numbers['minutes']:.1f} minutes in all. A sound is reported from a score of {THRESHOLD} on. Of the
{numbers['clips_with_label']} clips with a label, the right sound scores best in
{numbers['best_is_right']:.0%}; some sound is reported in {numbers['clips_of_none_with_alarm']} of
{numbers['clips_of_none']} clips of none. EfficientAT, whose published weights were not at hand, is
not measured; that its network and spectra equal the published code is tested on its outputs
(`make parity`).

| sound | clips | found | reported in other clips |
|---|---|---|---|
{rows}"""
