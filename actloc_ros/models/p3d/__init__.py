"""P3D (Qiu et al. 2017): a clip classifier of pseudo-3D residual blocks."""

from actloc_ros.models.architecture import Architecture
from actloc_ros.models.clip_labels import KINETICS400
from actloc_ros.models.entry import Activation, Colour, Entry, Preprocessing, Resize, Task
from actloc_ros.models.p3d.network import P3D199
from actloc_ros.models.state_dicts import Shapes


def _classes(shapes: Shapes) -> int | None:
    """Return the number of classes of a P3D-199's state dict, None for other networks."""
    return shapes['fc.weight'][0] if {'conv1_custom.weight', 'fc.weight'} <= set(shapes) else None


ARCHITECTURES = (
    Architecture(
        name='p3d199',
        task=Task.CLASSIFICATION,
        build=P3D199,
        classes=_classes,
        outputs=('logits',),
        localizer='',
    ),
)
ENTRIES = (
    Entry(
        # Converted from Caffe, whose data layer gives BGR minus ImageNet's mean.
        name='p3d199_kinetics400',
        architecture='p3d199',
        labels=KINETICS400,
        preprocessing=Preprocessing(
            *(160, 160, Resize.BILINEAR, Colour.BGR), 255.0, mean=(104.0, 117.0, 123.0)
        ),
        frames=16,
        rate=25.0,
        activation=Activation.SOFTMAX,
        licence='MIT',
        source='https://github.com/qijiezhao/pseudo-3d-pytorch',
    ),
)
