"""Check downloads against a local server: progress, resume, hashes, no network."""

import hashlib
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from actloc_ros.cli.main import main
from actloc_ros.models import registry
from actloc_ros.models.download import DownloadError, download
from actloc_ros.models.errors import ModelError
from actloc_ros.models.loading import open_network
from actloc_ros.models.storage import find_stored, shipped_path, stored_path

CONTENT = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NANO = 'yowov2_nano_ucf24'


class Handler(BaseHTTPRequestHandler):
    """Serves `server.content`; may stop early, ignore ranges, or know no such file."""

    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        """Answer."""
        server, body = self.server, self.server.content
        asked = self.headers.get('Range')
        server.asked.append(asked)
        if self.path == '/nothing.pth':
            self.send_error(404)
            return
        begin = int(asked.removeprefix('bytes=').rstrip('-')) if asked and server.ranges else 0
        if begin >= len(body) and begin:
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        self.send_header('Content-Length', str(len(body) - begin))
        self.end_headers()
        self.wfile.write(body[begin : server.stop_at])
        self.close_connection = server.stop_at is not None

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.content, server.asked, server.ranges, server.stop_at = CONTENT, [], True, None
    server.url = f'http://127.0.0.1:{server.server_address[1]}'
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join(5)
    server.server_close()


def entry_at(url):
    return replace(registry.entries()[NANO], url=url)


def test_file_is_fetched_checked_and_put_in_place(server, capfd):
    entry = entry_at(f'{server.url}/a.pth')
    path = download(entry, SHA256)
    assert path == stored_path(entry)
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == [f'{NANO}.pth']


def test_interrupted_download_goes_on_where_it_stopped(server):
    entry = entry_at(f'{server.url}/a.pth')
    server.stop_at = 700_000
    with pytest.raises(DownloadError, match='ended after 700000 of 1280000 bytes; run it again'):
        download(entry, SHA256)
    assert find_stored(entry) is None
    server.stop_at = None
    assert download(entry, SHA256).read_bytes() == CONTENT
    assert server.asked == [None, 'bytes=700000-']


def test_server_without_ranges_begins_afresh(server):
    entry = entry_at(f'{server.url}/a.pth')
    partial = stored_path(entry).with_name(f'{NANO}.pth.partial')
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b'something old')
    server.ranges = False
    assert download(entry, SHA256).read_bytes() == CONTENT


def test_whole_file_that_was_not_yet_in_place_is_used(server):
    entry = entry_at(f'{server.url}/a.pth')
    partial = stored_path(entry).with_name(f'{NANO}.pth.partial')
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT)
    assert download(entry, SHA256).read_bytes() == CONTENT


def test_wrong_hash_leaves_nothing(server):
    entry = entry_at(f'{server.url}/a.pth')
    with pytest.raises(DownloadError, match=f'has SHA-256 {SHA256}, not {"0" * 64}'):
        download(entry, '0' * 64)
    assert list(stored_path(entry).parent.iterdir()) == []


def test_missing_file_and_missing_network_say_what_to_do(server):
    with pytest.raises(DownloadError, match=r'nothing.pth: Not Found'):
        download(entry_at(f'{server.url}/nothing.pth'), SHA256)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        url = f'http://127.0.0.1:{free.getsockname()[1]}/a.pth'
    with pytest.raises(DownloadError, match=r'refused.*fetch it elsewhere and put it at .*nano'):
        download(entry_at(url), SHA256)


def test_entry_without_address_says_where_to_get_it():
    entry = replace(registry.entries()[NANO], url='', source='the authors')
    with pytest.raises(DownloadError, match='get it from the authors, then `actloc convert'):
        download(entry, '')


def test_command_fetches_and_checks_that_weights_fit(server, tmp_path, monkeypatch, capsys):
    import torch

    torch.save(open_network(NANO, random_weights=True).network.state_dict(), tmp_path / 'x.pth')
    server.content = (tmp_path / 'x.pth').read_bytes()
    monkeypatch.setitem(registry.entries(), NANO, entry_at(f'{server.url}/a.pth'))
    assert main(['download', NANO]) == 2
    assert 'give one that you trust with --sha256' in capsys.readouterr().err
    assert server.asked == []
    digest = hashlib.sha256(server.content).hexdigest()
    assert main(['download', NANO, '--sha256', digest]) == 0
    assert digest in capsys.readouterr().out
    assert open_network(NANO).entry.name == NANO
    assert main(['download', NANO]) == 0
    assert 'is here already' in capsys.readouterr().out


def test_command_refuses_a_file_of_another_model(server, monkeypatch, capsys):
    monkeypatch.setitem(registry.entries(), NANO, entry_at(f'{server.url}/a.pth'))
    assert main(['download', NANO, '--unverified']) == 2
    assert 'actloc: error' in capsys.readouterr().err
    assert find_stored(registry.entries()[NANO]) is None


def test_without_a_home_nothing_is_downloaded_and_the_shipped_weights_work(monkeypatch, tmp_path):
    monkeypatch.delenv('HOME')
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.setattr('pwd.getpwuid', lambda uid: {}[uid])
    assert find_stored(registry.entries()['stream_n']) == shipped_path('stream_n')
    assert find_stored(registry.entries()[NANO]) is None
    with pytest.raises(ModelError, match=r'there is no home.*XDG_CACHE_HOME'):
        download(entry_at('http://127.0.0.1:1/a.pth'), SHA256)
    monkeypatch.setenv('XDG_CACHE_HOME', 'relative')
    with pytest.raises(ModelError, match='there is no home'):
        stored_path(registry.entries()[NANO])
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    stored = tmp_path / 'cache' / 'actloc_ros' / f'{NANO}.pth'
    assert stored_path(registry.entries()[NANO]) == stored
