"""Classify descriptors of clips by linear classifiers, and read and write these."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from actloc_ros.files import write_whole
from actloc_ros.models.errors import ModelError
from actloc_ros.models.hog_hof.descriptor import DescriptorSettings
from actloc_ros.models.hog_hof.fisher import Codebook, codebook_of

FORMAT = 'actloc-hog-hof'
VERSION = 2


@dataclass(frozen=True, eq=False)
class Classifier:
    """Linear classifiers of clips, one a label, with calibrated scores.

    A score is 1 / (1 + exp(slope * margin + offset)) (Platt 1999) of the margin of a linear
    support vector machine.

    Attributes:
        labels: Action names.
        settings: How clips are described.
        codebook: What they are described by.
        weight: float32 (C, D).
        bias: float32 (C,).
        slope: float32 (C,).
        offset: float32 (C,).
    """

    labels: tuple[str, ...]
    settings: DescriptorSettings
    codebook: Codebook
    weight: np.ndarray
    bias: np.ndarray
    slope: np.ndarray
    offset: np.ndarray

    def scores(self, descriptors: np.ndarray) -> np.ndarray:
        """Return the probability of each label, float32 (N, C), for descriptors (N, D)."""
        margin = descriptors.astype(np.float32) @ self.weight.T + self.bias
        place = np.clip(self.slope * margin + self.offset, -50, 50)
        return (1 / (1 + np.exp(place))).astype(np.float32)

    def save(self, path: Path | str) -> None:
        """Write a safetensors file that says all it takes to use it."""
        tensors = {name: getattr(self, name) for name in TENSORS} | self.codebook.tensors()
        tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        about = {'labels': list(self.labels), 'settings': asdict(self.settings)}
        # One entry: the order of several is left to chance, and equal models make equal files.
        content = save(tensors, {FORMAT: json.dumps({'version': VERSION, **about})})
        with write_whole(Path(path)) as file:
            file.write_bytes(content)


TENSORS = ('weight', 'bias', 'slope', 'offset')


def load_classifier(path: Path | str) -> Classifier:
    """Read a file that `Classifier.save` wrote.

    Raises:
        ModelError: There is no such file, it is something else, or its parts do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(
            f'there is no file {path}; `actloc train --model hog-hof DATA --out FILE` makes one'
        )
    try:
        with safe_open(str(path), framework='numpy') as file:
            metadata = file.metadata() or {}
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise ModelError(f'{path} is not a safetensors file: {error}') from error
    labels, settings = _read_about(path, metadata)
    _check_numbers(path, tensors)
    try:
        codebook = codebook_of(tensors, settings.words)
    except ValueError as error:
        raise ModelError(f'{path} has an unusable code book: {error}') from error
    own = {name: tensors[name] for name in TENSORS if name in tensors}
    _check_shapes(path, own, len(labels), codebook.length)
    return Classifier(labels, settings, codebook, **own)


def _read_about(path: Path, metadata: dict[str, str]) -> tuple[tuple[str, ...], DescriptorSettings]:
    if FORMAT not in metadata:
        raise ModelError(
            f'{path} is no model of hog_hof: `actloc train --model hog-hof` says {FORMAT!r} in its '
            f'metadata, this file says {sorted(metadata)}'
        )
    try:
        about = json.loads(metadata[FORMAT])
        if about['version'] != VERSION:
            raise ModelError(f'{path} is of version {about["version"]}; expected {VERSION}')
        return tuple(str(label) for label in about['labels']), DescriptorSettings(
            **about['settings']
        )
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f'{path} has unusable labels or settings: {error!r}') from error


def _check_numbers(path: Path, tensors: dict[str, np.ndarray]) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
            raise ModelError(f'{path}: {name} is {tensor.dtype}; expected finite float32 numbers')


def _check_shapes(path: Path, own: dict[str, np.ndarray], classes: int, length: int) -> None:
    wanted: dict[str, tuple[int, ...]] = dict.fromkeys(TENSORS, (classes,))
    wanted['weight'] = (classes, length)
    found = {name: tensor.shape for name, tensor in own.items()}
    if not classes or found != wanted:
        raise ModelError(f'{path} has tensors {found}; for {classes} labels it must have {wanted}')
