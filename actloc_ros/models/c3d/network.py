"""Define C3D, the first 3D convolutional clip classifier, in both published layouts.

Architecture: "Learning Spatiotemporal Features with 3D Convolutional Networks" (arXiv 1412.0767).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.clip_labels import SPORTS1M, UCF101
from actloc_ros.models.entry import Activation, Colour, Entry, Preprocessing, Resize, Task
from actloc_ros.models.state_dicts import Shapes

# Name, input and output channels; a pool follows each group.
_GROUPS = (
    (('1', 3, 64),),
    (('2', 64, 128),),
    (('3a', 128, 256), ('3b', 256, 256)),
    (('4a', 256, 512), ('4b', 512, 512)),
    (('5a', 512, 512), ('5b', 512, 512)),
)


class C3D(nn.Module):
    """Action scores before softmax: (B, 3, 16, 112, 112) RGB to (B, classes).

    Module names are those of the flat published checkpoint with 487 Sports-1M classes.
    """

    def __init__(self, classes: int = 487) -> None:
        """Build it for `classes` actions."""
        super().__init__()
        for name, channels, out in sum(_GROUPS, ()):
            self.add_module(f'conv{name}', nn.Conv3d(channels, out, 3, padding=1))
        self.fc6 = nn.Linear(8192, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, classes)
        self.dropout = nn.Dropout(0.5)

    def forward(self, clip: Tensor) -> Tensor:
        """Return the scores of a clip."""
        x = clip
        for index, group in enumerate(_GROUPS):
            for name, _, _ in group:
                x = self.get_submodule(f'conv{name}')(x).relu()
            x = _pool(x, index)
        x = self.dropout(self.fc6(x.flatten(1)).relu())
        return self.fc8(self.dropout(self.fc7(x).relu()))


def _pool(x: Tensor, index: int) -> Tensor:
    if index == 0:
        return F.max_pool3d(x, (1, 2, 2))
    return F.max_pool3d(x, 2, padding=(0, 1, 1) if index == len(_GROUPS) - 1 else 0)


def _classes(shapes: Shapes) -> int | None:
    """Return the number of classes that a C3D's state dict tells, in either layout."""
    head = shapes.get('fc8.weight', shapes.get('cls_head.fc_cls.weight'))
    return None if head is None else head[0]


def _rename(key: str) -> str:
    """Return the flat name of a key of either layout."""
    names = {'conv1a': 'conv1', 'conv2a': 'conv2', 'fc_cls': 'fc8'}
    if not key.startswith(('backbone.', 'cls_head.')):
        return key
    module, parameter = key.split('.')[1], key.split('.')[-1]
    return f'{names.get(module, module)}.{parameter}'


ARCHITECTURES = (
    Architecture(
        name='c3d',
        task=Task.CLASSIFICATION,
        build=C3D,
        classes=_classes,
        outputs=('logits',),
        rename=_rename,
    ),
)
ENTRIES = (
    Entry(
        # Converted from Caffe, hence BGR; the mean is that of the Caffe model's mean clip.
        name='c3d_sports1m',
        architecture='c3d',
        labels=SPORTS1M,
        preprocessing=Preprocessing(
            *(112, 112, Resize.BILINEAR, Colour.BGR), 255.0, mean=(90.25, 97.66, 101.41)
        ),
        frames=16,
        rate=30.0,
        activation=Activation.SOFTMAX,
        url='http://imagelab.ing.unimore.it/files/c3d_pytorch/c3d.pickle',
        licence='MIT',
        source='https://github.com/DavideA/c3d-pytorch',
    ),
    Entry(
        name='c3d_ucf101',
        architecture='c3d',
        labels=UCF101,
        preprocessing=Preprocessing(
            *(112, 112, Resize.BILINEAR, Colour.RGB), 255.0, mean=(104.0, 117.0, 128.0)
        ),
        frames=16,
        rate=25.0,
        activation=Activation.SOFTMAX,
        url='https://download.openmmlab.com/mmaction/v1.0/recognition/c3d/'
        'c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb/'
        'c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb_20220811-31723200.pth',
        licence='Apache-2.0',
        source='https://github.com/open-mmlab/mmaction2',
    ),
)
