"""Say whether memory grows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WARM_UP = 0.5  # of the time: by then images of all sizes came, with few people and with many

GROWTH = 20.0
"""MB that memory may grow after that.

In a soak ONNX Runtime takes 17 MB at once where more people come than before, and gives them back
when the model is closed; Fast DDS keeps about 50 kB of each publisher that left a best-effort
subscription, whoever subscribed.
"""


def check_memory(times: Sequence[float], megabytes: Sequence[float]) -> tuple[str, list[str]]:
    """Return a line on the memory of a process and what is wrong with it.

    A straight line is fitted to what is resident in the second half of the time: swings up and down
    do not count, and what levels off has done so. The longer the run, the slower a growth it finds.

    Args:
        times: Of the samples, since the start, in s; at least two in the second half.
        megabytes: What was resident at each.
    """
    at, held = np.array(times) / 3600, np.array(megabytes)
    warm = at >= WARM_UP * at[-1]
    at, held = at[warm], held[warm]
    rate = float(np.polyfit(at, held, 1)[0])
    hours = at[-1] - at[0]
    limit = GROWTH / hours
    text = (
        f'memory: {megabytes[0]:.0f} MB at the start, {max(megabytes):.1f} MB at most; in the'
        f' second half {np.median(held):.1f} MB, {rate:+.1f} MB an hour (limit {limit:.1f})'
    )
    if rate <= limit:
        return text, []
    return text, [f'memory grew by {rate * hours:.1f} MB in {60 * hours:.1f} minutes']
