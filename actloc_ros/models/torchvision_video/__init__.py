"""Offer torchvision's clip classifiers, with the 400 Kinetics actions that they were trained on.

Networks, weights, labels and normalization are torchvision's own, taken from its weights enums. Its
transforms resize a whole image and crop the centre; here a tube crop takes that centre's place, so
an image is resized to the crop's size at once. Both sample the same pixels of the crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch import nn
from torchvision.models import WeightsEnum, get_model, get_model_weights

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.entry import Activation, Entry, Preprocessing, Resize, Task
from actloc_ros.models.state_dicts import Shapes
from actloc_ros.models.storage import hash_in_name


@dataclass(frozen=True)
class _Model:
    """What the weights enums do not say in types.

    Attributes:
        frames: Of the clips that torchvision states its accuracy for.
        rate: Of these clips, in Hz.
        head: Key of the last layer.
    """

    frames: int
    rate: float
    head: str


_MODELS = {
    'r2plus1d_18': _Model(16, 15.0, 'fc.weight'),
    'r3d_18': _Model(16, 15.0, 'fc.weight'),
    'mc3_18': _Model(16, 15.0, 'fc.weight'),
    's3d': _Model(128, 15.0, 'classifier.1.weight'),
    'mvit_v1_b': _Model(16, 7.5, 'head.1.weight'),
    'mvit_v2_s': _Model(16, 7.5, 'head.1.weight'),
    'swin3d_t': _Model(32, 15.0, 'head.weight'),
    'swin3d_s': _Model(32, 15.0, 'head.weight'),
    'swin3d_b': _Model(32, 15.0, 'head.weight'),
}


def _build(model: str, classes: int) -> nn.Module:
    return get_model(model, weights=None, num_classes=classes)


def _classes(model: str, shapes: Shapes) -> int | None:
    """Return the number of classes of the last layer in a model's state dict."""
    head = shapes.get(_MODELS[model].head)
    return None if head is None else head[0]


def _architecture(model: str) -> Architecture:
    return Architecture(
        name=model,
        task=Task.CLASSIFICATION,
        build=partial(_build, model),
        classes=partial(_classes, model),
        outputs=('logits',),
        localizer='',
    )


def _entry(model: str, weights: WeightsEnum) -> Entry:
    transforms = weights.transforms()
    height, width = transforms.crop_size
    return Entry(
        name=f'{model}_{weights.name.removesuffix("_V1").lower()}',
        architecture=model,
        labels=tuple(weights.meta['categories']),
        preprocessing=Preprocessing(
            height,
            width,
            Resize.BILINEAR,
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
        ),
        frames=_MODELS[model].frames,
        rate=_MODELS[model].rate,
        activation=Activation.SOFTMAX,
        bn_eps_3d=1e-3 if model == 's3d' else 1e-5,
        url=weights.url,
        sha256=hash_in_name(weights.url),
        licence='BSD-3-Clause',
        source='https://pytorch.org/vision/stable/models.html#video-classification',
    )


ARCHITECTURES = tuple(_architecture(model) for model in _MODELS)
ENTRIES = tuple(_entry(model, weights) for model in _MODELS for weights in get_model_weights(model))
