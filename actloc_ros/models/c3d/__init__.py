"""C3D (Tran et al. 2015): a clip classifier of 3D convolutions."""

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.c3d.network import C3D
from actloc_ros.models.clip_labels import SPORTS1M, UCF101
from actloc_ros.models.entry import Activation, Colour, Entry, Preprocessing, Resize, Task
from actloc_ros.models.state_dicts import Shapes


def _classes(shapes: Shapes) -> int | None:
    """Return the number of classes of a C3D's state dict, in either layout."""
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
        localizer='',
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
