"""Open what hears: `sound`, alone, and `MODEL+sound`, beside any other model."""

from __future__ import annotations

from pathlib import Path

from actloc_ros.localizer import Localizer, LocalizerOptions
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.families import import_named
from actloc_ros.models.sound.fusion import Fusion
from actloc_ros.models.sound.hearing import Hearing, SoundClassifier, listener
from actloc_ros.models.sound.localizer import SeeingAndHearing, SoundLocalizer
from actloc_ros.models.sound.onnx_classifier import OnnxSoundClassifier
from actloc_ros.models.sound.options import SoundOptions
from actloc_ros.models.storage import find_onnx, onnx_places

SOUND_N = 'sound_n'


def open_sound(options: LocalizerOptions) -> SoundLocalizer:
    """Return the localizer `sound`, which takes `weights`: see `open_classifier`.

    Raises:
        ModelError: There are no weights, they do not fit, or nothing gives sound.
    """
    listen = listener('sound', options)
    chosen = SoundOptions.of(options.extra)
    path = _find(options.weights)
    localizer = SoundLocalizer('sound', Hearing(_open(path, options), listen, chosen.labels))
    localizer.weight_files = (path,)
    return localizer


def open_with_sound(inner: Localizer, options: LocalizerOptions) -> SeeingAndHearing:
    """Return a localizer that also hears; `options.weights` are the other model's.

    Raises:
        ModelError: There are no weights, they do not fit, or nothing gives sound.
    """
    listen = listener(f'{inner.name}+sound', options)
    chosen = SoundOptions.of(options.extra)
    path = _find(chosen.weights)
    fused = Path(chosen.fusion).expanduser() if chosen.fusion else None
    hearing = Hearing(_open(path, options), listen, chosen.labels)
    localizer = SeeingAndHearing(inner, hearing, None if fused is None else Fusion.read(fused))
    localizer.weight_files = (*inner.weight_files, path, *([] if fused is None else [fused]))
    return localizer


def open_classifier(weights: str, options: LocalizerOptions) -> SoundClassifier:
    """Return what scores sound.

    Args:
        weights: An ONNX file that `actloc train` wrote; a checkpoint of EfficientAT, which takes
            PyTorch; empty for the one that ships.
        options: What the user chose of device, precision and threads.

    Raises:
        WeightsError: There is no such file, or it does not fit.
        ModelError: PyTorch is needed and not installed.
    """
    return _open(_find(weights), options)


def _find(weights: str) -> Path:
    path = Path(weights).expanduser() if weights else find_onnx(SOUND_N)
    if path is None or not path.is_file():
        places = weights or ', '.join(str(place) for place in onnx_places(SOUND_N))
        raise WeightsError(
            f'there are no weights of sounds (no file {places}): train some by `actloc train`, or'
            ' give a checkpoint of EfficientAT'
        )
    return path


def _open(path: Path, options: LocalizerOptions) -> SoundClassifier:
    if path.suffix.lower() == '.onnx':
        return OnnxSoundClassifier(path, options.threads)
    opened: SoundClassifier = import_named(
        'actloc_ros.models.sound.efficientat.classifier:open_file'
    )(path, options)
    return opened
