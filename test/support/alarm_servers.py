"""Serve what alarms are sent to: an MQTT broker and an HTTP server of the test's own."""

import json
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from paho.mqtt import client as paho

WAIT = 30.0  # s


def wait_for(condition, timeout=WAIT):
    """Wait until `condition` returns something true, and return it."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f'{condition} did not come true within {timeout} s')


class Broker:
    """A mosquitto of the test's own, and a subscriber that keeps what it publishes."""

    def __init__(self, program, folder):
        self._program, self._folder = program, folder
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        self._process, self._client = None, None
        self.received = []

    def start(self, *lines):
        """Begin to serve, with more lines of configuration."""
        file = self._folder / 'mosquitto.conf'
        allow = '' if lines else 'allow_anonymous true\n'
        file.write_text(f'listener {self.port} 127.0.0.1\n{allow}' + '\n'.join(lines) + '\n')
        self._process = subprocess.Popen([self._program, '-c', file], stderr=subprocess.DEVNULL)
        wait_for(self._serves)

    def subscribe(self, topic, user=None, password=None):
        """Keep what is published from now on, as pairs of topic and payload."""
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if user:
            self._client.username_pw_set(user, password)
        ready = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = lambda _, __, m: self.received.append((m.topic, m.payload))
        self._client.connect('127.0.0.1', self.port)
        self._client.loop_start()
        assert ready.wait(WAIT)

    def steps(self, topic):
        """Return the steps that came to a topic."""
        return [json.loads(payload) for there, payload in self.received if there == topic]

    def stop(self):
        """End, as in a power failure."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None
        if self._process is not None:
            self._process.kill()
            self._process.wait(WAIT)
            self._process = None

    def _serves(self):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', self.port)) == 0


class Receiver(ThreadingHTTPServer):
    """Keeps what is posted to it, and answers as it is told; 200 once that is used up."""

    def __init__(self):
        super().__init__(('127.0.0.1', 0), _Post)
        self.answers, self.posts = [], []
        self.url = f'http://127.0.0.1:{self.server_port}/hook'


class _Post(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.posts.append((dict(self.headers), body))
        answer = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(answer)
        if 300 <= answer < 400:
            self.send_header('Location', '/elsewhere')
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_):
        pass
