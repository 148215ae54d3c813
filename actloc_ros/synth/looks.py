"""Make people of different appearance: height, girth, limbs, hair, clothes, hats and bags."""

from __future__ import annotations

import numpy as np

from actloc_ros.synth.body import PATTERN_SIZE, POINT, Body
from actloc_ros.synth.textures import cloth_patterns

SKIN, HAIR, SHIRT, TROUSERS, SHOES, SLEEVE, LEGS, EYES, BAG, HAT = range(10)
Row = tuple[str, str, float, float, int]  # a part: two points, radii there in metres, material


def make_body(rng: np.random.Generator) -> Body:
    """Draw a person."""
    height = float(np.clip(rng.normal(1.71, 0.1), 1.45, 1.98))
    girth = float(np.clip(rng.normal(1.0, 0.12), 0.8, 1.35))
    share = {
        'spine': 0.29, 'neck': 0.07, 'upper_arm': 0.172, 'forearm': 0.15, 'hand': 0.06,
        'thigh': 0.245, 'shin': 0.24, 'foot': 0.11, 'shoulder': 0.106, 'hip': 0.052,
    }  # fmt: skip
    lengths = {k: v * height * float(rng.normal(1, 0.03)) for k, v in share.items()}
    skirt = rng.random() < 0.2
    table = _trunk(rng, height / 1.72, girth * height / 1.72, skirt)
    for side in 'lr':
        table += _limbs(side, height / 1.72, girth * height / 1.72)
    colours, patterns = _clothe(rng, skirt)
    return Body(
        height,
        lengths,
        np.array([[POINT[a], POINT[b]] for a, b, *_ in table]),
        np.array([[ra, rb] for _, _, ra, rb, _ in table], np.float32),
        np.array([material for *_, material in table]),
        colours,
        patterns,
    )


def _trunk(rng: np.random.Generator, h: float, g: float, skirt: bool) -> list[Row]:
    long_hair = rng.random() < 0.45
    belly = float(rng.uniform(0.100, 0.128))
    rows = [
        ('hip_l', 'hip_r', 0.103 * g, 0.103 * g, TROUSERS),
        ('chest_l', 'waist_l', 0.097 * g, 0.093 * g, SHIRT),
        ('chest_r', 'waist_r', 0.097 * g, 0.093 * g, SHIRT),
        ('chest', 'waist', 0.112 * g, belly * g, SHIRT),
        ('shoulder_l', 'shoulder_r', 0.060 * g, 0.060 * g, SHIRT),
        ('neck', 'head', 0.053 * h, 0.050 * h, SKIN),
        ('head', 'crown', 0.066 * h, 0.080 * h, SKIN),
        ('nape', 'hair', (0.068 if long_hair else 0.058) * h, 0.084 * h, HAIR),
        ('face', 'face', 0.017 * h, 0.017 * h, SKIN),
        ('eye_l', 'eye_l', 0.011 * h, 0.011 * h, EYES),
        ('eye_r', 'eye_r', 0.011 * h, 0.011 * h, EYES),
    ]
    if skirt:
        rows.append(('pelvis', 'hem', 0.145 * g, float(rng.uniform(0.16, 0.19)) * g, TROUSERS))
    if long_hair:
        rows.append(('nape', 'tail', 0.068 * h, 0.058 * h, HAIR))
    if rng.random() < 0.2:
        rows.append(('bag_top', 'bag_bottom', 0.11, 0.14, BAG))
    if rng.random() < 0.2:
        rows.append(('hair', 'hair', 0.096 * h, 0.096 * h, HAT))
    return rows


def _limbs(side: str, h: float, g: float) -> list[Row]:
    return [
        (f'shoulder_{side}', f'elbow_{side}', 0.054 * g, 0.044 * g, SHIRT),
        (f'elbow_{side}', f'wrist_{side}', 0.042 * g, 0.031 * g, SLEEVE),
        (f'wrist_{side}', f'finger_{side}', 0.035 * h, 0.029 * h, SKIN),
        (f'hip_{side}', f'knee_{side}', 0.091 * g, 0.062 * g, TROUSERS),
        (f'knee_{side}', f'ankle_{side}', 0.060 * g, 0.044 * g, LEGS),
        (f'ankle_{side}', f'toe_{side}', 0.047 * h, 0.037 * h, SHOES),
    ]


def _clothe(rng: np.random.Generator, skirt: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return colours (10, 3) and patterns (10, 32, 32) of all materials."""
    skins = np.array([[236, 198, 172], [205, 160, 125], [150, 105, 75], [96, 64, 46]])
    hairs = np.array([[35, 28, 25], [80, 55, 35], [150, 115, 70], [150, 150, 150]])
    shoes = np.array([[30, 30, 32], [90, 60, 40], [215, 215, 210]])
    shirt, bag, hat = (_cloth(rng, saturation) for saturation in (0.7, 0.6, 0.6))
    trousers = 0.7 * _cloth(rng, 0.3)
    skin = skins[rng.integers(4)] * rng.uniform(0.9, 1.05)
    bare_arms, bare_legs = rng.random() < 0.45, rng.random() < (0.7 if skirt else 0.15)
    sleeve, legs = (skin if bare_arms else shirt), (skin if bare_legs else trousers)
    colours = [
        skin, hairs[rng.integers(4)], shirt, trousers, shoes[rng.integers(3)], sleeve, legs,
        np.array([25, 20, 20]), bag, hat,
    ]  # fmt: skip
    patterns = np.ones((len(colours), PATTERN_SIZE, PATTERN_SIZE), np.float32)
    patterns[SHIRT], patterns[TROUSERS] = cloth_patterns(rng, (0.45, 0.8), PATTERN_SIZE)
    patterns[SLEEVE] = 1 if bare_arms else patterns[SHIRT]
    patterns[LEGS] = 1 if bare_legs else patterns[TROUSERS]
    return np.array(colours, np.float32), patterns


def _cloth(rng: np.random.Generator, saturation: float) -> np.ndarray:
    """Draw a cloth's colour: dark, light or strong."""
    value = float(rng.choice([45, 90, 150, 225], p=[0.35, 0.25, 0.2, 0.2]))
    tint = rng.dirichlet([0.7, 0.7, 0.7])
    tint = tint / tint.max()
    return np.clip(value * (1 - saturation + saturation * tint) + 8, 0, 255)
