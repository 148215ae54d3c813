"""EfficientAT: AudioSet's 527 sounds by MobileNetV3, plain or dynamic, from published checkpoints.

Widths are those of the published files. Figures are the authors', mean average precision on
AudioSet's evaluation clips of 10 s.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import nn

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.entry import Activation, Colour, Entry, Preprocessing, Task
from actloc_ros.models.sound.efficientat.blocks import LAST, LAYERS, divisible
from actloc_ros.models.sound.efficientat.dynamic import SoundDynamicMobileNet
from actloc_ros.models.sound.efficientat.mobilenet import SoundMobileNet
from actloc_ros.models.state_dicts import Shapes

RELEASES = 'https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/'
FILES = {
    'mn04': 'mn04_as_mAP_432.pt',
    'mn05': 'mn05_as_mAP_443.pt',
    'mn10': 'mn10_as_mAP_471.pt',
    'mn20': 'mn20_as_mAP_478.pt',
    'mn30': 'mn30_as_mAP_482.pt',
    'mn40': 'mn40_as_mAP_484.pt',
    'dymn04': 'dymn04_as.pt',
    'dymn10': 'dymn10_as.pt',
    'dymn20': 'dymn20_as_mAP_493.pt',
}
LABELS = tuple((Path(__file__).parent / 'audioset_labels.txt').read_text('utf-8').splitlines())
"""Names of AudioSet's ontology (Gemmeke et al., 2017; CC BY 4.0), in the order of its classes."""

CLIP = 1000  # spectra: 10 s
SPECTRA_RATE = 100.0  # Hz


def _architecture(name: str) -> Architecture:
    width = int(name[-2:]) / 10
    dynamic = name.startswith('dymn')
    network = SoundDynamicMobileNet if dynamic else SoundMobileNet
    last = 'out_c.0.weight' if dynamic else f'features.{len(LAYERS) + 1}.0.weight'
    build: Callable[[int], nn.Module] = partial(network, width=width)
    return Architecture(
        name=f'efficientat_{name}',
        task=Task.SOUND,
        build=build,
        classes=partial(_classes, last=last, width=width),
        outputs=('logits', 'features'),
        localizer='',
        foldable=not dynamic,
        shape=lambda entry: (1, entry.preprocessing.height, entry.frames),
    )


def _classes(shapes: Shapes, last: str, width: float) -> int | None:
    channels = LAST * divisible(LAYERS[-1].out * width)
    if shapes.get(last, ())[:1] != (channels,) or 'classifier.5.weight' not in shapes:
        return None
    return shapes['classifier.5.weight'][0]


def _entry(name: str) -> Entry:
    return Entry(
        name=f'efficientat_{name}_audioset',
        architecture=f'efficientat_{name}',
        labels=LABELS,
        # Of log-mel spectra, which no image becomes.
        preprocessing=Preprocessing(height=128, width=CLIP, colour=Colour.RGB),
        frames=CLIP,
        rate=SPECTRA_RATE,
        activation=Activation.SIGMOID,
        multi_label=True,
        threshold=0.3,
        bn_eps_2d=1e-3,
        url=RELEASES + FILES[name],
        licence='MIT',
        source='https://github.com/fschmid56/EfficientAT',
    )


ARCHITECTURES = tuple(_architecture(name) for name in FILES)
ENTRIES = tuple(_entry(name) for name in FILES)
