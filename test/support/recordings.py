"""Make small videos whose pictures say how they are turned, and indexes of made-up recordings."""

import hashlib
import zlib
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
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


SECOND = 1_000_000_000


@dataclass(frozen=True)
class Act:
    """Someone does something in a made-up recording: times in s from its first frame."""

    label: str
    track: int
    start: float
    end: float
    score: float = 0.9
    camera: str = ''
    box: tuple = (0.4, 0.2, 0.6, 0.9)
    zone: str = ''
    alarm: str = ''


def make_index(folder, recordings, *, zero=0, length=3600.0, thumbnails=False, **model):
    """Write an index of made-up recordings, and return its folder; no model runs.

    Args:
        folder: Where to.
        recordings: Lists of `Act` by path; a view for each camera named there.
        zero: Stamp of the first frames in ns.
        length: Of each recording in s, at 10 frames a second.
        thumbnails: Whether each instance has a picture.
        model: What else `IndexedModel` takes: `name` is `pose_n` if not given.
    """
    from actloc_ros.recordings.index.store import publish, write_recording

    for path, acts in recordings.items():
        write_recording(folder, made_recording(path, acts, zero, length, thumbnails, **model))
    publish(folder)
    return folder


def made_recording(path, acts, zero=0, length=3600.0, thumbnails=False, **model):
    """Return a made-up recording; see `make_index`."""
    from actloc_ros.recordings.index.model import IndexedModel, IndexedRecording

    entry = IndexedModel(
        **{
            'name': 'pose_n',
            'weights': '0' * 64,
            'labels': tuple(sorted({act.label for act in acts})),
            'zones': tuple(sorted({act.zone for act in acts if act.zone})),
            **model,
        }
    )
    cameras = sorted({act.camera for act in acts}) or ['']
    views = tuple(
        _made_view(number, camera, [a for a in acts if a.camera == camera], zero, length, entry)
        for number, camera in enumerate(cameras)
    )
    pictures = {
        (view.number, int(row['instance'])): _picture(row)
        for view in views
        for row in view.instances
        if thumbnails
    }
    content = hashlib.sha256(repr((str(path), acts)).encode()).hexdigest()
    return IndexedRecording(str(path), content, 1000, 0, entry, views, pictures)


def _made_view(number, camera, acts, zero, length, entry):
    from actloc_ros.recordings.index import model

    acts = sorted(acts, key=lambda act: (act.start, act.track, act.label))
    spans = [(zero + round(act.start * SECOND), zero + round(act.end * SECOND)) for act in acts]
    tracks, keys, segments, stays, alarms = [], [], [], [], []
    for track in sorted({act.track for act in acts}):
        own = [(act, span) for act, span in zip(acts, spans, strict=True) if act.track == track]
        start, end = min(s for _, (s, _) in own), max(e for _, (_, e) in own)
        tracks.append((track, start, end, np.mean([a.score for a, _ in own]), 2))
        scale = np.array([640, 480, 640, 480], np.float32)
        keys += [(track, stamp, *(own[0][0].box * scale)) for stamp in (start, end)]
        for at in range(start, end, 3 * SECOND):
            segments.append((track, at, min(at + 3 * SECOND, end)))
    for act, (start, end) in zip(acts, spans, strict=True):
        if act.zone:
            stays.append((act.track, entry.zones.index(act.zone), start, end))
        if act.alarm:
            alarms.append((act, start, end))
    instances = [
        (i + 1, act.track, entry.labels.index(act.label), *span, act.score, *act.box)
        for i, (act, span) in enumerate(zip(acts, spans, strict=True))
    ]
    segments.sort(key=lambda row: (row[1], row[0]))
    rng = np.random.default_rng(zlib.crc32(repr((number, acts)).encode()))
    vectors = rng.normal(size=(len(segments), 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return model.IndexedView(
        number=number,
        camera=camera,
        start=zero,
        end=zero + round(length * SECOND),
        frames=round(length * 10) + 1,
        width=640,
        height=480,
        tracks=model.rows(model.TRACKS, sorted(tracks, key=lambda row: (row[1], row[0]))),
        instances=model.rows(model.INSTANCES, instances),
        stays=model.rows(model.STAYS, stays),
        segments=model.rows(model.SEGMENTS, segments),
        vectors=vectors.astype(np.float16),
        keys=model.rows(model.KEYS, keys),
        alarms=tuple(
            model.IndexedAlarm(i + 1, act.alarm, 'alert', start, end, (act.track,), (act.label,))
            for i, (act, start, end) in enumerate(alarms)
        ),
    )


def _picture(row):
    shade = int(row['instance']) * 37 % 200 + 50
    return cv2.imencode('.jpg', np.full((96, 72, 3), shade, np.uint8))[1].tobytes()
