"""Take the newest frames of a live stream: RTSP, MJPEG by HTTP, MPEG-TS by UDP, TCP or HTTP."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.video.reformatter import VideoReformatter

from actloc_ros.frames import Frame
from actloc_ros.io.source import MAX_PIXELS, Source, SourceError
from actloc_ros.io.stream.address import masked
from actloc_ros.io.stream.clock import StreamClock
from actloc_ros.io.video_file import in_nanoseconds, upright

TIMEOUT = 5.0  # s without anything from the network, after which a connection is given up
PATIENCE = 60.0  # s
FIRST_DELAY, LONGEST_DELAY = 0.5, 15.0  # s between attempts to connect
CHECK = 0.2  # s between looks at whether to stop
OPTIONS = {
    'rtsp_transport': 'tcp',  # by UDP, a lost packet smears the picture until the next key frame
    'fflags': 'nobuffer',
    # A playlist must not read files of this machine.
    'protocol_whitelist': 'rtsp,rtp,udp,tcp,tls,http,https,crypto',
}
TIMELESS = ('mpjpeg', 'mjpeg')  # formats without times, for which FFmpeg counts frames

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Decoded:
    stamp: int
    frame: av.VideoFrame


class StreamSource(Source):
    """A camera on the network. Each iteration has a connection of its own, and does not end.

    A thread decodes all that comes; who iterates gets the newest frame, and older ones are
    dropped. A connection that breaks is made again, with longer and longer pauses.

    Attributes:
        dropped: Frames that were left out, since a newer one was there already.
        connections: That were made so far.
    """

    live = True

    def __init__(self, address: str, camera: str, patience: float = PATIENCE) -> None:
        """Prepare; nothing is connected yet.

        Args:
            address: `rtsp://`, `rtsps://`, `http://`, `https://`, `tcp://` or `udp://`.
            camera: The camera's name.
            patience: For how many s nothing may come before the stream is given up; 0: for ever.
        """
        self.path, self.camera = Path(masked(address)), camera
        self.connections = 0
        self._address, self._patience = address, patience

    @property
    def title(self) -> str:
        """The address, without what is secret in it."""
        return masked(self._address)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frames; see `frames`."""
        return self.frames(threading.Event())

    def frames(self, stop: threading.Event) -> Iterator[Frame]:
        """Yield the newest frames until `stop` is set.

        Stamps are those of `StreamClock`, in ns since 1970.

        Raises:
            SourceError: Nothing came for as long as `patience`.
        """
        self.broken = self.dropped = 0
        receiver = _Receiver(self, self._address, stop)
        convert = VideoReformatter()
        waited_since = time.monotonic()
        try:
            while not stop.is_set():
                decoded = receiver.take(CHECK)
                if decoded is not None:
                    yield Frame(self.camera, decoded.stamp, upright(decoded.frame, convert))
                    waited_since = time.monotonic()
                elif 0 < self._patience < time.monotonic() - waited_since:
                    raise SourceError(
                        f'nothing has come from {self.title} for {self._patience:g} s '
                        f'({receiver.fault or "it is silent"}); check the address, the camera and '
                        'the network'
                    )
        finally:
            receiver.stop()


class _Receiver:
    """The thread that connects and decodes."""

    def __init__(self, source: StreamSource, address: str, stop: threading.Event) -> None:
        self.fault = ''
        self._source, self._address, self._asked_to_stop = source, address, stop
        self._changed = threading.Condition()
        self._newest: _Decoded | None = None
        self._left = threading.Event()
        self._clock = StreamClock()
        self._thread = threading.Thread(target=self._run, name='stream', daemon=True)
        self._thread.start()

    def take(self, timeout: float) -> _Decoded | None:
        """Return the newest frame that nobody took; None where none came for `timeout` s."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None, timeout)
            newest, self._newest = self._newest, None
            return newest

    def stop(self) -> None:
        """End; a read that waits for a silent camera ends with its time-out.

        It is waited for: a process that ends while FFmpeg reads would crash.
        """
        self._left.set()
        self._thread.join(TIMEOUT + CHECK)

    def _run(self) -> None:
        delay = FIRST_DELAY
        while not self._stopping():
            received = False
            try:
                for decoded in self._receive():
                    received = True
                    self._leave(decoded)
                self.fault = 'it has ended'
            except (OSError, ValueError, av.FFmpegError) as error:
                # The error's own text holds the address, and so perhaps a password.
                self.fault = getattr(error, 'strerror', None) or type(error).__name__
            except SourceError as error:
                self.fault = str(error)
            if self._stopping():
                return
            delay = FIRST_DELAY if received else min(LONGEST_DELAY, 2 * delay)
            _log.warning('%s: %s; connecting again in %g s', self._source.title, self.fault, delay)
            self._left.wait(delay)

    def _receive(self) -> Iterator[_Decoded]:
        """Connect once, and yield what is decoded until the connection breaks."""
        with av.open(self._address, options=OPTIONS, timeout=(TIMEOUT, TIMEOUT)) as container:
            if not container.streams.video:
                raise SourceError('it has no video')
            stream = container.streams.video[0]
            if stream.width * stream.height > MAX_PIXELS:
                raise SourceError(f'{stream.width}x{stream.height} pixels are too many')
            stream.thread_type = 'SLICE'  # threads by frame hold frames back
            timed = container.format.name not in TIMELESS
            self._clock.connect()
            self._source.connections += 1
            for packet in container.demux(stream):
                if self._stopping():
                    return
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    self._source.broken += 1
                    self._source.fault = f'{self._source.title} sends packets that are broken'
                    continue
                for frame in frames:
                    yield _Decoded(self._stamp(frame, timed), frame)

    def _stamp(self, frame: av.VideoFrame, timed: bool) -> int:
        shown = None
        if timed and frame.pts is not None and frame.time_base is not None:
            shown = in_nanoseconds(frame.pts, frame.time_base)
        return self._clock.stamp(shown, time.time_ns())

    def _leave(self, decoded: _Decoded) -> None:
        with self._changed:
            self._source.dropped += self._newest is not None
            self._newest = decoded
            self._changed.notify()

    def _stopping(self) -> bool:
        return self._left.is_set() or self._asked_to_stop.is_set()
