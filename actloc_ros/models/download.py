"""Fetch a published checkpoint: with progress, resumable, and checked by its SHA-256."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from actloc_ros.models.entry import Entry
from actloc_ros.models.storage import stored_path

TIMEOUT = 15.0  # s without a byte
CHUNK = 1 << 20


class DownloadError(OSError):
    """A file that could not be fetched or is not what it should be; the text says what to do."""


def download(entry: Entry, sha256: str) -> Path:
    """Fetch the entry's published file and return where it is kept.

    What an interrupted run has fetched is used again. Nothing is kept of a file whose hash is
    wrong, and nothing appears under the file's own name before its hash is right.

    Args:
        entry: Has the address.
        sha256: The file's, in hexadecimal, or its first digits; empty to take the file as it is.

    Raises:
        DownloadError: The entry has no address, the server does not give the file, or its hash
            is wrong.
    """
    if not entry.url:
        raise DownloadError(
            f'{entry.name} has no address to download from; get it from {entry.source}, then'
            f' `actloc convert FILE --model {entry.name}` puts it in place'
        )
    target = stored_path(entry)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + '.partial')
    try:
        fetch(entry.url, partial)
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise DownloadError(
            f'cannot fetch {entry.url}: {getattr(error, "reason", error)}. Is there a network?'
            f' If not, fetch it elsewhere and put it at {target}'
        ) from error
    except OSError as error:
        raise DownloadError(f'{partial} cannot be written: {error.strerror or error}') from error
    check(partial, sha256, entry.url)
    partial.replace(target)
    return target


def fetch(url: str, partial: Path) -> None:
    """Write what is at `url` to a file, going on where an earlier call stopped.

    Raises:
        URLError, HTTPException, TimeoutError, ConnectionError: The server does not give it.
    """
    have = partial.stat().st_size if partial.exists() else 0
    headers = {'Range': f'bytes={have}-'} if have else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - an entry's address
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310 - likewise
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:  # 416: there is nothing after what we have
            raise
        return
    with response, partial.open('ab' if response.status == 206 else 'wb') as file:
        _copy(response, file.tell(), file)


def _copy(response: HTTPResponse, have: int, file: BinaryIO) -> None:
    """Append what the server sends; `have` bytes were there before."""
    length = response.headers.get('Content-Length')
    total = have + int(length) if length else None
    with tqdm(total=total, initial=have, unit='B', unit_scale=True, disable=None) as progress:
        while block := response.read(CHUNK):
            file.write(block)
            progress.update(len(block))
    if total is not None and file.tell() < total:
        raise ConnectionError(f'it ended after {file.tell()} of {total} bytes; run it again')


def check(path: Path, sha256: str, url: str) -> None:
    """Delete the file and raise DownloadError if its hash does not begin with `sha256`."""
    found = file_hash(path)
    if not found.startswith(sha256.lower()):
        path.unlink()
        raise DownloadError(
            f'what came from {url} has SHA-256 {found}, not {sha256.lower()}: it is damaged or not'
            ' what was published, and was deleted'
        )


def file_hash(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()
