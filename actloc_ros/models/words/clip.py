"""CLIP (Radford et al., arXiv 2103.00020): images and words in one space.

Names and shapes are those of open_clip. The activation is not in a file: networks trained with
x · sigmoid(1.702 x) load into those with exact GELU and answer worse, so each has its own entry.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

VOCABULARY, CONTEXT = 49408, 77
HEAD = 64  # channels of an attention's head
Activation = Callable[[], nn.Module]


class QuickGELU(nn.Module):
    """x · sigmoid(1.702 x), as OpenAI trained."""

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to itself."""
        return x * torch.sigmoid(1.702 * x)


@dataclass(frozen=True)
class ClipLayout:
    """What differs between CLIP's networks.

    Attributes:
        embedding: Channels of the common space.
        patch: Side of a patch in pixels; 0 for the residual network RN50.
        quick: Whether the activation is `QuickGELU`.
        width: Channels of the vision transformer.
        text_width: Channels of the text's.
        layers: Of each transformer.
        size: Side of the image in pixels.
    """

    embedding: int
    patch: int
    quick: bool
    width: int = 768
    text_width: int = 512
    layers: int = 12
    size: int = 224

    @property
    def activation(self) -> Activation:
        """What makes the activation."""
        return QuickGELU if self.quick else nn.GELU


class Block(nn.Module):
    """A transformer's block: norms come first."""

    def __init__(self, width: int, activation: Activation) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, width // HEAD, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = make_mlp(width, activation)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (B, L, C) to the same shape; `mask` (L, L) is added to attention."""
        given = self.ln_1(x)
        x = x + self.attn(given, given, given, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


def make_mlp(width: int, activation: Activation) -> nn.Sequential:
    """Return a hidden layer, four times as wide."""
    return nn.Sequential(
        OrderedDict(
            c_fc=nn.Linear(width, 4 * width),
            gelu=activation(),
            c_proj=nn.Linear(4 * width, width),
        )
    )


class Transformer(nn.Module):
    """Blocks, one after the other."""

    def __init__(self, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (B, L, C) to the same shape."""
        for block in self.resblocks:
            x = block(x, mask)
        return x


class VisionTransformer(nn.Module):
    """An image as patches, with one place that gathers what is in it."""

    def __init__(self, layout: ClipLayout, blocks: list[nn.Module]) -> None:
        super().__init__()
        width, patches = layout.width, (layout.size // layout.patch) ** 2
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(patches + 1, width))
        self.proj = nn.Parameter(torch.zeros(width, layout.embedding))
        self.conv1 = nn.Conv2d(3, width, layout.patch, layout.patch, bias=False)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(blocks)
        self.ln_post = nn.LayerNorm(width)

    def places(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, 3, H, W) to features (B, embedding) and those of patches (B, P, width)."""
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(patches), 1, -1)
        x = self.ln_pre(torch.cat([first, patches], 1) + self.positional_embedding)
        x = self.transformer(x)
        return self.ln_post(x[:, 0]) @ self.proj, x[:, 1:]

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W), normalized, to features (B, embedding)."""
        return self.places(images)[0]


class Bottleneck(nn.Module):
    """A residual block that averages where others stride."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self._stride = stride
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 4 · width, H / stride, W / stride)."""
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self._mean(functional.relu(self.bn2(self.conv2(out))))
        out = self.bn3(self.conv3(out))
        shortcut = x if self.downsample is None else self.downsample(self._mean(x))
        return functional.relu(out + shortcut)

    def _mean(self, x: Tensor) -> Tensor:
        return x if self._stride == 1 else functional.avg_pool2d(x, self._stride)


class AttentionPool(nn.Module):
    """Gathers a map of features by one question: their mean."""

    def __init__(self, width: int, embedding: int, places: int) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.zeros(places + 1, width))
        self.k_proj, self.q_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.c_proj = nn.Linear(width, width), nn.Linear(width, embedding)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, embedding)."""
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positional_embedding
        query, key, value = (
            part(given).unflatten(-1, (-1, HEAD)).transpose(1, 2)
            for part, given in ((self.q_proj, x[:, :1]), (self.k_proj, x), (self.v_proj, x))
        )
        found = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.c_proj(found.transpose(1, 2).flatten(2)[:, 0])
        return out


class ModifiedResNet(nn.Module):
    """RN50: three convolutions to begin with, means in place of strides, attention at the end."""

    def __init__(self, embedding: int, size: int, width: int = 64) -> None:
        super().__init__()
        half = width // 2
        self.conv1 = nn.Conv2d(3, half, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        channels = width
        for index, blocks in enumerate((3, 4, 6, 3)):
            inner, stride = width * 2**index, 1 if index == 0 else 2
            layer = [Bottleneck(channels, inner, stride)]
            channels = 4 * inner
            layer += [Bottleneck(channels, inner, 1) for _ in range(blocks - 1)]
            self.add_module(f'layer{index + 1}', nn.Sequential(*layer))
        self.attnpool = AttentionPool(channels, embedding, (size // 32) ** 2)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W), normalized, to features (B, embedding)."""
        x = functional.relu(self.bn1(self.conv1(images)))
        x = functional.relu(self.bn2(self.conv2(x)))
        x = functional.avg_pool2d(functional.relu(self.bn3(self.conv3(x))), 2)
        for index in range(4):
            x = self.get_submodule(f'layer{index + 1}')(x)
        out: Tensor = self.attnpool(x)
        return out


class Clip(nn.Module):
    """Images and words in one space.

    Args:
        layout: Which network.
        visual: The image's part.
        text_blocks: Of the words' transformer.
        frames: Of a clip, where the network takes a fixed number.
    """

    def __init__(
        self, layout: ClipLayout, visual: nn.Module, text_blocks: list[nn.Module], frames: int = 1
    ) -> None:
        super().__init__()
        width = layout.text_width
        self.positional_embedding = nn.Parameter(torch.zeros(CONTEXT, width))
        self.text_projection = nn.Parameter(torch.zeros(width, layout.embedding))
        self.logit_scale = nn.Parameter(torch.zeros(()))
        self._before_visual(layout, frames)
        self.visual = visual
        self.transformer = Transformer(text_blocks)
        self.token_embedding = nn.Embedding(VOCABULARY, width)
        self.ln_final = nn.LayerNorm(width)

    def _before_visual(self, layout: ClipLayout, frames: int) -> None:
        """Add what a video's network has before the image's part."""

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Map token ids, int64 (N, 77), to features (N, embedding); the last token gathers."""
        x = self.token_embedding(tokens) + self.positional_embedding
        length = tokens.shape[1]
        mask = torch.full((length, length), -torch.inf, dtype=x.dtype, device=x.device).triu(1)
        x = self.ln_final(self.transformer(x, mask))
        places = torch.arange(len(x), device=x.device), tokens.argmax(-1)
        return x[places] @ self.text_projection

    def encode_video(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, K, H, W), normalized, to features (B, embedding): the frames' mean.

        Each frame's are of length 1 before.
        """
        frames = clip.transpose(1, 2)
        found = self.visual(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        return functional.normalize(found, dim=-1).mean(1)

    def forward(self, clip: Tensor) -> Tensor:
        """Return `encode_video`."""
        return self.encode_video(clip)

    def logits(self, clip: Tensor, text: Tensor) -> Tensor:
        """Return exp(logit_scale) times cosines (B, N) of clips and text features (N, C)."""
        video = functional.normalize(self.encode_video(clip), dim=-1)
        return self.logit_scale.exp() * video @ functional.normalize(text, dim=-1).T


def make_clip(layout: ClipLayout) -> Clip:
    """Return the network of a layout."""
    activation = layout.activation
    text: list[nn.Module] = [Block(layout.text_width, activation) for _ in range(layout.layers)]
    if not layout.patch:
        return Clip(layout, ModifiedResNet(layout.embedding, layout.size), text)
    blocks: list[nn.Module] = [Block(layout.width, activation) for _ in range(layout.layers)]
    return Clip(layout, VisionTransformer(layout, blocks), text)
