"""Make small videos whose pictures say how they are turned."""

from fractions import Fraction

import av
import numpy as np

CLOCKWISE = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)


def colour_image(height=48, width=64):
    """Return an image whose top left is red, top right green, bottom blue."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2, 0] = 255
    image[: height // 2, width // 2 :, 1] = 255
    image[height // 2 :, :, 2] = 255
    return image


def write_video(path, images, pixel_format='yuv420p', codec='mpeg4', pts=None, layout='rgb24'):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format=layout)
            frame.pts = 100 * index if pts is None else pts[index]
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def corners(image):
    """Return the strongest channel in the corners: top left, top right, bottom right, left."""
    height, width = image.shape[:2]
    points = [(4, 4), (4, width - 5), (height - 5, width - 5), (height - 5, 4)]
    return [int(image[y, x].argmax()) for y, x in points]
