"""Refuse settings of a training that have the right type but an impossible value."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from math import inf
from typing import Any

Limit = tuple[str, Callable[[Any], bool]]

AT_LEAST_0: Limit = ('0 or more', lambda x: 0 <= x < inf)
AT_LEAST_1: Limit = ('1 or more', lambda x: 1 <= x < inf)
ABOVE_0: Limit = ('a number above 0', lambda x: 0 < x < inf)
SHARE: Limit = ('a share from 0 to 1', lambda x: 0 <= x <= 1)
BELOW_1: Limit = ('from 0 to below 1', lambda x: 0 <= x < 1)
SIDE: Limit = ('a multiple of 32', lambda x: x > 0 and x % 32 == 0)
PRECISIONS = ('32-true', 'bf16-mixed', '16-mixed')
LIMITS: dict[str, Limit] = {
    'name': ('letters, digits and -._', lambda x: re.fullmatch(r'\w[\w.-]*', x) is not None),
    'precision': (f'one of {", ".join(PRECISIONS)}', lambda x: x in PRECISIONS),
    'data.train': ('at least one set of recordings', lambda x: len(x) > 0),
    'data.height': SIDE,
    'data.width': SIDE,
    'data.frames': AT_LEAST_1,
    'data.rate': ABOVE_0,
    'data.workers': AT_LEAST_0,
    'data.balance': SHARE,
    'schedule.steps': AT_LEAST_1,
    'schedule.batch': AT_LEAST_1,
    'schedule.learning_rate': ABOVE_0,
    'schedule.warmup': AT_LEAST_0,
    'schedule.weight_decay': AT_LEAST_0,
    'schedule.clip_gradient': ABOVE_0,
    'schedule.ema': BELOW_1,
    'schedule.seed': AT_LEAST_0,
    'schedule.checkpoint_every': AT_LEAST_1,
    'schedule.validate_every': AT_LEAST_0,
    'augmentation.crop': ('above 0, up to 1', lambda x: 0 < x <= 1),
    'augmentation.stretch': AT_LEAST_1,
    'augmentation.flip': SHARE,
    'augmentation.colour': BELOW_1,
    'augmentation.rate': AT_LEAST_1,
    'augmentation.drop': BELOW_1,
    'augmentation.freeze': SHARE,
    'augmentation.focus': SHARE,
    'augmentation.widest': ('above 0, up to 1', lambda x: 0 < x <= 1),
}


def find_impossible(config: object) -> str | None:
    """Return what is wrong with the first impossible value of the settings, or None."""
    for key, (expected, is_good) in LIMITS.items():
        value = reduce(getattr, key.split('.'), config)
        if not is_good(value):
            shown = list(value) if isinstance(value, tuple) else value
            return f'{key.replace(".", ": ")} is {shown!r}; expected {expected}'
    return None
