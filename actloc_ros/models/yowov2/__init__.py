"""YOWOv2 (Yang and Dai 2023): a clip and its key frame at three strides, without anchors."""

from functools import partial

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.entry import Activation, Entry, Preprocessing, Resize, Task
from actloc_ros.models.state_dicts import Shapes
from actloc_ros.models.yowov2.decode import decode, published
from actloc_ros.models.yowov2.network import SIZES, YOWOv2
from actloc_ros.truth.labels import AVA80, UCF24

RELEASE = 'https://github.com/yjh0410/YOWOv2/releases/download/yowo_v2_weight/'


def _classes(shapes: Shapes) -> int | None:
    """Return the number of classes of a YOWOv2's state dict, None for other networks."""
    if 'backbone_2d.backbone.fpn.cv1.convs.0.weight' not in shapes:
        return None
    return shapes.get('cls_preds.0.weight', (None,))[0]


def _architecture(size: str) -> Architecture:
    return Architecture(
        name=f'yowov2_{size}',
        task=Task.LOCALIZATION,
        build=partial(YOWOv2, SIZES[size]),
        classes=_classes,
        outputs=tuple(f'{kind}{level}' for level in range(3) for kind in ('conf', 'cls', 'reg')),
        decode=decode,
        published=published,
        trainable='actloc_ros.training.yowov2.adapter:Yowov2Adapter',
    )


def _entry(size: str, data: str, frames: int) -> Entry:
    suffix = '' if frames == 16 else f'_k{frames}'
    single = data == 'ucf24'
    return Entry(
        name=f'yowov2_{size}_{data}{suffix}',
        architecture=f'yowov2_{size}',
        labels=UCF24 if single else AVA80,
        preprocessing=Preprocessing(224, 224, Resize.BICUBIC_ANTIALIASED, maximum=255.0),
        frames=frames,
        rate=25.0 if single else 30.0,
        activation=Activation.SIGMOID,
        multi_label=not single,
        threshold=0.3,
        bn_eps_2d=1e-3,
        url=f'{RELEASE}yowo_v2_{size}_{data}{suffix}.pth',
        licence='MIT',
        source='https://github.com/yjh0410/YOWOv2',
    )


ARCHITECTURES = tuple(_architecture(size) for size in SIZES)
ENTRIES = tuple(
    _entry(size, data, frames) for frames in (16, 32) for data in ('ucf24', 'ava') for size in SIZES
)
