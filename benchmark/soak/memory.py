"""Say whether memory grows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WARM_UP = 0.3  # of the time, but no more than a minute
LONGEST_WARM_UP = 60.0  # s
GROWTH = 12.0  # MB that memory may have grown after the warm-up: pools of the middleware, logs


def check_memory(times: Sequence[float], megabytes: Sequence[float]) -> tuple[str, list[str]]:
    """Return a line on the memory of a process and what is wrong with it.

    Args:
        times: Of the samples, since the start, in s; at least two after the warm-up.
        megabytes: What was resident at each.
    """
    at, held = np.array(times), np.array(megabytes)
    warm = at >= min(WARM_UP * at[-1], LONGEST_WARM_UP)
    at, held = at[warm], held[warm]
    part = max(len(held) // 5, 1)
    before, after = np.median(held[:part]), np.median(held[-part:])
    slope = np.polyfit(at, held, 1)[0] * 3600 if len(at) > 1 else 0.0
    text = (
        f'memory: {megabytes[0]:.0f} MB at the start, {before:.1f} MB after the warm-up,'
        f' {after:.1f} MB at the end, {held.max():.1f} MB at most; slope {slope:+.1f} MB an hour'
    )
    grew = after - before
    return text, [f'memory grew by {grew:.1f} MB'] if grew > GROWTH else []
