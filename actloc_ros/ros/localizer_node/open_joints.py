"""Subscribe to the joints that other nodes find: detections of ours, or bodies of ROS4HRI."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from actloc_ros.joints import COCO_JOINTS, NTU_JOINTS, in_coco_order, in_ntu_order
from actloc_ros.localizer import PersonJoints
from actloc_ros.messages import stamp_of
from actloc_ros.msg import ActionDetection, ActionDetectionArray, LabelInfo
from actloc_ros.planners.humans import SKELETON
from actloc_ros.ros.common.subscription import MatchedSubscription
from actloc_ros.ros.localizer_node.camera_input import camera_topic
from actloc_ros.ros.localizer_node.joints_input import JointsInput
from actloc_ros.stamped_buffer import BufferLimits, StampHistory

QUEUE = 30  # messages that may wait for the executor: each belongs to an image
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
HRI = 'hri_msgs/Skeleton2D'
BODIES = '/humans/bodies'
FRAMES_KEPT = 10  # of which bodies may still come


def open_joints_input(
    node: Node,
    images: Mapping[str, StampHistory],
    type_name: str,
    patience: float,
    limits: BufferLimits,
    warn: Callable[[str, str], None],
) -> JointsInput:
    """Subscribe.

    Args:
        node: Whose executor takes the messages.
        images: By camera, the stamps of its images.
        type_name: `hri_msgs/Skeleton2D` or `actloc_ros/ActionDetectionArray`.
        patience: Time in s for which a frame waits for its joints.
        limits: How much is kept of each camera.
        warn: Takes a kind and a text of what is wrong.

    Raises:
        ValueError: The type's package is not installed.
    """
    inputs = JointsInput('joints', images, patience, limits, warn)
    for camera in images:
        if type_name == HRI:
            # A message does not say which camera a body is in; REP-155 has one place for all.
            place = BODIES if len(images) == 1 else camera_topic(camera, BODIES[1:])
            _Bodies(node, camera, place, inputs)
        else:
            _Detections(node, camera, inputs)
    return inputs


@dataclass(frozen=True, eq=False)
class _Actor:
    """One actor of another localizer.

    Attributes:
        joints: (17, 3) in COCO's order.
        score: Of the box.
        box: In pixels.
        places: (K, 3) in m, in the order of the names; empty where they are not known.
    """

    joints: np.ndarray
    score: float
    box: list[float]
    places: np.ndarray


class _Detections:
    """The topics `joints` and `joints_info` of one camera: what another localizer reports."""

    def __init__(self, node: Node, camera: str, inputs: JointsInput) -> None:
        self._camera, self._inputs = camera, inputs
        self._names: list[str] | None = None
        topic = camera_topic(camera, 'joints')
        node.create_subscription(
            LabelInfo, camera_topic(camera, 'joints_info'), self._take_names, LATCHED
        )
        MatchedSubscription(node, ActionDetectionArray, topic, self._take, depth=QUEUE)

    def _take_names(self, message: LabelInfo) -> None:
        self._names = list(message.joint_names)

    def _take(self, message: ActionDetectionArray) -> None:
        here = (d for d in message.detections if d.state != ActionDetection.ENDED)
        actors = {d.track_id: d for d in here if not d.whole_view}
        people = [one for d in actors.values() if (one := self._person(d)) is not None]
        found = PersonJoints(
            np.array([p.joints for p in people]).reshape(-1, len(COCO_JOINTS), 3),
            np.array([p.score for p in people], np.float64),
            np.array([p.box for p in people], np.float64).reshape(-1, 4),
            places=self._in_space(people),
        )
        stamp = stamp_of(message.header.stamp)
        self._inputs.put(self._camera, stamp, self._inputs.usable(self._camera, found))

    def _in_space(self, people: Sequence[_Actor]) -> np.ndarray | None:
        """Return the places (N, 25, 3); None where the names are not those of NTU RGB+D."""
        names = self._names or []
        if not set(NTU_JOINTS) <= set(names):
            return None
        empty = np.zeros((len(names), 3))
        all_places = [p.places if len(p.places) else empty for p in people]
        places = np.array(all_places).reshape(-1, len(names), 3)
        return in_ntu_order(names, np.where(np.isfinite(places).all(-1, keepdims=True), places, 0))

    def _person(self, detection: Any) -> _Actor | None:
        fault = self._fault(detection)
        if fault:
            self._inputs.note_broken(self._camera, 1, fault)
            return None
        rows = np.stack([detection.joints_x, detection.joints_y, detection.joints_score], axis=1)
        names = self._names or []
        places = np.array([(p.x, p.y, p.z) for p in detection.joints_3d]).reshape(-1, 3)
        joints = in_coco_order(names, rows)
        return _Actor(joints, detection.box_score, list(detection.bbox), places)

    def _fault(self, detection: Any) -> str:
        """Return why an actor's joints cannot be used; empty where they can."""
        if self._names is None:
            return 'no LabelInfo came on joints_info, which names them: remap it to ~/label_info'
        lengths = {
            len(part) for part in (detection.joints_x, detection.joints_y, detection.joints_score)
        }
        if lengths != {len(self._names)} or len(detection.joints_3d) not in (0, len(self._names)):
            lengths.add(len(detection.joints_3d))
            return f'{sorted(lengths)} of {len(self._names)} named joints'
        if not set(self._names) & set(COCO_JOINTS):
            return f'none of {", ".join(self._names[:4])}, … is a joint of COCO'
        return ''


class _Bodies:
    """The bodies of ROS4HRI in one camera: `/humans/bodies/tracked`, and a topic for each.

    Those of one stamp are a frame's people. They are given once all that are tracked have come, or
    something of another stamp has; and again where more come after that.
    """

    def __init__(self, node: Node, camera: str, place: str, inputs: JointsInput) -> None:
        self._node, self._camera, self._place, self._inputs = node, camera, place, inputs
        ids_type, self._skeleton_type = _hri_types()
        self._tracked: frozenset[str] = frozenset()
        self._subscribed: set[str] = set()
        self._frames: dict[int, dict[str, np.ndarray | None]] = {}
        self._incomplete: set[int] = set()
        MatchedSubscription(node, ids_type, f'{place}/tracked', self._take_ids, depth=QUEUE)

    def _take_ids(self, message: Any) -> None:
        self._tracked = frozenset(filter(self._is_usable, message.ids))
        for body in self._tracked - self._subscribed:
            self._subscribed.add(body)  # for good: see `MatchedSubscription`
            topic, take = f'{self._place}/{body}/skeleton2d', partial(self._take, body)
            MatchedSubscription(self._node, self._skeleton_type, topic, take, depth=QUEUE)
        if not self._tracked:
            self._give(stamp_of(message.header.stamp), {})

    def _is_usable(self, body: str) -> bool:
        """Return whether a topic can be called by this id; report it if not."""
        if re.fullmatch(r'[A-Za-z][A-Za-z0-9_]*', body):
            return True
        self._inputs.note_broken(
            self._camera,
            1,
            f'the id {body!r:.60} on {self._place}/tracked names no topic: letters, digits and _,'
            ' a letter first',
        )
        return False

    def _take(self, body: str, message: Any) -> None:
        stamp = stamp_of(message.header.stamp)
        bodies = self._frames.setdefault(stamp, {})
        bodies[body] = self._read(message)
        for other in self._incomplete & self._frames.keys() - {stamp}:
            self._give(other, self._frames[other])
        self._incomplete = {stamp}
        if self._tracked <= bodies.keys():
            self._give(stamp, bodies)
            self._incomplete.clear()
        while len(self._frames) > FRAMES_KEPT:
            del self._frames[next(iter(self._frames))]

    def _read(self, message: Any) -> np.ndarray | None:
        """Return a body's joints (17, 3); None where they cannot be used."""
        points = np.array([(p.x, p.y, p.c) for p in message.skeleton], np.float64).reshape(-1, 3)
        if len(points) != len(SKELETON):
            self._inputs.note_broken(
                self._camera, 1, f'{len(points)} joints, and {HRI} has {len(SKELETON)}'
            )
            return None
        return in_coco_order(SKELETON, points)

    def _give(self, stamp: int, bodies: Mapping[str, np.ndarray | None]) -> None:
        joints = np.array([each for each in bodies.values() if each is not None], np.float64)
        joints = joints.reshape(-1, len(COCO_JOINTS), 3)
        known = joints[..., 2] > 0
        scores = joints[..., 2].sum(axis=1) / known.sum(axis=1).clip(1)
        found = PersonJoints(joints, scores, relative=True)
        self._inputs.put(self._camera, stamp, self._inputs.usable(self._camera, found))


def _hri_types() -> tuple[Any, Any]:
    try:
        module = importlib.import_module('hri_msgs.msg')
    except ImportError as error:
        raise ValueError(
            f'joints.type is {HRI}, but hri_msgs cannot be imported ({error}): install it, e.g. '
            'apt install ros-$ROS_DISTRO-hri-msgs, or build https://github.com/ros4hri/hri_msgs'
        ) from error
    return module.IdsList, module.Skeleton2D
