"""Register the published networks that find people or joints, and their checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import nn
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

from actloc_ros.joints import COCO_JOINTS
from actloc_ros.models.architecture import Architecture, Finish
from actloc_ros.models.entry import Activation, Colour, Entry, Preprocessing, Resize, Task
from actloc_ros.models.published_people import nanodet, rtmo, rtmpose, yolox
from actloc_ros.models.published_people.cspnext import SIZES, STAGES
from actloc_ros.models.published_people.finished import BOXES, POSES
from actloc_ros.models.published_people.nanodet import NanoDetPlus
from actloc_ros.models.published_people.rtmdet import RTMDet
from actloc_ros.models.published_people.rtmo import RTMO
from actloc_ros.models.published_people.rtmpose import RTMPose
from actloc_ros.models.published_people.yolox import YOLOX
from actloc_ros.models.state_dicts import Shapes

PERSON = 'person'
_BLANKS = ('__background__', 'N/A')
_CATEGORIES = FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta['categories']
YOLOX_EPS = 1e-3
YOLOX_PARTS = ('backbone.', 'head.head_module.')
COCO = tuple(name for name in _CATEGORIES if name not in _BLANKS)
"""The 80 classes of COCO."""
BGR_MEAN, BGR_STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
MMPOSE = 'https://download.openmmlab.com/mmpose/v1/projects/'
YOLOX_FILES = 'https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0'
NANODET_FILES = 'https://github.com/RangiLyu/nanodet/releases/download/v1.0.0-alpha-1'


def _shape(entry: Entry) -> tuple[int, ...]:
    """Return the shape (3, h, w) of one image."""
    return 3, entry.preprocessing.height, entry.preprocessing.width


def _counted(
    head: str, less: int = 0, **widths: tuple[str, int, int]
) -> Callable[[Shapes], int | None]:
    """Return what counts the classes of a state dict.

    Args:
        head: Name of a tensor whose first axis is as long as there are classes, and `less` more.
        less: See `head`.
        widths: A tensor's name, an axis and its length: what tells sizes apart.
    """

    def classes(shapes: Shapes) -> int | None:
        fits = all(
            key in shapes and len(shapes[key]) > axis and shapes[key][axis] == length
            for key, axis, length in widths.values()
        )
        return shapes[head][0] - less if fits and head in shapes else None

    return classes


def _architecture(
    name: str,
    task: Task,
    build: Callable[[int], nn.Module],
    classes: Callable[[Shapes], int | None],
    outputs: tuple[str, ...] = ('raw',),
    people: Mapping[str, Any] = MappingProxyType({}),
    finish: Finish | None = None,
) -> Architecture:
    return Architecture(
        name=name,
        task=task,
        build=build,
        classes=classes,
        outputs=outputs,
        localizer='',
        foldable=False,
        shape=_shape,
        people=people,
        finish=finish,
    )


def _yolox(size: str) -> Architecture:
    width = int(yolox.BASE * yolox.SIZES[size][1])
    stem = 'backbone.backbone.stem.conv.conv.weight', 0, width
    classes = _counted('head.cls_preds.0.weight', stem=stem)
    people = {'layout': 'yolox', 'resize': 'letterbox'}
    build = partial(YOLOX, size=size)
    return _architecture(f'yolox_{size}', Task.DETECTION, build, classes, people=people)


def _nanodet(size: str) -> Architecture:
    width = 'fpn.reduce_layers.0.conv.weight', 0, nanodet.WIDTHS[size][1]
    made = _architecture(
        f'nanodet_plus_{size}',
        Task.DETECTION,
        partial(NanoDetPlus, size=size),
        _counted('head.gfl_cls.0.weight', less=4 * nanodet.BINS, width=width),
        people={
            'layout': 'nanodet',
            'resize': 'stretch',
            'strides': nanodet.STRIDES,
            'point_offset': 0.0,
        },
    )
    return replace(made, rename=_without_training)


def _without_training(key: str) -> str | None:
    """Leave out the branch that training alone uses; published files may have it."""
    return None if key.startswith(('aux_fpn.', 'aux_head.')) else key


def _rtmdet(size: str) -> Architecture:
    stem = 'backbone.stem.2.conv.weight', 0, int(STAGES[0][0] * SIZES[size][1])
    classes = _counted('bbox_head.rtm_cls.0.weight', stem=stem)
    build, people = partial(RTMDet, size=size), {'layout': 'rtmdet', 'resize': 'letterbox'}
    return _architecture(
        f'rtmdet_{size}', Task.DETECTION, build, classes, people=people, finish=BOXES
    )


def _rtmpose(size: str) -> Architecture:
    stem = 'backbone.stem.2.conv.weight', 0, int(STAGES[0][0] * SIZES[size][1])
    rows = 'head.cls_y.weight', 0, rtmpose.SIZE[0] * rtmpose.SPLIT
    classes = _counted('head.final_layer.weight', stem=stem, rows=rows)
    build = partial(RTMPose, size=size)
    return _architecture(
        f'rtmpose_{size}',
        Task.CROPS,
        build,
        classes,
        outputs=('simcc_x', 'simcc_y'),
        people={'layout': 'simcc', 'resize': 'letterbox', 'boxes': 'people_n'},
    )


def _rtmo(size: str) -> Architecture:
    stem = 'backbone.stem.conv.conv.weight', 0, int(rtmo.STAGES[0][0] * rtmo.SIZES[size][1])
    made = _architecture(
        f'rtmo_{size}',
        Task.POSES,
        partial(RTMO, size=size),
        _counted('head.loss_oks.sigmas', stem=stem),
        outputs=('cls', 'box', 'vis', 'vec'),
        people={'layout': 'rtmo', 'resize': 'letterbox'},
        finish=POSES,
    )
    return replace(made, adjust=_two_epsilons)


def _two_epsilons(network: nn.Module, entry: Entry) -> None:
    """Set the batch norms' epsilons: the entry's in the neck and where joints are made of vectors.

    In the trunk and the maps it is that of YOLOX.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d) and name.startswith(YOLOX_PARTS):
            module.eps = YOLOX_EPS


ARCHITECTURES = (
    *(_yolox(size) for size in yolox.SIZES),
    *(_nanodet(size) for size in nanodet.WIDTHS),
    *(_rtmdet(size) for size in ('nano', 'tiny', 's', 'm', 'l')),
    *(_rtmpose(size) for size in ('t', 's', 'm', 'l')),
    *(_rtmo(size) for size in rtmo.SIZES),
)


def _entry(name: str, architecture: str, labels: tuple[str, ...], how: Preprocessing) -> Entry:
    return Entry(
        name=name,
        architecture=architecture,
        labels=labels,
        preprocessing=how,
        frames=1,
        rate=1.0,
        activation=Activation.SIGMOID,
        threshold=0.4,
        nms_iou=0.65,
        top_k=1000,
        licence='Apache-2.0',
    )


def _yolox_entry(size: str) -> Entry:
    side = 416 if size in ('nano', 'tiny') else 640
    how = Preprocessing(side, side, Resize.BILINEAR, Colour.BGR, 255.0)
    return replace(
        _entry(f'yolox_{size}_coco', f'yolox_{size}', COCO, how),
        bn_eps_2d=YOLOX_EPS,
        url=f'{YOLOX_FILES}/yolox_{size}.pth',
        source='https://github.com/Megvii-BaseDetection/YOLOX',
    )


def _nanodet_entry(size: str, side: int) -> Entry:
    how = Preprocessing(side, side, Resize.BILINEAR, Colour.BGR, 255.0, BGR_MEAN, BGR_STD)
    return replace(
        _entry(f'nanodet_plus_{size}_{side}_coco', f'nanodet_plus_{size}', COCO, how),
        nms_iou=0.6,
        url=f'{NANODET_FILES}/nanodet-plus-{size.replace("_", "-")}_{side}.pth',
        source='https://github.com/RangiLyu/nanodet',
    )


def _rtmdet_entry(size: str, labels: tuple[str, ...], side: int, url: str = '') -> Entry:
    how = Preprocessing(side, side, Resize.BILINEAR, Colour.BGR, 255.0, BGR_MEAN, BGR_STD)
    data = 'person' if len(labels) == 1 else 'coco'
    return replace(
        _entry(f'rtmdet_{size}_{data}', f'rtmdet_{size}', labels, how),
        nms_iou=0.6,
        url=url,
        source='https://github.com/open-mmlab/mmdetection',
    )


def _rtmo_entry(size: str, url: str = '') -> Entry:
    side = 416 if size == 't' else 640
    how = Preprocessing(side, side, Resize.BILINEAR, Colour.BGR, 255.0)
    data = 'body7' if size == 't' else 'coco'
    return replace(
        _entry(f'rtmo_{size}_{data}', f'rtmo_{size}', COCO_JOINTS, how),
        url=f'{MMPOSE}rtmo/{url}' if url else '',
        source='https://github.com/open-mmlab/mmpose',
    )


def _rtmpose_entry(size: str, url: str = '') -> Entry:
    mean, std = BGR_MEAN[::-1], BGR_STD[::-1]
    how = Preprocessing(*rtmpose.SIZE, Resize.BILINEAR, Colour.RGB, 255.0, mean, std)
    return replace(
        _entry(f'rtmpose_{size}_coco', f'rtmpose_{size}', COCO_JOINTS, how),
        url=url,
        source='https://github.com/open-mmlab/mmpose',
    )


ENTRIES = (
    *(_yolox_entry(size) for size in yolox.SIZES),
    *(_nanodet_entry(size, side) for size in nanodet.WIDTHS for side in (320, 416)),
    _rtmdet_entry(
        'nano',
        (PERSON,),
        320,
        f'{MMPOSE}rtmpose/rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth',
    ),
    _rtmdet_entry(
        'm',
        (PERSON,),
        640,
        f'{MMPOSE}rtmpose/rtmdet_m_8xb32-100e_coco-obj365-person-235e8209.pth',
    ),
    *(_rtmdet_entry(size, COCO, 640) for size in ('tiny', 's', 'm', 'l')),
    *(
        _rtmpose_entry(size, f'{MMPOSE}rtmposev1/{file}' if file else '')
        for size, file in (
            ('t', ''),
            ('s', 'rtmpose-s_simcc-coco_pt-aic-coco_420e-256x192-8edcf0d7_20230127.pth'),
            ('m', 'rtmpose-m_simcc-coco_pt-aic-coco_420e-256x192-d8dd5ca4_20230127.pth'),
            ('l', ''),
        )
    ),
    *(
        _rtmo_entry(size, file)
        for size, file in (
            ('t', 'rtmo-t_8xb32-600e_body7-416x416-f48f75cb_20231219.pth'),
            ('s', 'rtmo-s_8xb32-600e_coco-640x640-8db55a59_20231211.pth'),
            ('m', ''),
            ('l', ''),
        )
    ),
)
