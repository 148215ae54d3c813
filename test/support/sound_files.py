"""Make sounds, recordings with sound, and a classifier that hears loudness."""

import av
import numpy as np
import torch
from rosbags.rosbag2 import StoragePlugin, Writer

from actloc_ros.io.sound.bag import DATA, INFO, STAMPED, sound_types
from actloc_ros.messages import header_message
from actloc_ros.models.sound.onnx_classifier import SoundSpec
from actloc_ros.models.sound.small_network import to_onnx

RATE = 16_000
SECOND = 1_000_000_000


def beeps(seconds, *times, rate=RATE, length=0.4, frequency=1000.0):
    """Return silence with a tone of `length` s at each of `times`: float32 (N,)."""
    at = np.arange(round(seconds * rate)) / rate
    heard = np.any([(at >= t) & (at < t + length) for t in times] or [at < 0], axis=0)
    return (0.5 * heard * np.sin(2 * np.pi * frequency * at)).astype(np.float32)


class _Loudness(torch.nn.Module):
    """Says `beep` where the newest 0.1 s are loud, and `never` never."""

    def forward(self, spectra):
        loud = 10 * (spectra[..., -10:].amax((1, 2, 3)) - 0.5)
        return torch.stack([loud, -10 - 0 * loud], -1)


def write_loudness_classifier(path):
    """Write an ONNX file that hears `beep`."""
    spec = SoundSpec(('beep', 'never'), window=0.5, bands=100, newest=0.1)
    path.write_bytes(to_onnx(_Loudness(), spec))
    return path


def write_media(path, sound, rate=RATE, images=(), fps=10, start=0.0):
    """Write a file with sound from `start` s on, and with pictures where there are some."""
    with av.open(str(path), 'w') as container:
        video = container.add_stream('mpeg4', rate=fps) if len(images) else None
        audio = container.add_stream('flac', rate=rate)
        audio.layout, audio.format = 'mono', 's16'
        if video is not None:
            video.height, video.width = images[0].shape[:2]
            video.pix_fmt = 'yuv420p'
            for image in images:
                container.mux(video.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
            container.mux(video.encode())
        samples = np.round(sound * 32767).astype(np.int16)
        for begin in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, begin : begin + 1024], 's16', 'mono')
            frame.sample_rate, frame.pts = rate, begin + round(start * rate)
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return path


def write_sound_bag(
    path, sound, rate=RATE, start=5 * SECOND, stamped=True, info=True, chunk=1600, coding='wave'
):
    """Write a bag of sound messages; those without a stamp are logged when their sound ends."""
    store = sound_types()
    kind = STAMPED if stamped else DATA
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        if info:
            connection = writer.add_connection('/audio_info', INFO, typestore=store)
            message = store.types[INFO](1, rate, 'S16LE', 0, coding)
            writer.write(connection, start, store.serialize_cdr(message, INFO))
        connection = writer.add_connection('/audio', kind, typestore=store)
        for begin, data in sound_messages(sound, chunk):
            stamp = start + begin * SECOND // rate
            end = stamp + len(data) // 2 * SECOND // rate
            message = store.types[DATA](np.frombuffer(data, np.uint8))
            if stamped:
                header = header_message(store.types.__getitem__, stamp, 'microphone')
                message = store.types[STAMPED](header, message)
            writer.write(connection, end, store.serialize_cdr(message, kind))
    return path


def sound_messages(sound, chunk=1600):
    """Yield where each message begins, and its bytes in S16LE."""
    samples = np.round(sound * 32767).astype('<i2')
    for begin in range(0, len(samples), chunk):
        yield begin, samples[begin : begin + chunk].tobytes()
