"""Make small recordings of painted actors, as images, videos and bags, for `painted`."""

from dataclasses import replace

import cv2
import numpy as np
from mcap.writer import Writer as McapWriter
from painted import PaintLocalizer, paint
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from actloc_ros.io.video_writer import VideoWriter

TYPES = get_typestore(Stores.ROS2_HUMBLE)
SECOND, RATE = 1_000_000_000, 10
MODEL = 'walkers:WalkerLocalizer'
DARK = 60  # grey levels: what a video's compression adds
DELAY = 40_000_000  # ns from an image's stamp to its log time
IMAGE, TEXT = 'sensor_msgs/msg/Image', 'std_msgs/msg/String'
RED, YELLOW = (250, 0, 0), (250, 230, 0)


class WalkerLocalizer(PaintLocalizer):
    """Finds painted actors in videos too."""

    name = 'walker'

    def step(self, frames):
        """Find the bright regions of each frame, without what compression adds."""
        clean = [replace(f, image=np.where(f.image > DARK, f.image, 0)) for f in frames]
        return super().step(clean)


def walkers(count=20):
    """Return frames: one actor is red and in the middle also green, one comes late and is green."""
    frames = []
    for index in range(count):
        left = 4 + 2 * min(index, 30)
        actors = [((left, 20, left + 26, 80), YELLOW if 6 <= index < 12 else RED)]
        if index >= 8:
            actors.append(((110, 10, 140, 60), (0, 150, 0)))
        frames.append(paint(SECOND + index * SECOND // RATE, actors))
    return frames


def write_film(path, frames):
    with VideoWriter(path, RATE) as writer:
        for frame in frames:
            writer.write(frame.stamp, frame.image)
    return path


def write_images(folder, frames):
    folder.mkdir()
    for index, frame in enumerate(frames):
        cv2.imwrite(str(folder / f'{index}.png'), frame.image[..., ::-1])
    return folder


def messages(frames):
    """Yield log time, topic, type and data in CDR of images, and of a text beside each second."""
    for index, frame in enumerate(frames):
        logged = frame.stamp + DELAY
        yield logged, '/cam/image', IMAGE, _cdr(IMAGE, _image(frame))
        if index % 2:
            text = TYPES.types[TEXT](f'step {index}')
            yield logged, '/log', TEXT, _cdr(TEXT, text)


def write_sqlite(path, frames):
    connections = {}
    with Writer(path, version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        for logged, topic, kind, data in messages(frames):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            writer.write(connections[topic], logged, data)
    return path


def write_mcap(path, frames):
    """Write an MCAP with what ROS knows nothing of: JSON, an attachment and metadata."""
    with path.open('wb') as file:
        writer = McapWriter(file)
        writer.start(profile='ros2')
        channels = {}
        for kind, topic in ((IMAGE, '/cam/image'), (TEXT, '/log')):
            definition, _ = TYPES.generate_msgdef(kind, ros_version=2)
            schema = writer.register_schema(kind, 'ros2msg', definition.encode())
            metadata = {'offered_qos_profiles': '', 'note': topic}
            channels[topic] = writer.register_channel(topic, 'cdr', schema, metadata)
        schema = writer.register_schema('state', 'jsonschema', b'{}')
        other = writer.register_channel('/state', 'json', schema)
        for number, (logged, topic, _, data) in enumerate(messages(frames)):
            writer.add_message(channels[topic], logged, data, logged - 5, number)
        writer.add_message(other, frames[3].stamp, b'{"a": 1}', frames[3].stamp)
        writer.add_attachment(1, 2, 'map.txt', 'text/plain', b'here')
        writer.add_metadata('robot', {'name': 'r2'})
        writer.finish()
    return path


def _image(frame):
    time = TYPES.types['builtin_interfaces/msg/Time'](*divmod(frame.stamp, SECOND))
    header = TYPES.types['std_msgs/msg/Header'](stamp=time, frame_id='optical')
    return TYPES.types[IMAGE](
        header=header,
        height=frame.height,
        width=frame.width,
        encoding='rgb8',
        is_bigendian=0,
        step=3 * frame.width,
        data=np.ascontiguousarray(frame.image).ravel(),
    )


def _cdr(kind, message):
    return bytes(TYPES.serialize_cdr(message, kind))
