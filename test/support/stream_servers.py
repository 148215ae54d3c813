"""Serve live streams on this machine: MPEG-TS and MJPEG by PyAV and Python, RTSP by GStreamer."""

import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import cv2
import numpy as np

HEIGHT, WIDTH, RATE = 48, 64, 20
RTSP = """
import sys, gi
gi.require_version('Gst', '1.0')
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer(address='127.0.0.1', service=sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory(shared=True)
factory.set_launch('( videotestsrc is-live=true pattern=ball ! '
                   'video/x-raw,format=I420,width=64,height=48,framerate=20/1 ! jpegenc ! '
                   'rtpjpegpay name=pay0 )')
if len(sys.argv) > 2:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string('media.factory.role', 'user')
    basic = GstRtspServer.RTSPAuth.make_basic(*sys.argv[2:])
    auth.add_basic(basic, token)
    server.set_auth(auth)
    role = Gst.Structure.new_empty('user')
    role.set_value('media.factory.access', True)
    role.set_value('media.factory.construct', True)
    factory.add_role_from_structure(role)
server.get_mount_points().add_factory('/camera', factory)
server.attach(None)
print('ready', flush=True)
GLib.MainLoop().run()
"""


def free_port(kind=socket.SOCK_STREAM):
    """Return a port of this machine that nobody uses."""
    with socket.socket(type=kind) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def picture(number):
    """Return an image that says its number by its grey."""
    return np.full((HEIGHT, WIDTH, 3), 20 + number * 5 % 200, np.uint8)


class Sender:
    """Sends MPEG-TS to a UDP port, or to the first who connects to a TCP port, until it is stopped.

    Args:
        address: `udp://127.0.0.1:PORT` or `tcp://127.0.0.1:PORT`.
        begin: Of its clock, in s.
    """

    def __init__(self, address, begin=0.0):
        self._begin = begin
        self._stop = threading.Event()
        port = int(address.rpartition(':')[2])
        if address.startswith('udp'):
            target, arguments = self._send, (f'{address}?pkt_size=1316',)
        else:
            target, arguments = self._serve, (socket.create_server(('127.0.0.1', port)),)
        self._thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._thread.start()

    def stop(self):
        """End, and break the connection."""
        self._stop.set()
        self._thread.join(10)

    def _serve(self, server):
        # FFmpeg could listen itself, but PyAV holds all of Python up while it does.
        with server:
            server.settimeout(0.1)
            while not self._stop.is_set():
                with suppress(TimeoutError):
                    connection, _ = server.accept()
                    with connection, connection.makefile('wb', 0) as file:
                        self._send(file)
                    return

    def _send(self, output):
        with (
            suppress(OSError, av.FFmpegError),  # the receiver has gone
            av.open(output, 'w', format='mpegts') as container,
        ):
            stream = container.add_stream('mpeg2video', rate=RATE)
            stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, 'yuv420p'
            stream.codec_context.gop_size = 5
            number = 0
            while not self._stop.is_set():
                frame = av.VideoFrame.from_ndarray(picture(number), format='rgb24')
                frame.pts = number + round(self._begin * RATE)
                frame.time_base = Fraction(1, RATE)
                container.mux(stream.encode(frame))
                number += 1
                time.sleep(1 / RATE)


class _Pictures(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        if self.server.once and len(self.server.paths) > 1:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header('Content-Type', 'multipart/x-mixed-replace; boundary=next')
        self.end_headers()
        with suppress(OSError):  # the receiver has gone
            for number in range(self.server.most):
                if self.server.silent.is_set():
                    time.sleep(0.1)
                    continue
                jpeg = cv2.imencode('.jpg', picture(number))[1].tobytes()
                if number == 3:
                    jpeg = jpeg[:100]  # broken on the way
                head = f'--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n'
                self.wfile.write(head.encode() + jpeg + b'\r\n')
                time.sleep(1 / RATE)

    def log_message(self, *_):
        pass


@contextmanager
def mjpeg_server(most=100_000):
    """Serve MJPEG by HTTP; each connection breaks off after `most` pictures.

    Its attribute `once`: whether it takes no second connection; `silent`: an event, while which is
    set nothing is sent.
    """
    with ThreadingHTTPServer(('127.0.0.1', 0), _Pictures) as server:
        server.daemon_threads = True
        server.most, server.paths, server.silent, server.once = most, [], threading.Event(), False
        server.address = f'http://me:hunter2@127.0.0.1:{server.server_port}/video?token=hunter2'
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.silent.clear()
        server.shutdown()


def rtsp_python():
    """Return the Python of the system if it has GStreamer's RTSP server, else None."""
    program = shutil.which('python3', path='/usr/bin')
    probe = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if program is None or subprocess.run([program, '-c', probe], capture_output=True).returncode:
        return None
    return program


@contextmanager
def rtsp_server(port, *user):
    """Serve a camera by RTSP until the end; with a user and password where they are given."""
    process = subprocess.Popen(
        [rtsp_python(), '-c', RTSP, str(port), *user],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={'PATH': '/usr/bin:/bin'},
    )
    try:
        assert process.stdout.readline() == 'ready\n'
        yield process
    finally:
        process.kill()
        process.wait(10)
