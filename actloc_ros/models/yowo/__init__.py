"""YOWO (Köpüklü et al. 2019): a clip and its key frame, fused, with anchors."""

from dataclasses import dataclass
from functools import partial

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.entry import Activation, Entry, Preprocessing, Task
from actloc_ros.models.state_dicts import Shapes
from actloc_ros.models.yowo.decode import decode
from actloc_ros.models.yowo.network import ANCHORS, BACKBONES_3D, Yowo
from actloc_ros.truth.labels import AVA80, JHMDB21, UCF24


@dataclass(frozen=True)
class _Data:
    """What a data set decides about YOWO's head and use."""

    labels: tuple[str, ...]
    rate: float
    activation: Activation
    anchors: tuple[float, ...]


# In cells of 32 pixels; the authors clustered them on each data set.
_UCF24_ANCHORS = (
    *(0.70458, 1.18803, 1.26654, 2.55121, 1.59382),
    *(4.08321, 2.30548, 4.9418, 3.52332, 5.91979),
)
_JHMDB_ANCHORS = (
    *(0.95878, 3.10197, 1.67204, 4.004, 1.75482),
    *(5.64937, 3.09299, 5.80857, 4.91803, 6.25225),
)
_DATA = {
    'ucf24': _Data(UCF24, 25.0, Activation.SOFTMAX, _UCF24_ANCHORS),
    'jhmdb': _Data(JHMDB21, 30.0, Activation.SOFTMAX, _JHMDB_ANCHORS),
    # The paper: a person has one pose and any number of interactions.
    'ava': _Data(AVA80, 30.0, Activation.POSE_SOFTMAX, _UCF24_ANCHORS),
}


def _classes(shapes: Shapes) -> int | None:
    """Return the number of classes of a YOWO's state dict, None for other networks."""
    head = shapes.get('conv_final.weight')
    return None if head is None else head[0] // ANCHORS - 5


def _architecture(backbone: str) -> Architecture:
    return Architecture(
        name=f'yowo_{backbone}',
        task=Task.LOCALIZATION,
        build=partial(Yowo, backbone),
        classes=_classes,
        outputs=('raw',),
        decode=decode,
    )


def _entry(backbone: str, data: str) -> Entry:
    return Entry(
        name=f'yowo_{backbone}_{data}',
        architecture=f'yowo_{backbone}',
        labels=_DATA[data].labels,
        preprocessing=Preprocessing(224, 224),
        frames=16,
        rate=_DATA[data].rate,
        activation=_DATA[data].activation,
        threshold=0.3,
        nms_iou=0.4,
        top_k=245,  # all, at this size
        anchors=_DATA[data].anchors,
        licence='CC BY-NC 4.0',
        source='https://github.com/wei-tim/YOWO',
    )


ARCHITECTURES = tuple(_architecture(backbone) for backbone in BACKBONES_3D)
ENTRIES = tuple(_entry(backbone, data) for data in _DATA for backbone in BACKBONES_3D)
