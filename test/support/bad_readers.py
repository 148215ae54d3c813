"""Targets for the fuzzing driver whose readers do what none may do."""

import os
import signal
from pathlib import Path

from actloc_ros.io.source import SourceError
from fuzz.target import Target


def make(_random, folder: Path) -> Path:
    path = folder / 'input.txt'
    path.write_text('x')
    return path


def crash(_path):
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(_path):
    while True:
        pass


def fill(_path):
    bytearray(1 << 33)


def take(_path):
    bytearray(b'x') * (300 << 20)


def refuse(path):
    raise SourceError(f'{path} is broken')


def refuse_without_name(_path):
    raise SourceError('something is broken')


def refuse_in_lines(path):
    raise SourceError(f'{path} is broken:\nhere')


def stumble(_path):
    int('x')


def fail(_path):
    raise KeyError('x')


READERS = (
    *(crash, hang, fill, take, refuse, refuse_without_name, refuse_in_lines, stumble, fail),
    Path.read_text,
)
TARGETS = {run.__name__: Target(run.__name__, make, run, 1) for run in READERS}
