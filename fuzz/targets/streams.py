"""Fuzz live streams: a camera that sends broken MPEG-TS or MJPEG over TCP, and closes."""

from __future__ import annotations

import io
import socket
import threading
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

from fuzz.mutate import mutate_bytes
from fuzz.target import Target

PATIENCE = 1.0  # s: what sends nothing usable is given up
MOST = 20  # frames
TIMEOUT = 5.0  # s


def _make(random: Random, _folder: Path) -> bytes:
    data = _seeds()[random.choice(('mpegts', 'mjpeg'))]
    begin = random.randrange(len(data)) if random.random() < 0.3 else 0  # joined midway
    return mutate_bytes(random, data[begin:])


@cache
def _seeds() -> dict[str, bytes]:
    return {'mpegts': _encoded('mpegts', 'mpeg2video'), 'mjpeg': _encoded('mpjpeg', 'mjpeg')}


def _encoded(container: str, codec: str) -> bytes:
    import av
    import numpy as np

    written = io.BytesIO()
    with av.open(written, 'w', format=container) as output:
        stream = output.add_stream(codec, rate=20)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        for index in range(60):
            grey = np.random.default_rng(index).integers(0, 255, (48, 64, 3), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format='rgb24')))
        output.mux(stream.encode())
    return written.getvalue()


def _run(data: bytes) -> None:
    from actloc_ros.io.stream.source import StreamSource

    with socket.create_server(('127.0.0.1', 0)) as server:
        server.settimeout(TIMEOUT)
        sender = threading.Thread(target=_send, args=(server, data), daemon=True)
        sender.start()
        port = server.getsockname()[1]
        source = StreamSource(f'tcp://127.0.0.1:{port}', '', PATIENCE)
        last = None
        for frame in islice(source, MOST):
            assert last is None or frame.stamp > last, 'stamps do not rise'
            last = frame.stamp
            assert frame.image.ndim == 3


def _send(server: socket.socket, data: bytes) -> None:
    """Send to each who connects, until the server is closed."""
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(data)


def _import() -> None:
    import actloc_ros.io.stream.source  # noqa: F401

    _seeds()


TARGETS = (Target('stream', _make, _run, 1, _import),)
