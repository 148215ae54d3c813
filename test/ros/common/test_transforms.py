"""Look transforms up that come a little late; tf2_ros itself is replaced, since no wheel has it."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.time import Time

from actloc_ros.ros.common.transforms import PoseTransformer

NEWEST = 1_000_000_000
LAG = 200_000_000


class TransformError(Exception):
    """In place of tf2's."""


class Buffer:
    """Knows where the camera is up to NEWEST: at x = 1 then, and at x = 0 before."""

    def can_transform(self, target, source, time):
        """Return whether it is known then."""
        self.known(source)
        return time.nanoseconds <= NEWEST

    def get_latest_common_time(self, target, source):
        """Return until when it is known."""
        return Time(nanoseconds=NEWEST)

    def lookup_transform(self, target, source, time):
        """Return where it is; 0 means the newest."""
        self.known(source)
        if time.nanoseconds > NEWEST:
            raise TransformError('extrapolation into the future')
        found = TransformStamped()
        found.transform.translation.x = 1.0 if time.nanoseconds in (0, NEWEST) else 0.0
        found.transform.rotation.z = found.transform.rotation.w = np.sqrt(0.5)
        if source == 'broken':
            found.transform.translation.y = np.nan
        return found

    def known(self, source):
        """Raise for frames that are not."""
        if source == 'nowhere':
            raise TransformError('"nowhere" does not exist')


@pytest.fixture
def transformer(monkeypatch):
    """Return what looks transforms up."""
    tf = SimpleNamespace(
        Buffer=Buffer, TransformListener=lambda *_: None, TransformException=TransformError
    )
    monkeypatch.setitem(sys.modules, 'tf2_ros', tf)
    return PoseTransformer(None, print)


def test_points_and_directions_are_moved(transformer):
    found = transformer.lookup('odom', 'camera', NEWEST)
    assert found.points(np.array([[2.0, 0, 0], [0, 2, 0]])) == pytest.approx(
        np.array([[1, 2, 0], [-1, 0, 0]])
    )
    assert found.vector(np.array([1.0, 0, 0])) == pytest.approx([0, 1, 0])


@pytest.mark.parametrize(
    ('stamp', 'lag', 'x'), [(NEWEST // 2, LAG, 0), (NEWEST + LAG, LAG, 1), (None, 0, 1)]
)
def test_the_newest_does_for_what_is_a_little_newer(transformer, stamp, lag, x):
    assert transformer.lookup('odom', 'camera', stamp, lag).offset[0] == x


@pytest.mark.parametrize(
    ('source', 'stamp', 'lag', 'text'),
    [
        ('camera', NEWEST + LAG + 1, LAG, 'extrapolation'),
        ('camera', NEWEST + 1, 0, 'extrapolation'),
        ('nowhere', NEWEST, LAG, 'does not exist'),
        ('broken', NEWEST, LAG, 'is not finite'),
        ('camera', 2**80, LAG, ''),
    ],
)
def test_what_is_not_known_is_an_error(transformer, source, stamp, lag, text):
    with pytest.raises(LookupError, match=text):
        transformer.lookup('odom', source, stamp, lag)
