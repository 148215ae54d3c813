"""Predict actors and their actions at each cell of a level of the streaming network."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import Conv2dNormActivation

from actloc_ros.models.ops.grid import cell_centres

EXPANSION = 3  # times the channels of the features, inside an expansion block
STRIDES_A_UNIT = 4.0  # of a location in the view: keeps the numbers near those of features


class StreamOutput(NamedTuple):
    """Predictions at A locations (all cells of all three levels) for each frame.

    Attributes:
        boxes: (..., A, 4) x1, y1, x2, y2 in pixels of the network's input.
        actor: (..., A) logits: that the location holds an actor.
        actions: (..., A, C) logits: that the actor does each action.
    """

    boxes: Tensor
    actor: Tensor
    actions: Tensor


class ExpansionBlock(nn.Module):
    """Adds to features what many more channels make of them: MobileNetV2's inverted residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = EXPANSION * width
        norm = nn.BatchNorm2d(width)
        nn.init.zeros_(norm.weight)  # begin as if it were not there
        self.layers = nn.Sequential(
            Conv2dNormActivation(width, wide, 1, activation_layer=nn.SiLU),
            Conv2dNormActivation(wide, wide, groups=wide, activation_layer=nn.SiLU),
            nn.Conv2d(wide, width, 1, bias=False),
            norm,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (F, C, H, W) to the same shape."""
        return x + self.layers(x)


class Head(nn.Module):
    """Predicts at each cell of one level: what is done, by decoupled branches, and where.

    An action may depend on where in the view it is done: crossing the camera's way means walking
    through its middle.
    """

    def __init__(self, width: int, classes: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.place = nn.Conv2d(2, width, 1, bias=False)
        self.what = nn.Sequential(separable(width), separable(width), ExpansionBlock(width))
        self.where = nn.Sequential(separable(width), separable(width))
        self.actions = nn.Conv2d(width, classes, 1)
        self.actor = nn.Conv2d(width, 1, 1)
        self.box = nn.Conv2d(width, 4, 1)
        nn.init.zeros_(self.place.weight)
        # Few cells hold an actor: start from that, or the first steps drown in false alarms.
        for layer, logit in ((self.actor, -4.6), (self.actions, -2.0)):
            assert layer.bias is not None
            nn.init.constant_(layer.bias, logit)

    def forward(self, x: Tensor) -> StreamOutput:
        """Map (F, C, H, W) to the predictions (F, H * W, …) at its cells."""
        return self.predict(*self.branches(x))

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (F, C, H, W) to the features of what is done, and of where: the same shape each."""
        return self.what(x + self.place(self.offsets(x))), self.where(x)

    def offsets(self, x: Tensor) -> Tensor:
        """Return x, y of the cells of (F, C, H, W) from the view's middle: (1, 2, H, W).

        They count strides, as people's sizes do in a level's features: a person so many heights
        aside is that far aside in an input of any size.
        """
        centres = cell_centres(x.shape[2:], 1, x)
        away = (centres - centres.mean(dim=0)) / STRIDES_A_UNIT
        return away.T.unflatten(1, x.shape[2:])[None]

    def predict(self, what: Tensor, where: Tensor) -> StreamOutput:
        """Map the features of both branches, (F, C, H, W), to predictions (F, H * W, …)."""
        return StreamOutput(
            boxes=self.boxes(self.box(where)),
            actor=self.actor(where).flatten(1),
            actions=self.actions(what).flatten(2).transpose(1, 2),
        )

    def boxes(self, raw: Tensor) -> Tensor:
        """Turn raw distances (F, 4, H, W) from each cell's centre into boxes (F, H * W, 4)."""
        centres = cell_centres(raw.shape[2:], self.stride, raw)
        left_top, right_bottom = (
            (functional.softplus(raw) * self.stride * 2).flatten(2).transpose(1, 2).chunk(2, dim=-1)
        )
        return torch.cat([centres - left_top, centres + right_bottom], dim=-1)


def separable(width: int) -> nn.Sequential:
    """Return a depthwise 3x3 and a pointwise convolution, each normalised and activated."""
    return nn.Sequential(
        Conv2dNormActivation(width, width, groups=width, activation_layer=nn.SiLU),
        Conv2dNormActivation(width, width, 1, activation_layer=nn.SiLU),
    )
