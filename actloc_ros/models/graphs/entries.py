"""Register the graph networks and their published checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast

from torch import nn

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.clip_labels import KINETICS400
from actloc_ros.models.entry import (
    Activation,
    Entry,
    Normalize,
    Preprocessing,
    Sampling,
    SkeletonInput,
    Task,
)
from actloc_ros.models.graphs.costgcn import CoSTGCN
from actloc_ros.models.graphs.ctrgcn import CTRGCN, PysklCTRGCN
from actloc_ros.models.graphs.labels import NTU60, NTU120
from actloc_ros.models.graphs.layouts import (
    COCO17,
    LAYOUTS,
    NTU25,
    NTU25_PYSKL,
    OPENPOSE18,
    Layout,
)
from actloc_ros.models.graphs.stgcn import STGCN, PysklSTGCN
from actloc_ros.models.graphs.streams import STREAMS
from actloc_ros.models.state_dicts import Shapes

RATE = 30.0  # Hz, of the cameras of NTU RGB+D and of Kinetics-Skeleton
PYSKL_FILES = 'https://download.openmmlab.com/mmaction/pyskl/ckpt'


def _shape(entry: Entry) -> tuple[int, ...]:
    """Return the shape (3, T, V, M) of one clip of joints."""
    assert entry.skeleton is not None
    joints = len(LAYOUTS[entry.skeleton.layout].joints)
    return 3, entry.frames, joints, entry.skeleton.persons


def _counted(marks: tuple[str, ...], head: str, graph: str, layout: Layout) -> Callable:
    """Return what counts the classes of a state dict with these names and this many joints."""
    joints = len(layout.joints)

    def classes(shapes: Shapes) -> int | None:
        fits = head in shapes and all(mark in shapes for mark in marks)
        return shapes[head][0] if fits and shapes.get(graph) == (3, joints, joints) else None

    return classes


def _architecture(
    name: str, build: Callable[[int], nn.Module], classes: Callable[[Shapes], int | None]
) -> Architecture:
    return Architecture(
        name=name,
        task=Task.SKELETONS,
        build=build,
        classes=classes,
        outputs=('logits',),
        localizer='',
        foldable=False,
        shape=_shape,
    )


def _own(layout: Layout) -> Architecture:
    classes = _counted(('edge_importance.0',), 'fcn.weight', 'A', layout)
    return _architecture(f'stgcn_{layout.name}', partial(STGCN, layout=layout), classes)


def _pyskl(name: str, layout: Layout) -> Architecture:
    head, graph = 'cls_head.fc_cls.weight', 'backbone.gcn.0.gcn.A'
    marks = {'stgcn_pyskl': 'backbone.gcn.0.gcn.PA', 'stgcnpp': 'backbone.gcn.0.tcn.bn.bias'}
    build: Callable[[int], nn.Module] = partial(PysklSTGCN, layout=layout, scales=name == 'stgcnpp')
    mark = marks.get(name, '')
    if name == 'ctrgcn_pyskl':
        build, mark, graph = partial(PysklCTRGCN, layout=layout), 'backbone.A', 'backbone.A'
    classes = _counted((mark,), head, graph, layout)
    return _architecture(f'{name}_{layout.name}', build, classes)


def _adjust(network: nn.Module, entry: Entry) -> None:
    """Make the pool of a continual network as long as its clips want it."""
    cast(CoSTGCN, network).set_frames(entry.frames)


def _continual(layout: Layout, mod: bool) -> Architecture:
    head, graph = 'fc.weight', 'layers.layer1.gcn.A'
    classes = _counted(('layers.layer1.gcn.graph_attn',), head, graph, layout)
    name = f'costgcn{"_mod" * mod}_{layout.name}'
    made = _architecture(name, partial(CoSTGCN, layout=layout, mod=mod), classes)
    return replace(made, adjust=_adjust)


PYSKL_NAMES = ('stgcn_pyskl', 'stgcnpp', 'ctrgcn_pyskl')
ARCHITECTURES = (
    *(_own(layout) for layout in (NTU25, OPENPOSE18)),
    *(_pyskl(name, layout) for name in PYSKL_NAMES for layout in (NTU25_PYSKL, COCO17)),
    _architecture(
        'ctrgcn_ntu25',
        partial(CTRGCN, layout=NTU25),
        _counted(('l1.gcn1.alpha',), 'fc.weight', 'l1.gcn1.PA', NTU25),
    ),
    *(_continual(layout, mod) for mod in (True, False) for layout in (NTU25, OPENPOSE18)),
)


def _entry(name: str, architecture: str, labels: tuple[str, ...], frames: int) -> Entry:
    return Entry(
        name=name,
        architecture=architecture,
        labels=labels,
        preprocessing=Preprocessing(0, 0),
        frames=frames,
        rate=RATE,
        activation=Activation.SOFTMAX,
    )


def _own_entry(name: str, layout: str, labels: tuple[str, ...], normalize: Normalize) -> Entry:
    return replace(
        _entry(name, f'stgcn_{layout}', labels, 300),
        skeleton=SkeletonInput(layout, 'j', normalize, Sampling.ALL),
        licence='BSD-2-Clause',
        source='https://github.com/yysijie/st-gcn',
    )


def _pyskl_entries(name: str) -> list[Entry]:
    """Return the entries of one of PYSKL's networks, for both data sets, kinds of joints, streams.

    The files of the other protocols, `xview` and `xset`, fit the same entries.
    """
    folder = name.removesuffix('_pyskl')
    return [
        replace(
            _entry(f'{name}_{data}_{kind}_{stream}', f'{name}_{layout}', labels, 100),
            skeleton=SkeletonInput(layout, stream, normalize, Sampling.SPREAD),
            url=f'{PYSKL_FILES}/{folder}/{name}_{data}_xsub_{kind}/{stream}.pth',
            licence='Apache-2.0',
            source='https://github.com/kennymckormick/pyskl',
        )
        for data, labels in (('ntu60', NTU60), ('ntu120', NTU120))
        for kind, layout, normalize in (
            ('hrnet', 'coco17', Normalize.IMAGE),
            ('3dkp', 'ntu25', Normalize.BODY),
        )
        for stream in STREAMS
    ]


def _ctrgcn_entries() -> list[Entry]:
    return [
        replace(
            _entry(f'ctrgcn_{data}_{stream}', 'ctrgcn_ntu25', labels, 64),
            skeleton=SkeletonInput(
                *('ntu25', stream, Normalize.START, Sampling.MIDDLE),
                fuse_logits=True,
                stream_first=False,
            ),
            licence='CC BY-NC 4.0',
            source='https://github.com/Uason-Chen/CTR-GCN',
        )
        for data, labels in (('ntu60', NTU60), ('ntu120', NTU120))
        for stream in STREAMS
    ]


def _continual_entries(mod: bool) -> list[Entry]:
    name = f'costgcn{"_mod" * mod}'
    return [
        replace(
            _entry(f'{name}_{data}_{stream}', f'{name}_{layout}', labels, 300),
            skeleton=SkeletonInput(layout, stream, normalize, Sampling.ALL),
            licence='Apache-2.0 by its README; no licence file',
            source='https://github.com/LukasHedegaard/continual-skeletons',
        )
        for data, labels, layout, normalize in (
            ('ntu60', NTU60, 'ntu25', Normalize.MOVING_BODY),
            ('ntu120', NTU120, 'ntu25', Normalize.MOVING_BODY),
            ('kinetics', KINETICS400, 'openpose18', Normalize.UNIT),
        )
        for stream in ('j', 'b')
    ]


ENTRIES = (
    _own_entry('stgcn_ntu60', 'ntu25', NTU60, Normalize.NONE),
    _own_entry('stgcn_kinetics', 'openpose18', KINETICS400, Normalize.UNIT),
    *(entry for name in PYSKL_NAMES for entry in _pyskl_entries(name)),
    *_ctrgcn_entries(),
    *(entry for mod in (True, False) for entry in _continual_entries(mod)),
)
