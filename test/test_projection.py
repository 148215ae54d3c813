"""Check where actors are said to be in space, on exact scenes and on a real depth image."""

import numpy as np
import pytest

from actloc_ros.frames import NANOSECONDS
from actloc_ros.projection import Intrinsics, VelocityEstimator, locate

CAMERA = Intrinsics(fx=500.0, fy=400.0, cx=319.5, cy=239.5, width=640, height=480)
IMAGE = (640, 480)
BOX = (100.0, 120.0, 200.0, 360.0)


def plane(distance: float, shape: tuple[int, int] = (480, 640)) -> np.ndarray:
    return np.full(shape, distance, np.float32)


def test_plane_gives_the_exact_place() -> None:
    found = locate(BOX, IMAGE, plane(2.0), CAMERA)
    assert found is not None
    # The box's centre, 150 x 240 continuous, is 170 pixels left of the optical axis at 320 x 240.
    np.testing.assert_allclose(found.position, [-170 / 500 * 2, 0, 2.0], atol=1e-9)
    np.testing.assert_allclose(found.size, [100 / 500 * 2, 240 / 400 * 2, 0], atol=1e-9)


def test_covariance_is_that_of_a_box_and_a_depth_with_known_errors() -> None:
    found = locate((270.0, 190.0, 370.0, 290.0), IMAGE, plane(4.0), CAMERA)
    assert found is not None
    # On the optical axis nothing is correlated: 5 pixels at 4 m, and 1 % of 4 m.
    expected = np.diag([(5 * 4 / 500) ** 2, (5 * 4 / 400) ** 2, 0.04**2])
    np.testing.assert_allclose(found.covariance, expected, atol=1e-12)
    aside = locate(BOX, IMAGE, plane(4.0), CAMERA)
    assert aside is not None
    assert np.linalg.eigvalsh(aside.covariance).min() > 0
    np.testing.assert_allclose(aside.covariance, aside.covariance.T)


@pytest.mark.parametrize('shape', [(240, 320), (960, 1280), (120, 640)])
def test_resolution_of_the_depth_image_does_not_matter(shape: tuple[int, int]) -> None:
    expected, found = (locate(BOX, IMAGE, plane(2.0, s), CAMERA) for s in ((480, 640), shape))
    assert expected is not None
    assert found is not None
    np.testing.assert_allclose(found.position, expected.position)
    np.testing.assert_allclose(found.size, expected.size)
    np.testing.assert_allclose(found.covariance, expected.covariance)


def test_intrinsics_of_either_resolution_serve() -> None:
    depth = plane(2.0, (240, 320))
    expected, found = (locate(BOX, IMAGE, depth, c) for c in (CAMERA, CAMERA.scaled(320, 240)))
    assert expected is not None
    assert found is not None
    np.testing.assert_allclose(found.position, expected.position)


@pytest.mark.parametrize('unknown', [np.nan, np.inf, -np.inf, 0.0, -1.0])
def test_unknown_depths_do_not_count(unknown: float) -> None:
    depth = plane(2.0)
    depth[::2] = unknown
    found = locate(BOX, IMAGE, depth, CAMERA)
    assert found is not None
    assert found.position[2] == 2.0
    assert locate(BOX, IMAGE, plane(unknown), CAMERA) is None


def test_too_few_depths_say_nothing() -> None:
    depth = plane(np.nan)
    depth[230:250, 140:150] = 2.0  # 200 of the core's 6000 pixels
    assert locate(BOX, IMAGE, depth, CAMERA) is None


def test_actor_before_a_wall_and_behind_a_pole() -> None:
    depth = plane(6.0)
    depth[120:360, 130:175] = 3.0
    depth[:, 150:155] = 1.0
    found = locate(BOX, IMAGE, depth, CAMERA)
    assert found is not None
    assert found.position[2] == 3.0
    assert found.size[2] == 0.0


def test_actor_whose_box_is_mostly_wall() -> None:
    depth = plane(6.0)
    depth[180:300, 125:175] = 3.0  # a quarter of the box, in its middle
    found = locate(BOX, IMAGE, depth, CAMERA)
    assert found is not None
    assert found.position[2] == 3.0


def test_wall_through_a_thin_actor_is_the_wall() -> None:
    depth = plane(6.0)
    depth[:, 150:153] = 3.0
    found = locate(BOX, IMAGE, depth, CAMERA)
    assert found is not None
    assert found.position[2] == 6.0


@pytest.mark.parametrize(
    'box',
    [(700.0, 100.0, 800.0, 200.0), (-90.0, -90.0, -10.0, -10.0), (5.0, 5.0, 5.0, 5.0)],
    ids=['right of the image', 'left of the image', 'empty'],
)
def test_box_without_pixels_is_nowhere(box: tuple[float, ...]) -> None:
    assert locate(box, IMAGE, plane(2.0), CAMERA) is None


def test_integer_depth_is_refused() -> None:
    with pytest.raises(ValueError, match='uint16'):
        locate(BOX, IMAGE, np.ones((480, 640), np.uint16), CAMERA)


@pytest.mark.parametrize('focal', [0.0, -1.0, np.nan])
def test_uncalibrated_camera_is_refused(focal: float) -> None:
    with pytest.raises(ValueError, match='calibrated'):
        Intrinsics(fx=focal, fy=400.0, cx=1.0, cy=1.0, width=640, height=480)


def test_real_depth_image(shared) -> None:
    """A board of about 1 m stands, leaning back, some 1.5 m before the camera in a full room."""
    millimetres = np.load(shared / 'data/rgbd/depth_image_raw.npz')['arr_0']
    camera = Intrinsics(570.3422241210938, 570.3422241210938, 314.5, 235.5, 640, 480)
    board = np.array([130.0, 115.0, 555.0, 480.0])
    found = locate(board, IMAGE, millimetres.astype(np.float32) / 1000, camera)
    assert found is not None
    seen = millimetres[200:400, 250:450]
    assert found.position[2] == pytest.approx(np.median(seen[seen > 0]) / 1000, abs=0.05)
    assert 1.0 < found.size[0] < 1.3
    assert 0.8 < found.size[1] < 1.1
    assert 0 < found.size[2] < 0.5
    assert np.sqrt(found.covariance[2, 2]) < 0.2


def test_velocity_of_steady_motion_at_irregular_times() -> None:
    estimator, velocity = VelocityEstimator(), np.array([0.5, -0.1, 1.2])
    times = np.cumsum([0.0, 0.03, 0.2, 0.05, 0.1, 0.4, 0.7, 0.3])
    found = [estimator.update(round(t * NANOSECONDS), 1, velocity * t) for t in times]
    assert found[:3] == [None] * 3, 'positions span too little time'
    for value in found[4:6]:
        np.testing.assert_allclose(value, velocity, atol=1e-6)
    assert found[6] is None, 'only two positions lie in the last second'
    np.testing.assert_allclose(found[7], velocity, atol=1e-6)


def test_velocity_averages_noise() -> None:
    estimator, rng = VelocityEstimator(), np.random.default_rng(0)
    for i in range(31):
        position = np.array([i / 30, 0, 3]) + rng.normal(0, 0.03, 3)
        found = estimator.update(i * NANOSECONDS // 30, 1, position)
    np.testing.assert_allclose(found, [1, 0, 0], atol=0.1)


def test_velocity_forgets() -> None:
    estimator = VelocityEstimator()

    def move(track_id: int, start: int) -> list[np.ndarray | None]:
        stamps = [start + i * NANOSECONDS // 4 for i in range(4)]
        return [estimator.update(s, track_id, np.zeros(3)) for s in stamps]

    assert move(1, 10 * NANOSECONDS)[-1] is not None
    assert move(1, 0)[:2] == [None] * 2, 'time jumped back'
    assert move(2, 0)[-1] is not None
    assert estimator.update(NANOSECONDS, 1, np.zeros(3)) is not None
    assert estimator.update(5 * NANOSECONDS, 2, np.zeros(3)) is None
    assert len(estimator._past) == 1, 'track 1 was not seen for long'


def joints_at(*places: tuple[float, float, float]) -> np.ndarray:
    """Return the joints of an actor in `BOX`, 2 m away, with an arm reaching to 1.5 m."""
    depth = plane(5.0)
    depth[120:360, 100:200] = 2.0
    depth[200:210, 180:190] = 1.5
    depth[300:330, 120:150] = np.nan
    found = locate(BOX, IMAGE, depth, CAMERA, 'optical', np.array(places, np.float32))
    assert found is not None
    assert found.joints is not None
    return found.joints


def test_joints_are_where_the_depth_around_them_is() -> None:
    body, hand = joints_at((150.5, 240.5, 0.9), (185.0, 205.0, 0.3))
    np.testing.assert_allclose(body, [(150 - 319.5) / 500 * 2, (240 - 239.5) / 400 * 2, 2.0])
    np.testing.assert_allclose(
        hand, [(184.5 - 319.5) / 500 * 1.5, (204.5 - 239.5) / 400 * 1.5, 1.5]
    )


@pytest.mark.parametrize(
    'joint',
    [
        (150.0, 240.0, 0.2),  # of low confidence
        (135.0, 315.0, 0.9),  # without depth
        (300.0, 240.0, 0.9),  # before a wall, 3 m behind
        (-1.0, 240.0, 0.9),
        (150.0, 480.0, 0.9),
    ],
)
def test_a_joint_without_a_depth_that_fits_is_unknown(joint: tuple[float, float, float]) -> None:
    unknown, known = joints_at(joint, (150.0, 240.0, 0.9))
    assert np.isnan(unknown).all()
    assert np.isfinite(known).all()


def test_a_joint_at_the_edge_of_the_body_takes_the_body_s_depth() -> None:
    [edge] = joints_at((199.0, 240.0, 0.9))
    assert edge[2] == 2.0
