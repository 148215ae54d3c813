"""Fuzz what was learned about models: fits of ensembles, and weights of sounds; and features."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from fuzz.mutate import mutate_bytes, mutate_text, mutate_tree
from fuzz.target import Target

MEMBERS = 'pose_n', 'stream_n'
ACTIONS, SOUNDS = ('falling', 'walking'), ('scream', 'glass_break')
CHANNELS = 6
OF_LABEL = {
    **{'slope': [1.0, 0.5], 'offset': [0.0, 0.1], 'absent': [-2.0, -1.0], 'weight': [0.5, 0.5]},
    **{'scale': 1.0, 'shift': 0.0},
}


@cache
def _fit() -> dict[str, Any]:
    from actloc_ros.models.ensemble.pool import FORMAT

    return {
        **{'format': FORMAT, 'members': list(MEMBERS), 'box_weights': [1.0, 2.0], 'iou': 0.55},
        **{'labels': {'falling': OF_LABEL, 'walking': OF_LABEL}, 'actor': OF_LABEL},
        'learned_from': '3 recordings',
    }


FUSION = {
    'actions': {'falling': {'bias': -1.0, 'gain': 1.2, 'sounds': {'scream': 0.4}}},
}


def _written(random: Random, path: Path, tree: Any) -> Path:
    if random.random() < 0.6:
        path.write_text(json.dumps(mutate_tree(random, tree)), errors='replace')
    else:
        path.write_bytes(mutate_text(random, json.dumps(tree)))
    return path


def _make_fit(random: Random, folder: Path) -> Path:
    return _written(random, folder / 'fit.json', _fit())


def _run_fit(path: Path) -> None:
    from actloc_ros.models.ensemble.pool import Pool, read_fit

    pool = Pool(np.ones((2, 2), bool), ACTIONS, read_fit(path, MEMBERS))
    scores = pool.scores(np.full((1, 2, 2), 0.4), np.ones((1, 2), bool), np.ones(2, bool))
    assert ((scores >= 0) & (scores <= 1)).all(), scores


def _make_fusion(random: Random, folder: Path) -> Path:
    return _written(random, folder / 'fusion.json', FUSION)


def _run_fusion(path: Path) -> None:
    from actloc_ros.models.errors import WeightsError
    from actloc_ros.models.sound.fusion import Fusion

    fusion = Fusion.read(path)
    try:
        fusion.check(ACTIONS, SOUNDS)
    except WeightsError:
        return  # it names the label, not the file
    scores = fusion.apply(np.full((1, 2), 0.4), np.full(2, 0.6))
    assert ((scores >= 0) & (scores <= 1)).all(), scores


def _make_features(random: Random, folder: Path) -> Path:
    shape = random.choice(((5, CHANNELS), (1, CHANNELS), (0, CHANNELS), (5,), (2, 3, CHANNELS)))
    kind = random.choice((np.float32, np.float16, np.float64, np.int8, np.complex64, bool, 'S3'))
    file = io.BytesIO()
    np.save(file, np.zeros(shape, kind))
    path = folder / 'features.npy'
    data = file.getvalue()
    path.write_bytes(mutate_bytes(random, data) if random.random() < 0.7 else data)
    return path


def _run_features(path: Path) -> None:
    from actloc_ros.models.actionformer.features import read_features

    found = read_features(path, CHANNELS)
    assert found.shape[1:] == (CHANNELS,)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def _import() -> None:
    import actloc_ros.models.actionformer.features
    import actloc_ros.models.ensemble.pool
    import actloc_ros.models.sound.fusion  # noqa: F401

    _fit()


TARGETS = (
    Target('ensemble_fit', _make_fit, _run_fit, 0.5, _import),
    Target('sound_fusion', _make_fusion, _run_fusion, 0.5, _import),
    Target('features', _make_features, _run_features, 0.5, _import),
)
