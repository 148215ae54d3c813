"""Make videos and images whose pictures show their own number, so that a wrong one is found."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

BITS = 8


def numbered_image(number: int, height: int = 96, width: int = 128) -> np.ndarray:
    """Return an image, uint8 (H, W, 3): bars in its upper half are the number's bits."""
    image = np.zeros((height, width, 3), np.uint8)
    bar = width // BITS
    for bit in range(BITS):
        image[: height // 2, bit * bar : (bit + 1) * bar] = 255 * (number >> bit & 1)
    return image


def number_of(image: np.ndarray) -> int:
    """Return the number that an image shows."""
    height, width = image.shape[:2]
    bar = width // BITS
    rows = image[height // 8 : 3 * height // 8]
    bars = (rows[:, bit * bar + bar // 4 : (bit + 1) * bar - bar // 4] for bit in range(BITS))
    return sum(int(each.mean() > 128) << bit for bit, each in enumerate(bars))


def write_numbered(
    path: Path,
    times: list[int],
    codec: str = 'libx264',
    clock: int = 1000,
    size: tuple[int, int] = (128, 96),
    **options: str,
) -> Path:
    """Write a video with a picture at each of the times, in ms, with a key frame every 12."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        stream.codec_context.gop_size = 12
        stream.codec_context.time_base = Fraction(1, clock)
        for number, time in enumerate(times):
            image = numbered_image(number, size[1], size[0])
            frame = av.VideoFrame.from_ndarray(image, 'rgb24')
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def remux(
    source: Path, path: Path, change: Callable[[int, av.Packet], bool] = lambda *_: True
) -> Path:
    """Copy the packets for which `change`, given number and packet, returns True."""
    with av.open(str(source)) as old, av.open(str(path), 'w') as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.size and change(number, packet):
                packet.stream = stream
                new.mux(packet)
    return path


def shown(path: Path) -> list[int]:
    """Return the numbers that a player shows, by FFmpeg's own decoder."""
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.best('video')):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            found += [number_of(frame.to_ndarray(format='rgb24')) for frame in frames]
    return found


def write_images(folder: Path, names: list[str]) -> Path:
    """Write a folder of images, which show their place in the list of names."""
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), numbered_image(number))
    return folder
