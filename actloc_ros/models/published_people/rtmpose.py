"""Define RTMPose: joints in a crop of one person, as two lines of bins for each.

Architecture: "RTMPose: Real-Time Multi-Person Pose Estimation based on MMPose" (arXiv 2303.07399),
with a gated attention unit (arXiv 2202.10447). Names of modules are those of OpenMMLab's
checkpoints.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from actloc_ros.models.published_people.cspnext import SIZES, STAGES, CSPNeXt

SIZE = 256, 192  # height and width of a crop
SPLIT = 2  # bins a pixel
HIDDEN, KEYS, EXPANSION = 256, 128, 2
LEAST = 1e-5


class ScaleNorm(nn.Module):
    """Divides by the root of the mean square, times one learned number."""

    def __init__(self) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., n) to the same shape."""
        size = x.norm(dim=-1, keepdim=True) / math.sqrt(x.shape[-1])
        return x / size.clamp(min=LEAST) * self.g


class Scale(nn.Module):
    """A learned factor for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., channels) to the same shape."""
        return x * self.scale


class GatedAttention(nn.Module):
    """A gated attention unit over the joints: (B, K, n) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = channels * EXPANSION
        self.sizes = [wide, wide, KEYS]
        self.gamma = nn.Parameter(torch.rand(2, KEYS))
        self.beta = nn.Parameter(torch.rand(2, KEYS))
        self.o = nn.Linear(wide, channels, bias=False)
        self.uv = nn.Linear(channels, 2 * wide + KEYS, bias=False)
        self.ln = ScaleNorm()
        self.res_scale = Scale(channels)

    def forward(self, x: Tensor, position: Tensor | None = None) -> Tensor:
        """Return the joints' features after they saw each other's.

        Args:
            x: (B, K, n).
            position: (K, 128): of each joint; None for none.
        """
        gate, value, base = torch.split(nn.functional.silu(self.uv(self.ln(x))), self.sizes, -1)
        query, key = (base[..., None, :] * self.gamma + self.beta).unbind(-2)
        if position is not None:
            query, key = query + position, key + position
        weights = (query @ key.transpose(-1, -2) / math.sqrt(KEYS)).relu().square()
        return self.res_scale(x) + self.o(gate * (weights @ value))


class _Head(nn.Module):
    def __init__(self, joints: int, channels: int) -> None:
        super().__init__()
        places = SIZE[0] * SIZE[1] // 32**2
        self.final_layer = nn.Conv2d(channels, joints, 7, padding=3)
        self.mlp = nn.Sequential(ScaleNorm(), nn.Linear(places, HIDDEN, bias=False))
        self.gau = GatedAttention(HIDDEN)
        self.cls_x = nn.Linear(HIDDEN, SIZE[1] * SPLIT, bias=False)
        self.cls_y = nn.Linear(HIDDEN, SIZE[0] * SPLIT, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.gau(self.mlp(self.final_layer(x).flatten(2)))
        return self.cls_x(features), self.cls_y(features)


class RTMPose(nn.Module):
    """RTMPose: crops (B, 3, 256, 192), RGB, normalized, to bins of columns and of rows.

    The bins are (B, K, 384) and (B, K, 512), two a pixel, before any activation.
    """

    keep_ratio = True

    def __init__(self, joints: int, size: str) -> None:
        super().__init__()
        self.backbone = CSPNeXt(size)
        self.head = _Head(joints, int(STAGES[-1][1] * SIZES[size][1]))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Map crops (B, 3, 256, 192) to the bins of columns and of rows."""
        return self.head(self.backbone(crops)[-1])


def read_bins(columns: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the joints (B, K, 2), x and y in pixels of the crop, and how sure they are (B, K).

    A joint is in its largest bins; the smaller of both is its score, which is not a probability.
    Where it is 0 or less, the joint is at -1, -1.
    """
    x, y = columns.max(-1), rows.max(-1)
    scores = torch.minimum(x.values, y.values)
    places = torch.stack([x.indices, y.indices], -1).to(columns) / SPLIT
    return torch.where(scores[..., None] > 0, places, -torch.ones_like(places)), scores
