"""Pack columns of numbers as text that a page reads without parsing each of them."""

from __future__ import annotations

import base64

import numpy as np

KINDS = {'u1', 'u2', 'u4', 'i4', 'f4', 'f8'}  # that the page knows


def packed(column: np.ndarray) -> dict[str, str]:
    """Return a column (N,) as its kind and its little-endian bytes in base64."""
    kind = column.dtype.str[1:]
    assert kind in KINDS, kind
    little = np.ascontiguousarray(column, column.dtype.newbyteorder('<'))
    return {'kind': kind, 'data': base64.b64encode(little.tobytes()).decode()}
