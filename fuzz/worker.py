"""Run inputs in a process that may crash or hang, with a limit of memory; the driver starts it.

Before and after each input it reports to the driver, which so knows at which one it was lost.
"""

from __future__ import annotations

import logging
import os
import resource
import shutil
import traceback
import warnings
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from fuzz.target import Target, fault_of

MEGABYTE = 1 << 20
ROOM = 4  # times the memory that counts as too much, which may still be had: to find who takes it


def work(connection: Connection, source: str, seed: int, memory: int, folder: Path) -> None:
    """Run the inputs that the driver asks for: pairs of a target's name and a range of numbers.

    None ends it.

    Args:
        connection: To the driver. Reports are dictionaries: `begun` with an input's number, then
            `outcome`, `fault` and `peak`, the most memory of this process in MB.
        source: Module with the `TARGETS`.
        seed: Of all inputs.
        memory: MB by which this process may grow.
        folder: Keeps what fails, and a log of what libraries print.
    """
    log = os.open(folder / 'log.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    warnings.simplefilter('ignore')
    logging.disable()
    targets: dict[str, Target] = import_module(source).TARGETS
    while (asked := connection.recv()) is not None:
        name, numbers = asked
        target = targets[name]
        _limit_memory(None)
        target.prepare()
        _limit_memory(ROOM * memory)
        allowed = _forget_peak() + memory
        for number in numbers:
            connection.send({'begun': number})
            at = folder / f'{name}_{number}'
            report = run_one(target, f'{seed}/{name}/{number}', at, allowed)
            peak = _peak()
            if peak > allowed:
                _forget_peak()
            connection.send({**report, 'peak': peak})


def _forget_peak() -> int:
    """Have the peak begin again; return it in MB."""
    with suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')
    return _peak()


def _limit_memory(megabytes: int | None) -> None:
    """Let this process grow by so much and no more."""
    limit = resource.RLIM_INFINITY
    if megabytes is not None:
        pages = int(Path('/proc/self/statm').read_text().split()[0])
        limit = pages * resource.getpagesize() + megabytes * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def _peak() -> int:
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith('VmHWM'))


def run_one(target: Target, key: str, folder: Path, allowed: int = 1 << 30) -> dict[str, Any]:
    """Make and run the input of a key; where it fails, its files and the fault stay in `folder`.

    It fails too where this process has then taken more than `allowed` MB.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    value = target.make(Random(key), folder)
    outcome, fault, text = 'accepted', '', ''
    try:
        target.run(value)
    except BaseException as error:
        outcome, fault = 'refused', fault_of(error, value)
        text = ''.join(traceback.format_exception(error))
        fault = fault and f'{fault}: {error!s:.200}'
    if not fault and _peak() > allowed:
        fault = f'it takes {_peak()} MB; {allowed} are allowed'
    if fault:
        (folder / 'fault.txt').write_text(f'{key}\n{fault}\n{text}\n{value!r:.100000}\n')
        return {'outcome': 'failed', 'fault': fault}
    shutil.rmtree(folder)
    return {'outcome': outcome, 'fault': ''}
