"""X-CLIP (Ni et al., arXiv 2208.02816): CLIP for videos.

Names and shapes are those of microsoft/VideoX. Frames of a clip exchange messages in each block,
and the words get a part of what the video shows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from actloc_ros.models.words.clip import (
    HEAD,
    Activation,
    Clip,
    ClipLayout,
    QuickGELU,
    VisionTransformer,
    make_mlp,
)


class VideoBlock(nn.Module):
    """A transformer's block as X-CLIP orders its parts."""

    def __init__(self, width: int, activation: Activation = QuickGELU) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, width // HEAD, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = make_mlp(width, activation)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (B, L, C) to the same shape; `mask` (L, L) is added to attention."""
        given = self.ln_1(x)
        x = x + self.attn(given, given, given, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class MessageBlock(nn.Module):
    """A block in which a message of each frame joins its places and leaves them again."""

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self._frames = frames
        self.message_fc, self.message_ln = nn.Linear(width, width), nn.LayerNorm(width)
        self.message_attn = nn.MultiheadAttention(width, width // HEAD, batch_first=True)
        self.attn = nn.MultiheadAttention(width, width // HEAD, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = make_mlp(width, QuickGELU)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (B · frames, L, C) to the same shape."""
        message = self.message_fc(x[:, 0]).unflatten(0, (-1, self._frames))
        given = self.message_ln(message)
        message = message + self.message_attn(given, given, given, need_weights=False)[0]
        both = torch.cat([x, message.flatten(0, 1)[:, None]], 1)
        given = self.ln_1(both)
        x = (both + self.attn(given, given, given, need_weights=False)[0])[:, :-1]
        return x + self.mlp(self.ln_2(x))


class Integration(nn.Module):
    """Frames become one: attention between them, then their mean."""

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.zeros(1, frames, width))
        self.resblocks = nn.ModuleList([VideoBlock(width)])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, frames, C) to (B, C)."""
        mixed = self.resblocks[0](x + self.positional_embedding)
        return (mixed + x).mean(1)


class CrossAttention(nn.Module):
    """Words ask what places of the video show."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (
            nn.Linear(width, width, bias=False) for _ in range(3)
        )
        self.proj = nn.Linear(width, width)

    def forward(self, words: Tensor, places: Tensor) -> Tensor:
        """Map (B, N, C) and (B, P, C) to (B, N, C)."""
        query, key, value = (
            part(given).unflatten(-1, (-1, HEAD)).transpose(1, 2)
            for part, given in (
                (self.q_proj, words),
                (self.k_proj, places),
                (self.v_proj, places),
            )
        )
        found = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return out


class PromptLayer(nn.Module):
    """A layer of `Prompts`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cross_attn = CrossAttention(width)
        self.norm1, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width)
        # Place 2 is the dropout of training.
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), QuickGELU(), nn.Identity(), nn.Linear(4 * width, width)
        )

    def forward(self, words: Tensor, places: Tensor) -> Tensor:
        """Map (B, N, C) and (B, P, C) to (B, N, C)."""
        words = words + self.cross_attn(self.norm1(words), places)
        return words + self.mlp(self.norm3(words))


class Prompts(nn.Module):
    """What is added to words for what a video shows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width)
        self.decoder = nn.ModuleList(PromptLayer(width) for _ in range(2))

    def forward(self, words: Tensor, places: Tensor) -> Tensor:
        """Map (B, N, C) and (B, P, C) to (B, N, C)."""
        places = self.norm(places)
        for layer in self.decoder:
            words = layer(words, places)
        return self.alpha * words


class XClip(Clip):
    """The whole network, for clips of a fixed number of frames."""

    visual: VisionTransformer

    def __init__(self, layout: ClipLayout, frames: int) -> None:
        blocks: list[nn.Module] = [MessageBlock(layout.width, frames) for _ in range(layout.layers)]
        text: list[nn.Module] = [VideoBlock(layout.text_width) for _ in range(layout.layers)]
        super().__init__(layout, VisionTransformer(layout, blocks), text, frames)
        self.prompts_visual_ln = nn.LayerNorm(layout.width)

    def _before_visual(self, layout: ClipLayout, frames: int) -> None:
        self.prompts_visual_proj = nn.Parameter(torch.zeros(layout.width, layout.embedding))
        self.prompts_generator = Prompts(layout.embedding)
        self.mit = Integration(layout.embedding, frames)

    def encode(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Map clips (B, 3, K, H, W), normalized, to features (B, C) and places (B, P, C)."""
        frames = clip.transpose(1, 2)
        features, places = self.visual.places(frames.flatten(0, 1))
        places = self.prompts_visual_ln(places) @ self.prompts_visual_proj
        batch = frames.shape[:2]
        video: Tensor = self.mit(features.unflatten(0, batch))
        return video, places.unflatten(0, batch).mean(1)

    def encode_video(self, clip: Tensor) -> Tensor:
        """Map clips (B, 3, K, H, W), normalized, to features (B, embedding)."""
        return self.encode(clip)[0]

    def logits(self, clip: Tensor, text: Tensor) -> Tensor:
        """Return exp(logit_scale) times cosines (B, N) of clips and text features (N, C)."""
        video, places = self.encode(clip)
        words = text.expand(len(clip), -1, -1)
        words = words + self.prompts_generator(words, places)
        video = functional.normalize(video, dim=-1)[..., None]
        return self.logit_scale.exp() * (functional.normalize(words, dim=-1) @ video)[..., 0]
