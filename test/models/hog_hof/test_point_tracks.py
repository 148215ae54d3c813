"""Check what the tracks of moving points say of them, and what sums of tracks keep."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.models.hog_hof.descriptor import (
    BINS,
    KINDS,
    LENGTHS,
    DescriptorSettings,
    PointTracker,
    PointTracks,
)
from actloc_ros.models.hog_hof.fisher import Codebook, KindCodebook
from actloc_ros.training.hog_hof.fit import Samples, fit, fit_codebook
from actloc_ros.training.hog_hof.recordings import image_tracks

RATE = 15
SIZE = 240, 320
BOX = np.array([40.0, 0.0, 280.0, 240.0])


def texture(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Return smooth noise, uint8."""
    noise = np.random.default_rng(seed).random(shape).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX).astype(
        np.uint8
    )


def film(pan: float, speed: float, count: int = 14) -> list[np.ndarray]:
    """Return images of a wall that pans, and a patch that moves before it, in px a moment."""
    wall, patch = texture(1, (SIZE[0], 640)), texture(2, (100, 60))
    images = []
    for index in range(count):
        image = np.ascontiguousarray(
            cv2.warpAffine(wall, np.array([[1, 0, -100 - pan * index], [0, 1, 0.0]]), SIZE[::-1])
        )
        place = np.array([[1, 0, 110 + speed * index], [0, 1, 70.0]])
        if speed:
            cv2.warpAffine(patch, place, SIZE[::-1], image, borderMode=cv2.BORDER_TRANSPARENT)
        images.append(image)
    return images


def follow(images: list[np.ndarray], rate: float = RATE) -> PointTracks:
    """Return the tracks at the last image."""
    follower = PointTracker(DescriptorSettings())
    for index, image in enumerate(images):
        follower.update(nanoseconds(index / rate), image, np.zeros((0, 4)))
    tracks = follower.tracks(BOX)
    assert tracks is not None
    return tracks


def test_points_that_move_on_their_own_are_followed_though_the_camera_pans() -> None:
    assert not len(follow(film(pan=0, speed=0)).places)
    # What comes into view at an edge moves as nothing before it did.
    assert len(follow(film(pan=2, speed=0)).places) < 10
    for pan in (0, 2):
        places = follow(film(pan, speed=3)).places
        assert len(places) > 60
        x, y = (places * 240 + (160, 0)).T
        # The patch lies at 149 to 209 and 70 to 170 px; dense flow bleeds some px beyond edges.
        inside = (x > 119) & (x < 239) & (y > 40) & (y < 200)
        assert inside.mean() > 0.85


def test_flow_is_told_by_its_direction() -> None:
    right = follow(film(0, 3)).kind('flow').reshape(-1, 12, BINS + 1).mean((0, 1))
    left = follow(film(0, -3)).kind('flow').reshape(-1, 12, BINS + 1).mean((0, 1))
    assert right[:BINS].argmax() == 0
    assert left[:BINS].argmax() == BINS // 2


def test_mirrored_tracks_are_those_of_the_mirror_image() -> None:
    images = film(0, 3)
    tracks = follow(images)
    truth = follow([np.ascontiguousarray(image[:, ::-1]) for image in images])
    mirrored = tracks.mirrored()
    assert mirrored.places[:, 0].mean() == pytest.approx(truth.places[:, 0].mean(), abs=0.02)
    for kind in KINDS:
        real = truth.kind(kind).mean(0)
        error = np.abs(mirrored.kind(kind).mean(0) - real).mean()
        assert error < 0.3 * np.abs(tracks.kind(kind).mean(0) - real).mean()
    again = mirrored.mirrored()
    assert np.array_equal(again.parts, tracks.parts)
    assert np.array_equal(again.places, tracks.places)


def test_gaps_and_time_that_goes_back_end_what_was_followed() -> None:
    images = film(0, 3)
    follower = PointTracker(DescriptorSettings())
    for index, image in enumerate(images):
        follower.update(nanoseconds(index / RATE), image, np.zeros((0, 4)))
    assert follower.tracks(BOX) is not None
    for stamp in (nanoseconds(10), nanoseconds(5)):
        follower.update(stamp, images[-1], np.zeros((0, 4)))
        assert follower.tracks(BOX) is None


def test_slow_cameras_are_followed_over_the_same_time() -> None:
    tracks = follow(film(0, 4, count=10), rate=8)
    assert len(tracks.places) > 40


def small_book(seed: int, kind: str) -> KindCodebook:
    """Return a book of 3 words over 4 components."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(LENGTHS[kind], 4)))[0].T
    return KindCodebook(
        mean=rng.random(LENGTHS[kind]).astype(np.float32),
        axes=axes.astype(np.float32),
        weights=np.array([0.5, 0.3, 0.2], np.float32),
        centres=rng.normal(size=(3, 4)).astype(np.float32),
        variances=rng.uniform(0.5, 2, (3, 4)).astype(np.float32),
    )


def log_likelihood(parts: np.ndarray, book: KindCodebook, centres: np.ndarray) -> float:
    """Return the log-likelihood of components (N, d) in a mixture, up to a constant."""
    distance = ((parts[:, None] - centres) ** 2 / book.variances).sum(2)
    norm = np.prod(book.variances.astype(float), 1) ** -0.5
    return float(np.log((book.weights * norm * np.exp(-distance / 2)).sum(1)).sum())


def test_fisher_vectors_point_where_the_likelihood_grows() -> None:
    book = small_book(0, 'gradient')
    descriptors = np.random.default_rng(1).random((50, LENGTHS['gradient']))
    sums = book.pool(descriptors, np.zeros((50, 2)), [50])[0]
    vector = book.vector(sums[None], np.zeros(1))[:12].reshape(3, 4).astype(float)
    parts = (descriptors - book.mean) @ book.axes.T
    slope = np.zeros((3, 4))
    for word, axis in np.ndindex(3, 4):
        step = np.zeros((3, 4))
        step[word, axis] = 1e-4
        ahead, behind = (log_likelihood(parts, book, book.centres + s) for s in (step, -step))
        slope[word, axis] = (ahead - behind) / 2e-4
    expected = slope * np.sqrt(book.variances) / np.sqrt(book.weights)[:, None]
    expected = np.sign(expected) * np.sqrt(np.abs(expected))
    assert (
        np.abs(vector / np.linalg.norm(vector) - expected / np.linalg.norm(expected)).max() < 0.02
    )


def test_clips_are_described_by_what_moves_in_them_and_nothing_else() -> None:
    codebook = Codebook({kind: small_book(i, kind) for i, kind in enumerate(KINDS)})
    tracks = follow(film(0, 3))
    early, late = (PointTracks(stamp, tracks.places, tracks.parts) for stamp in (0, 10**9))
    moments = codebook.pool([early, late])
    whole = codebook.describe(moments, 0, 10**9)
    assert whole.shape == (codebook.length,)
    assert np.linalg.norm(whole) == pytest.approx(np.sqrt(2 * len(KINDS)), abs=1e-4)
    assert np.array_equal(
        codebook.describe(moments, 0, 500), codebook.describe(moments[:1], 0, 500)
    )
    assert not codebook.describe(moments, 2 * 10**9, 3 * 10**9).any()


def test_code_books_are_learnt_the_same_again_and_refuse_stillness() -> None:
    frames = [
        Frame('', nanoseconds(i / RATE), cv2.cvtColor(image, cv2.COLOR_GRAY2RGB))
        for i, image in enumerate(film(0, 3, count=30))
    ]
    settings = DescriptorSettings(words=4)
    tracks = image_tracks(frames, settings)
    once, again = (fit_codebook([tracks], settings, seed=1) for _ in range(2))
    assert all(np.array_equal(v, again.tensors()[k]) for k, v in once.tensors().items())
    with pytest.raises(ValueError, match='only 0 points'):
        fit_codebook([image_tracks(frames[:1] * 3, settings)], settings, seed=1)


@pytest.mark.parametrize(('labels', 'other'), [(('go_left', 'go_right'), 1), (('a', 'b'), 0)])
def test_mirror_images_change_the_side_that_labels_name(
    labels: tuple[str, str], other: int
) -> None:
    codebook = Codebook({kind: small_book(i, kind) for i, kind in enumerate(KINDS)})
    rng = np.random.default_rng(0)
    truth = np.arange(12)[:, None] % 2 == np.arange(2)
    descriptors = 0.1 * rng.normal(size=(12, codebook.length)).astype(np.float32)
    mirrored = descriptors.copy()
    descriptors[:, 0], descriptors[:, 1] = truth[:, 0], truth[:, 1]
    mirrored[:, 2], mirrored[:, 3] = truth[:, 0], truth[:, 1]
    samples = Samples(labels, codebook, descriptors, mirrored, truth, np.arange(12), (Path('a'),))
    classifier = fit(samples, DescriptorSettings(words=3))
    probe = np.zeros((1, codebook.length))
    probe[0, 2] = 1
    assert classifier.scores(probe)[0].argmax() == other
