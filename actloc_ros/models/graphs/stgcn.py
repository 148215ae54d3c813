"""Define ST-GCN in its own layout and in PYSKL's, and ST-GCN++.

Architecture: "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition"
(arXiv 1801.07455); "PYSKL: Towards Good Practices for Skeleton Action Recognition"
(arXiv 2205.09443). Names of modules are those of the published checkpoints.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from actloc_ros.models.graphs.blocks import (
    TemporalConv,
    Zero,
    block_sizes,
    branch_pool,
    branch_start,
    branch_widths,
    learned,
    mean_of_all,
    normalize,
    residual,
)
from actloc_ros.models.graphs.layouts import Layout, by_direction, by_distance

PARTS = 3  # of a graph
KERNEL = 9


def aggregate(x: Tensor, graph: Tensor) -> Tensor:
    """Return features (B, K * C, T, V), each part K moved along its graph (K, V, V), summed."""
    parts = x.unflatten(1, (len(graph), -1))
    return torch.einsum('nkctv,kvw->nctw', parts, graph)


class _OwnBlock(nn.Module):
    """A block in the authors' own layout."""

    gcn: Any

    def __init__(self, channels: int, out: int, stride: int, first: bool) -> None:
        super().__init__()
        self.gcn = nn.Module()
        self.gcn.conv = nn.Conv2d(channels, PARTS * out, 1)
        padding = KERNEL // 2
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, (KERNEL, 1), (stride, 1), (padding, 0)),
            nn.BatchNorm2d(out),
            nn.Dropout(0.0),
        )
        self.residual: nn.Module = Zero()
        if not first:
            self.residual = nn.Identity()
        if not first and (channels != out or stride > 1):
            self.residual = nn.Sequential(
                nn.Conv2d(channels, out, 1, (stride, 1)), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        moved = aggregate(self.gcn.conv(x), graph)
        return (self.tcn(moved) + self.residual(x)).relu()


class STGCN(nn.Module):
    """ST-GCN as its authors publish it: (N, 3, T, V, M) to logits (N, classes)."""

    A: Tensor

    def __init__(self, classes: int, layout: Layout) -> None:
        super().__init__()
        self.register_buffer('A', torch.from_numpy(by_distance(layout)))
        self.data_bn = nn.BatchNorm1d(3 * len(layout.joints))
        sizes = enumerate(block_sizes())
        self.st_gcn_networks = nn.ModuleList(
            [_OwnBlock(*size, first=index == 0) for index, size in sizes]
        )
        self.edge_importance = nn.ParameterList(
            [nn.Parameter(torch.ones(self.A.shape)) for _ in self.st_gcn_networks]
        )
        self.fcn = nn.Conv2d(256, classes, 1)

    def features(self, clip: Tensor) -> Tensor:
        """Map clips (N, 3, T, V, M) to features (N * M, 256, T / 4, V)."""
        x = normalize(clip, self.data_bn, together=False)
        for block, importance in zip(self.st_gcn_networks, self.edge_importance, strict=True):
            x = block(x, self.A * importance)
        return x

    def dense(self, clip: Tensor) -> Tensor:
        """Map clips to logits of each frame, joint and person: (N, classes, T / 4, V, M)."""
        logits = self.fcn(self.features(clip))
        return logits.unflatten(0, (-1, clip.shape[-1])).permute(0, 2, 3, 4, 1)

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (N, 3, T, V, M) to logits (N, classes)."""
        means = mean_of_all(self.features(clip), clip.shape[-1])
        return self.fcn(means[:, :, None, None]).flatten(1)


class _Graph(nn.Module):
    """PYSKL's graph convolution: a fixed graph times learned weights, or a learned one."""

    def __init__(self, channels: int, out: int, graph: Tensor, free: bool) -> None:
        super().__init__()
        self.free = free
        if free:
            self.A = learned(graph)
        else:
            self.PA = nn.Parameter(torch.ones(graph.shape))
            self.register_buffer('A', graph.clone())
        self.bn = nn.BatchNorm2d(out)
        self.conv = nn.Conv2d(channels, PARTS * out, 1)
        if free:
            changes = channels != out
            self.down: nn.Module = nn.Identity()
            if changes:
                self.down = nn.Sequential(nn.Conv2d(channels, out, 1), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        graph = self.A if self.free else self.A * self.PA
        y = self.bn(aggregate(self.conv(x), graph))
        return (y + self.down(x) if self.free else y).relu()


class _SixScales(nn.Module):
    """ST-GCN++'s temporal convolution: four dilations, a maximum, and a plain branch."""

    def __init__(self, out: int, stride: int) -> None:
        super().__init__()
        widths = branch_widths(out, 6, widest=0)
        branches: list[nn.Module] = [
            nn.Sequential(
                *branch_start(out, width),
                TemporalConv(width, width, 3, stride, dilation, norm=False),
            )
            for dilation, width in enumerate(widths[:4], 1)
        ]
        branches.append(nn.Sequential(*branch_start(out, widths[4]), branch_pool(stride)))
        branches.append(nn.Conv2d(out, widths[5], 1, (stride, 1)))
        self.branches = nn.ModuleList(branches)
        self.transform = nn.Sequential(nn.BatchNorm2d(out), nn.ReLU(), nn.Conv2d(out, out, 1))
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([branch(x) for branch in self.branches], 1)
        return self.bn(self.transform(joined))


class _Block(nn.Module):
    """A block of PYSKL's."""

    def __init__(
        self, channels: int, out: int, stride: int, graph: Tensor, first: bool, scales: bool
    ) -> None:
        super().__init__()
        self.gcn = _Graph(channels, out, graph, free=scales)
        self.tcn = _SixScales(out, stride) if scales else TemporalConv(out, out, KERNEL, stride)
        self.residual = Zero() if first else residual(channels, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        return (self.tcn(self.gcn(x)) + self.residual(x)).relu()


class PysklSTGCN(nn.Module):
    """ST-GCN or ST-GCN++ in PYSKL's layout: (N, 3, T, V, M) to logits (N, classes).

    Args:
        classes: Number of actions.
        layout: Of the skeleton.
        scales: Whether it is ST-GCN++: a learned graph and temporal convolutions of six scales.
    """

    backbone: Any
    cls_head: Any

    def __init__(self, classes: int, layout: Layout, scales: bool) -> None:
        super().__init__()
        graph = torch.from_numpy(by_direction(layout) if scales else by_distance(layout))
        self.backbone = nn.Module()
        self.backbone.data_bn = nn.BatchNorm1d(3 * len(layout.joints))
        self.backbone.gcn = nn.ModuleList(
            [
                _Block(*size, graph, first=index == 0, scales=scales)
                for index, size in enumerate(block_sizes())
            ]
        )
        self.cls_head = nn.Module()
        self.cls_head.fc_cls = nn.Linear(256, classes)

    def features(self, clip: Tensor) -> Tensor:
        """Map clips (N, 3, T, V, M) to features (N * M, 256, T / 4, V)."""
        x = normalize(clip, self.backbone.data_bn, together=False)
        for block in self.backbone.gcn:
            x = block(x)
        return x

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (N, 3, T, V, M) to logits (N, classes)."""
        logits: Tensor = self.cls_head.fc_cls(mean_of_all(self.features(clip), clip.shape[-1]))
        return logits
