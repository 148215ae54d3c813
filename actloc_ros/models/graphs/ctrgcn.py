"""Define CTR-GCN in its authors' layout and in PYSKL's.

Architecture: "Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action
Recognition" (arXiv 2107.12213). Written from the paper and the published checkpoints' names.

A unit's graph is refined for each channel by how far joints' features are apart on average over
the clip. So a result depends on the whole clip, and there is no exact form frame by frame.
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
    learned,
    mean_of_all,
    normalize,
    residual,
)
from actloc_ros.models.graphs.layouts import Layout, by_direction

PARTS = 3
PERSONS = 2  # that the first batch norm is made for
REDUCTION = 8
BRANCHES = 4
KERNEL = 5


class _Topology(nn.Module):
    """One of three graphs of a unit, refined for each channel."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        relations = REDUCTION if channels == 3 else channels // REDUCTION
        self.conv1 = nn.Conv2d(channels, relations, 1)
        self.conv2 = nn.Conv2d(channels, relations, 1)
        self.conv3 = nn.Conv2d(channels, out, 1)
        self.conv4 = nn.Conv2d(relations, out, 1)

    def forward(self, x: Tensor, graph: Tensor, alpha: Tensor, equation: str) -> Tensor:
        one, other = self.conv1(x).mean(2), self.conv2(x).mean(2)
        apart = (one[:, :, :, None] - other[:, :, None, :]).tanh()
        refined = self.conv4(apart) * alpha + graph
        return torch.einsum(equation, refined, self.conv3(x))


class _Unit(nn.Module):
    """The graph convolution; `pyskl` is its transposed form, whose graph is called A."""

    def __init__(self, channels: int, out: int, graph: Tensor, pyskl: bool) -> None:
        super().__init__()
        self.pyskl = pyskl
        self.register_parameter('A' if pyskl else 'PA', learned(graph))
        self.alpha = nn.Parameter(torch.zeros(1))
        self.convs = nn.ModuleList([_Topology(channels, out) for _ in range(PARTS)])
        self.down: nn.Module = nn.Identity()
        if channels != out:
            self.down = nn.Sequential(nn.Conv2d(channels, out, 1), nn.BatchNorm2d(out))
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        graphs = self.get_parameter('A' if self.pyskl else 'PA')
        equation = 'ncuv,nctu->nctv' if self.pyskl else 'ncuv,nctv->nctu'
        parts = [
            conv(x, graph, self.alpha, equation)
            for conv, graph in zip(self.convs, graphs, strict=True)
        ]
        return (self.bn(torch.stack(parts).sum(0)) + self.down(x)).relu()


class _FourScales(nn.Module):
    """The temporal convolution: two dilations, a maximum, and a plain branch.

    PYSKL has another activation after it, the authors do not.
    """

    def __init__(self, out: int, stride: int, pyskl: bool) -> None:
        super().__init__()
        width = out // BRANCHES
        self.pyskl = pyskl
        branches = [
            nn.Sequential(
                *branch_start(out, width), TemporalConv(width, width, KERNEL, stride, dilation)
            )
            for dilation in (1, 2)
        ]
        branches.append(
            nn.Sequential(*branch_start(out, width), branch_pool(stride), nn.BatchNorm2d(width))
        )
        branches.append(nn.Sequential(nn.Conv2d(out, width, 1, (stride, 1)), nn.BatchNorm2d(width)))
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([branch(x) for branch in self.branches], 1)
        return joined.relu() if self.pyskl else joined


class _Block(nn.Module):
    def __init__(
        self, channels: int, out: int, stride: int, graph: Tensor, first: bool, pyskl: bool
    ) -> None:
        super().__init__()
        self.gcn1 = _Unit(channels, out, graph, pyskl)
        self.tcn1 = _FourScales(out, stride, pyskl)
        self.residual = Zero() if first else residual(channels, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        return (self.tcn1(self.gcn1(x)) + self.residual(x)).relu()


def _blocks(layout: Layout, pyskl: bool) -> list[nn.Module]:
    graph = torch.from_numpy(by_direction(layout))
    return [
        _Block(*size, graph, first=index == 0, pyskl=pyskl)
        for index, size in enumerate(block_sizes())
    ]


class CTRGCN(nn.Module):
    """CTR-GCN in its authors' layout: (N, 3, T, V, 2) to logits (N, classes)."""

    def __init__(self, classes: int, layout: Layout) -> None:
        super().__init__()
        self.data_bn = nn.BatchNorm1d(PERSONS * 3 * len(layout.joints))
        for number, block in enumerate(_blocks(layout, pyskl=False), 1):
            self.add_module(f'l{number}', block)
        self.fc = nn.Linear(256, classes)

    def features(self, clip: Tensor) -> Tensor:
        """Map clips (N, 3, T, V, 2) to features (N * 2, 256, T / 4, V)."""
        x = normalize(clip, self.data_bn, together=True)
        for number, _ in enumerate(block_sizes(), 1):
            x = self.get_submodule(f'l{number}')(x)
        return x

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (N, 3, T, V, 2) to logits (N, classes)."""
        return self.fc(mean_of_all(self.features(clip), clip.shape[-1]))


class PysklCTRGCN(nn.Module):
    """CTR-GCN in PYSKL's layout: (N, 3, T, V, 2) to logits (N, classes)."""

    backbone: Any
    cls_head: Any

    def __init__(self, classes: int, layout: Layout) -> None:
        super().__init__()
        self.backbone = nn.Module()
        # Published with the weights, used by none of them.
        self.backbone.register_buffer('A', torch.from_numpy(by_direction(layout)))
        self.backbone.data_bn = nn.BatchNorm1d(PERSONS * 3 * len(layout.joints))
        self.backbone.net = nn.ModuleList(_blocks(layout, pyskl=True))
        self.cls_head = nn.Module()
        self.cls_head.fc_cls = nn.Linear(256, classes)

    def features(self, clip: Tensor) -> Tensor:
        """Map clips (N, 3, T, V, 2) to features (N * 2, 256, T / 4, V)."""
        x = normalize(clip, self.backbone.data_bn, together=True)
        for block in self.backbone.net:
            x = block(x)
        return x

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (N, 3, T, V, 2) to logits (N, classes)."""
        logits: Tensor = self.cls_head.fc_cls(mean_of_all(self.features(clip), clip.shape[-1]))
        return logits
