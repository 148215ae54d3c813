"""Look transforms up that come a little late: by a stand-in, and by tf2_ros where it is there."""

import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.time import Time

from actloc_ros.messages import header_message
from actloc_ros.ros.common.message_types import ros_type
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


@pytest.fixture(params=['stand-in', 'tf2_ros'])
def transformer(request, monkeypatch):
    """Return what looks transforms up."""
    made = real_transformer() if request.param == 'tf2_ros' else stand_in(monkeypatch)
    with made as found:
        yield found


@contextmanager
def stand_in(monkeypatch):
    """Make one by the stand-in."""
    tf = SimpleNamespace(
        Buffer=Buffer, TransformListener=lambda *_: None, TransformException=TransformError
    )
    monkeypatch.setitem(sys.modules, 'tf2_ros', tf)
    yield PoseTransformer(None, print)


@contextmanager
def real_transformer():
    """Make one by tf2 that knows the same as the stand-in."""
    pytest.importorskip('tf2_ros', reason='tf2_ros is not installed')
    rclpy.init()
    node = Node('transforms')
    transformer = PoseTransformer(node, print)
    for stamp, x in ((NEWEST // 2, 0.0), (NEWEST, 1.0)):
        sent = TransformStamped(header=header_message(ros_type, stamp, 'odom'))
        sent.child_frame_id = 'camera'
        sent.transform.translation.x = x
        sent.transform.rotation.z = sent.transform.rotation.w = np.sqrt(0.5)
        transformer._buffer.set_transform(sent, 'test')
    sent.child_frame_id, sent.transform.translation.y = 'broken', np.nan
    transformer._buffer.set_transform(sent, 'test')
    yield transformer
    node.destroy_node()
    rclpy.shutdown()


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
        ('broken', NEWEST, LAG, 'is not finite|does not exist'),  # tf2 does not take it
        ('camera', 2**80, LAG, 'int'),
    ],
)
def test_what_is_not_known_is_an_error(transformer, source, stamp, lag, text):
    with pytest.raises(LookupError, match=text):
        transformer.lookup('odom', source, stamp, lag)
