"""Take the sound of a microphone, and give it to the frames that it belongs to."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from actloc_ros.frames import NANOSECONDS
from actloc_ros.io.sound.bag import begin_stamp, sound_bytes
from actloc_ros.io.sound.buffer import SoundBuffer
from actloc_ros.io.sound.coding import SoundDecoder, SoundFormat
from actloc_ros.io.sound.stream import SoundStream, index_at
from actloc_ros.localizer import SOUND_RATE, PersonBoxes, PersonJoints
from actloc_ros.ros.common.subscription import MatchedSubscription
from actloc_ros.ros.localizer_node.boxes_input import BoxesInput
from actloc_ros.ros.localizer_node.joints_input import JointsInput

TOPIC, INFO_TOPIC = 'audio', 'audio_info'
QUEUE = 100  # messages that may wait for the executor: sound has no gaps
KEPT = 30.0  # s
SILENCE = 1.0  # s without sound after which no frame waits for it
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class SoundInput:
    """The topics `audio` and `audio_info`: what is heard where the first camera is."""

    def __init__(
        self,
        node: Node,
        camera: str,
        type_name: str,
        sound_format: str,
        patience: float,
        warn: Callable[[str, str], None],
    ) -> None:
        """Subscribe.

        Args:
            node: Whose executor takes the messages.
            camera: The camera that hears.
            type_name: `audio_common_msgs/AudioDataStamped` or `audio_common_msgs/AudioData`.
            sound_format: As `SoundFormat.parse` reads it; empty for what an `AudioInfo` says.
            patience: Time in s for which a frame waits for its sound.
            warn: Takes a kind and a text of what is wrong.

        Raises:
            SoundError: There is no such format.
            ValueError: The type's package is not installed, or is another one of this name.
        """
        message_type, info_type = _types(type_name)
        self.camera = camera
        self._patience, self._warn = patience, warn
        self._clock = node.get_clock()
        self._buffer, self._stream = SoundBuffer(KEPT), SoundStream()
        self._decoder = SoundDecoder(SoundFormat.parse(sound_format)) if sound_format else None
        self._missing = self._broken = 0
        self._fault = ''
        subscription = MatchedSubscription(node, message_type, TOPIC, self._take, depth=QUEUE)
        self.topic = subscription.topic
        if not sound_format:
            node.create_subscription(info_type, INFO_TOPIC, self._take_info, LATCHED)

    def sound(self, camera: str, start: int, end: int) -> np.ndarray | None:
        """Return what was heard, waiting for it; see `SideInputs.sound`."""
        if camera != self.camera:
            return None
        there = self._buffer.wait(end, self._patience if self._goes_on(end) else 0.0)
        sound = self._buffer.read(start, end)
        if there and sound is not None:
            self._fault = ''
        else:
            self._missing += 1
            self._fault = f'no sound came on {self.topic} up to the stamp of the last frame'
            self._warn('sound missing', self._fault)
        return sound

    def _goes_on(self, stamp: int) -> bool:
        """Return whether sound has come lately, so that waiting for more is worth while."""
        newest = self._buffer.end
        return newest is not None and index_at(stamp) - newest < SILENCE * SOUND_RATE

    def values(self) -> dict[str, object]:
        """Return the figures for diagnostics."""
        return {'frames without sound': self._missing, 'sound broken': self._broken}

    def fault(self) -> str:
        """Return what is wrong with the sound; empty if nothing is."""
        return self._fault

    def _take(self, message: Any) -> None:
        arrived = self._clock.now().nanoseconds
        if self._decoder is None:
            self._warn(
                'sound format',
                f'no message came on {INFO_TOPIC}, so that nothing says'
                f' what comes on {self.topic}: publish it, or set sound.format',
            )
            return
        try:
            blocks = self._decoder.decode(sound_bytes(message))
        except Exception as error:  # whatever a message holds
            self._broken += 1
            self._warn('sound broken', f'sound is left out: {error}')
            return
        stamp = begin_stamp(message, arrived, blocks)
        for samples, rate in blocks:
            for piece in self._stream.add(stamp, samples, rate):
                self._buffer.add(piece)
            stamp += len(samples) * NANOSECONDS // rate

    def _take_info(self, message: Any) -> None:
        try:
            told = SoundFormat.of_info(message)
        except ValueError as error:
            self._warn('sound info', f'{INFO_TOPIC}: {error}')
            return
        if self._decoder is None or self._decoder.format != told:
            self._decoder = SoundDecoder(told)


class NodeInputs:
    """The `SideInputs` of the node: what comes on topics beside images."""

    def __init__(
        self, boxes: BoxesInput | None, joints: JointsInput | None, sound: SoundInput | None
    ) -> None:
        self._boxes, self._joints, self._sound = boxes, joints, sound

    def boxes(self, camera: str, stamp: int) -> PersonBoxes | None:
        """Return the people that another node found in a frame."""
        return None if self._boxes is None else self._boxes.boxes(camera, stamp)

    def joints(self, camera: str, stamp: int) -> PersonJoints | None:
        """Return the people whose joints another node found in a frame."""
        return None if self._joints is None else self._joints.joints(camera, stamp)

    def sound(self, camera: str, start: int, end: int) -> np.ndarray | None:
        """Return what was heard beside a camera."""
        return None if self._sound is None else self._sound.sound(camera, start, end)


def _types(name: str) -> tuple[Any, Any]:
    """Return the message classes of the sound and of its `AudioInfo`."""
    package, _, message = name.partition('/')
    try:
        module = importlib.import_module(f'{package}.msg')
        return getattr(module, message), module.AudioInfo
    except ImportError as error:
        raise ValueError(
            f'the model hears, and {package} cannot be imported ({error}): install it, e.g. apt'
            f' install ros-$ROS_DISTRO-{package.replace("_", "-")}'
        ) from error
    except AttributeError as error:
        raise ValueError(
            f'{package} has no {message} here: it is another package of the same name; install'
            ' that of ros-drivers (audio_common 0.3)'
        ) from error
