"""Compare joints in heat maps with published code's, and with where the maps were made."""

from pathlib import Path

import numpy as np
import parity
import pytest

from actloc_ros.models.people.heatmaps import HeatmapDecoding, decode_heatmaps

SIZE = (64, 48)


def gaussians(places: np.ndarray, sigma: float = 2.0) -> np.ndarray:
    """Return maps (K, *SIZE) that peak at places (K, 2): x, y in cells."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    apart = np.stack([x, y], -1)[None] - places[:, None, None]
    return np.exp(-(apart**2).sum(-1) / (2 * sigma**2))


def test_agrees_with_published_code(shared: Path) -> None:
    parity.check_file(shared / 'parity2/heatmap_decode_1.json')


@pytest.mark.parametrize(
    ('way', 'within'),
    [(HeatmapDecoding.PLAIN, 0.26), (HeatmapDecoding.DARK, 0.01), (HeatmapDecoding.UDP, 0.01)],
)
def test_finds_where_a_map_peaks(way: HeatmapDecoding, within: float) -> None:
    places = np.random.default_rng(3).uniform(12, 36, (20, 2))
    spans = np.array(SIZE[::-1]) - (way is HeatmapDecoding.UDP)
    found = decode_heatmaps(gaussians(places), (256, 192), way)
    np.testing.assert_allclose(found[:, :2] / [192, 256] * spans, places, atol=within)
    assert found[:, 2].min() > 0.9


@pytest.mark.parametrize('way', HeatmapDecoding)
def test_without_a_peak_a_joint_lies_outside(way: HeatmapDecoding) -> None:
    found = decode_heatmaps(np.zeros((1, *SIZE), np.float32), SIZE, way)
    assert (found[0, :2] < 0).all()
    assert found[0, 2] == 0


@pytest.mark.parametrize('way', HeatmapDecoding)
def test_a_peak_in_a_corner_is_found(way: HeatmapDecoding) -> None:
    corners = np.array([[0, 0], [47, 63]], float)
    found = decode_heatmaps(gaussians(corners), SIZE, way)
    spans = np.array(SIZE[::-1]) - (way is HeatmapDecoding.UDP)
    np.testing.assert_allclose(found[:, :2] / SIZE[::-1] * spans, corners, atol=1)
