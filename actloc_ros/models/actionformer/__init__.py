"""ActionFormer (Zhang, Wu, Li 2022): segments of actions in whole recordings, from features."""

from __future__ import annotations

from functools import partial

from actloc_ros.models.actionformer.network import ActionFormer, Layout
from actloc_ros.models.architecture import Architecture
from actloc_ros.models.entry import Activation, Entry, Preprocessing, Task
from actloc_ros.models.state_dicts import Shapes

LAYOUTS = {
    'actionformer_i3d': Layout(2048, 512, (19,) * 6, longest=2304),
    'actionformer_tsp': Layout(512, 256, (7, 7, 7, 7, 7, 0), longest=192, positions=True),
    'actionformer_s': Layout(2048, 128, (9,) * 6, longest=2304),
    'actionformer_n': Layout(2048, 64, (9,) * 5, longest=1152),
}
# Sizes of this package's own, of which nobody has published weights.
SIZES = ('actionformer_s', 'actionformer_n')
# In the order of their names, as in the authors' annotations.
THUMOS = (
    'BaseballPitch',
    'BasketballDunk',
    'Billiards',
    'CleanAndJerk',
    'CliffDiving',
    'CricketBowling',
    'CricketShot',
    'Diving',
    'FrisbeeCatch',
    'GolfSwing',
    'HammerThrow',
    'HighJump',
    'JavelinThrow',
    'LongJump',
    'PoleVault',
    'Shotput',
    'SoccerPenalty',
    'TennisSwing',
    'ThrowDiscus',
    'VolleyballSpiking',
)
THRESHOLD = 0.2
SOURCE = 'https://github.com/happyharrycn/actionformer_release'


def _build(layout: Layout, classes: int) -> ActionFormer:
    return ActionFormer(classes, layout)


def _classes(layout: Layout, shapes: Shapes) -> int | None:
    """Return the number of classes of a state dict of this layout."""
    first, head = (
        shapes.get('backbone.embd.0.conv.weight'),
        shapes.get('cls_head.cls_head.conv.weight'),
    )
    fits = first is not None and tuple(first[:2]) == (layout.width, layout.features)
    return head[0] if fits and head is not None else None


def _shape(layout: Layout, entry: Entry) -> tuple[int, ...]:
    return layout.features, layout.longest


ARCHITECTURES = tuple(
    Architecture(
        name=name,
        task=Task.SEGMENTS,
        build=partial(_build, layout),
        classes=partial(_classes, layout),
        outputs=tuple(
            f'{part}{level}' for level in range(layout.levels) for part in ('cls', 'off')
        ),
        localizer='',
        foldable=False,
        shape=partial(_shape, layout),
    )
    for name, layout in LAYOUTS.items()
)
ENTRIES = (
    Entry(
        name='actionformer_thumos_i3d',
        architecture='actionformer_i3d',
        labels=THUMOS,
        preprocessing=Preprocessing(224, 224),
        frames=2304,
        rate=7.5,
        activation=Activation.SIGMOID,
        multi_label=True,
        threshold=THRESHOLD,
        licence='MIT',
        source=SOURCE,
    ),
    Entry(
        name='actionformer_anet_tsp',
        architecture='actionformer_tsp',
        labels=('action',),
        preprocessing=Preprocessing(224, 224),
        frames=192,
        rate=1.875,
        activation=Activation.SIGMOID,
        multi_label=True,
        threshold=THRESHOLD,
        licence='MIT',
        source=SOURCE,
    ),
    *(
        Entry(
            name=f'{name}_own',
            architecture=name,
            labels=('action',),
            preprocessing=Preprocessing(224, 224),
            frames=LAYOUTS[name].longest,
            rate=7.5,
            activation=Activation.SIGMOID,
            multi_label=True,
            threshold=THRESHOLD,
            source='actloc train (doc/training.md)',
        )
        for name in SIZES
    ),
)
