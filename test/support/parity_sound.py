"""Compare networks of sound, and the spectra that they take, with references, for `parity`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from parity_case import Case

from actloc_ros.models.sound.log_mel import _mel_bank, _window, log_mel

STEP = 10  # spectra of which a reference holds one


def network(case: Case) -> Mapping[str, Any]:
    """Return spectra, window and bands, and what a network of EfficientAT makes of a sound."""
    assert case.opened is not None
    spectra = log_mel(case.input()[0].astype(np.float64))
    logits, features = case.opened.network(torch.from_numpy(spectra)[None, None])
    return {
        'logmel': spectra[:, ::STEP],
        'logits': logits,
        'features': features,
        'window': _window()[112:-112],
        'mel_basis': _mel_bank(),
    }
