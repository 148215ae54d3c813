"""Words and images in one space (CLIP, X-CLIP), for labels that users write."""

from __future__ import annotations

from functools import partial

from torch import nn

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.entry import Activation, Entry, Preprocessing, Resize, Task
from actloc_ros.models.state_dicts import Shapes
from actloc_ros.models.words.clip import ClipLayout, make_clip
from actloc_ros.models.words.xclip import XClip

ANY = ('what you say',)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
XCLIP_FRAMES = 8
CLIPS = {
    'clip_vit_b_32': ClipLayout(512, 32, quick=False),
    'clip_vit_b_32_quickgelu': ClipLayout(512, 32, quick=True),
    'clip_rn50': ClipLayout(1024, 0, quick=False),
    'clip_rn50_quickgelu': ClipLayout(1024, 0, quick=True),
}
XCLIPS = {
    'xclip_b_32_8': ClipLayout(512, 32, quick=True),
    'xclip_b_16_8': ClipLayout(512, 16, quick=True),
}
# Numbers that OpenAI's files hold beside the weights, which were trained with QuickGELU.
OPENAI = ('input_resolution', 'context_length', 'vocab_size')


def _build_clip(layout: ClipLayout, classes: int) -> nn.Module:
    return make_clip(layout)


def _build_xclip(layout: ClipLayout, classes: int) -> nn.Module:
    return XClip(layout, XCLIP_FRAMES)


def _classes(layout: ClipLayout, video: bool, shapes: Shapes) -> int | None:
    """Return 1 for a state dict of this layout: its classes are words."""
    first, text = shapes.get('visual.conv1.weight'), shapes.get('text_projection')
    if first is None or text is None or ('mit.positional_embedding' in shapes) != video:
        return None
    wanted = (layout.width, 3, layout.patch, layout.patch) if layout.patch else (32, 3, 3, 3)
    return 1 if tuple(first) == wanted and text[1] == layout.embedding else None


def _rename(quick: bool, key: str) -> str | None:
    return None if quick and key in OPENAI else key


def _architecture(name: str, layout: ClipLayout, video: bool) -> Architecture:
    return Architecture(
        name=name,
        task=Task.WORDS,
        build=partial(_build_xclip if video else _build_clip, layout),
        classes=partial(_classes, layout, video),
        outputs=('video',),
        rename=partial(_rename, layout.quick and not video),
        localizer='',
        foldable=False,
    )


def _entry(name: str, video: bool) -> Entry:
    mean, std = (IMAGENET_MEAN, IMAGENET_STD) if video else (CLIP_MEAN, CLIP_STD)
    return Entry(
        name=f'{name}_words',
        architecture=name,
        labels=ANY,
        preprocessing=Preprocessing(*(224, 224, Resize.BICUBIC_ANTIALIASED), mean=mean, std=std),
        frames=XCLIP_FRAMES,
        rate=4.0,
        activation=Activation.SOFTMAX,
        licence='MIT',
        source='https://github.com/microsoft/VideoX'
        if video
        else 'https://github.com/mlfoundations/open_clip',
    )


ARCHITECTURES = (
    *(_architecture(name, layout, False) for name, layout in CLIPS.items()),
    *(_architecture(name, layout, True) for name, layout in XCLIPS.items()),
)
ENTRIES = (*(_entry(name, False) for name in CLIPS), *(_entry(name, True) for name in XCLIPS))
