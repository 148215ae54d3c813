"""Give the streaming networks their trunks, which take each frame by itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.shufflenetv2 import InvertedResidual


@dataclass(frozen=True)
class StreamSize:
    """What distinguishes the sizes of the family.

    Attributes:
        trunk: Name of a torchvision classification network.
        stages: Names of its children, to be run in order up to strides 8, 16 and 32.
        channels: Channels there.
        width: Channels of the pyramid, the temporal layers and the heads.
    """

    trunk: str
    stages: tuple[tuple[str, ...], ...]
    channels: tuple[int, int, int]
    width: int


SHUFFLENET = (('conv1', 'maxpool', 'stage2'), ('stage3',), ('stage4',))
REGNET = (
    ('stem', 'trunk_output.block1', 'trunk_output.block2'),
    ('trunk_output.block3',),
    ('trunk_output.block4',),
)
SIZES = {
    'n': StreamSize('shufflenet_v2_x1_0', SHUFFLENET, (116, 232, 464), 64),
    's': StreamSize('regnet_y_800mf', REGNET, (144, 320, 784), 96),
    'm': StreamSize('regnet_y_3_2gf', REGNET, (216, 576, 1512), 160),
}


def make_trunk(spec: StreamSize) -> nn.ModuleList:
    """Return the stages of the trunk, with random weights."""
    trunk = interleaved(torchvision.models.get_model(spec.trunk, weights=None))
    return nn.ModuleList(
        nn.Sequential(*(trunk.get_submodule(name) for name in stage)) for stage in spec.stages
    )


class InterleavedUnit(nn.Module):
    """Does what ShuffleNetV2's unit does, without leaving the layout that convolutions want.

    Shuffling the channels of two halves is the same as interleaving them.
    """

    def __init__(self, unit: InvertedResidual) -> None:
        super().__init__()
        self.stride, self.branch1, self.branch2 = unit.stride, unit.branch1, unit.branch2

    def forward(self, x: Tensor) -> Tensor:
        """Map (F, C, H, W) to (F, C', H / stride, W / stride)."""
        if self.stride == 1:
            one, other = x.chunk(2, dim=1)
        else:
            one, other = self.branch1(x), x
        halves = one, self.branch2(other)
        if torch.onnx.is_in_onnx_export():  # where channels come first
            return torch.stack(halves, dim=2).flatten(1, 2)
        cells = [half.permute(0, 2, 3, 1) for half in halves]
        return torch.stack(cells, dim=-1).flatten(3).permute(0, 3, 1, 2)


def interleaved(trunk: nn.Module) -> nn.Module:
    """Replace ShuffleNetV2's units, where there are any, by units that keep the layout."""
    for name, module in list(trunk.named_modules()):
        if isinstance(module, InvertedResidual):
            trunk.set_submodule(name, InterleavedUnit(module))
    return trunk
