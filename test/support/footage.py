"""Make recordings of a bright rectangle that moves and changes its colour, for `colour` to find."""

import cv2
import numpy as np
from recordings import write_video
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from actloc_ros.messages import header_message

RED, GREEN, BLUE = (240, 20, 20), (20, 240, 20), (20, 20, 240)
LENGTH = 30  # frames
TYPES = get_typestore(Stores.ROS2_HUMBLE)


def images(seed=0, colours=(RED, GREEN), length=LENGTH):
    """Return frames of 64 x 48: the rectangle moves on lines, in one colour after the other."""
    rng = np.random.default_rng(seed)
    start, speed = rng.uniform(2, 20, 2), rng.uniform(-0.3, 0.8, 2)
    frames = np.zeros((length, 48, 64, 3), np.uint8)
    for index, frame in enumerate(frames):
        x, y = np.clip((start + index * speed).astype(int), 0, 30)
        frame[y : y + 16, x : x + 12] = colours[index * len(colours) // length]
    return list(frames)


def video(path, seed=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_video(path, images(seed, **options), codec='ffv1', pixel_format='bgr0')


def folder(path, seed=0, **options):
    path.mkdir(parents=True)
    for index, image in enumerate(images(seed, **options)):
        data = cv2.imencode('.png', image[..., ::-1])[1]
        (path / f'{index}.png').write_bytes(data.tobytes())
    return path


def bag(path, topics, plugin=StoragePlugin.MCAP, zero=1_700_000_000 * 10**9):
    """Write a bag with image topics, named with the seeds of their footage."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = TYPES.types['sensor_msgs/msg/Image']
    with Writer(path, version=8, storage_plugin=plugin) as writer:
        for topic, seed in topics.items():
            connection = writer.add_connection(topic, kind.__msgtype__, typestore=TYPES)
            for index, image in enumerate(images(seed)):
                stamp = zero + index * 10**8
                message = kind(
                    header=header_message(TYPES.types.__getitem__, stamp, 'optical'),
                    height=48,
                    width=64,
                    encoding='rgb8',
                    is_bigendian=0,
                    step=192,
                    data=image.ravel(),
                )
                writer.write(connection, stamp, TYPES.serialize_cdr(message, kind.__msgtype__))
    return path


def bag_without_images(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = TYPES.types['std_msgs/msg/String']
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/said', kind.__msgtype__, typestore=TYPES)
        writer.write(connection, 1, TYPES.serialize_cdr(kind(data='x'), kind.__msgtype__))
    return path


def tree(path, count=3):
    """Make a tree with all kinds of recordings; return it."""
    for seed in range(count):
        video(path / 'videos' / f'{seed}.mkv', seed)
    folder(path / 'images' / 'monday', 11)
    bag(path / 'bags' / 'two', {'/left/image': 21, '/right/image': 22})
    bag(path / 'bags' / 'old', {'/camera': 23}, StoragePlugin.SQLITE3)
    return path
