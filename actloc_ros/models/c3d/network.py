"""Define C3D, the first 3D convolutional clip classifier, in both published layouts.

Architecture: "Learning Spatiotemporal Features with 3D Convolutional Networks" (arXiv 1412.0767).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

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
        """Map clips (B, 3, 16, 112, 112) to logits (B, classes)."""
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
