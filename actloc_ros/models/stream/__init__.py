"""The streaming localizer: one frame's cost a frame, the past in a state of fixed size."""

from functools import partial

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.entry import Activation, Entry, Preprocessing, Resize, Task
from actloc_ros.models.state_dicts import Shapes
from actloc_ros.models.stream.decode import decode
from actloc_ros.models.stream.heads import StreamOutput
from actloc_ros.models.stream.network import StreamNet
from actloc_ros.models.stream.trunk import SIZES

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _classes(shapes: Shapes) -> int | None:
    """Return the number of classes that a streaming network's state dict holds."""
    return shapes['heads.0.actions.weight'][0] if 'fusion.0.sharpness' in shapes else None


def _architecture(size: str) -> Architecture:
    return Architecture(
        name=f'stream_{size}',
        task=Task.LOCALIZATION,
        build=partial(StreamNet, size),
        classes=_classes,
        outputs=StreamOutput._fields,
        decode=decode,
        localizer='actloc_ros.models.stream.localizer:StreamLocalizer',
        trainable='actloc_ros.training.stream.adapter:StreamAdapter',
        foldable=False,
        streaming=True,
    )


def _entry(size: str) -> Entry:
    """Return what holds for any checkpoint of this size; labels are those of the training."""
    return Entry(
        name=f'stream_{size}',
        architecture=f'stream_{size}',
        labels=('class 0',),
        preprocessing=Preprocessing(
            224, 224, Resize.BILINEAR_ANTIALIASED, mean=IMAGENET_MEAN, std=IMAGENET_STD
        ),
        frames=16,
        rate=12.5,
        activation=Activation.SIGMOID,
        multi_label=True,
        licence='Apache-2.0',
        source='actloc train',
    )


ARCHITECTURES = tuple(_architecture(size) for size in SIZES)
ENTRIES = tuple(_entry(size) for size in SIZES)
