"""Share inputs among targets, have them run by a process that may crash or hang, and count."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe, get_context
from pathlib import Path
from typing import Any

from fuzz.target import Target
from fuzz.worker import work

STUCK = 60.0  # s for one input, on a machine as busy as it may be
START = 120.0  # s until a process is ready for its first input
PATIENCE = 10.0  # s until a process that has nothing to do has ended
BATCH = 20  # inputs after which the time is looked at
TICKS = os.sysconf('SC_CLK_TCK')


@dataclass
class Tally:
    """What became of a target's inputs.

    Attributes:
        counts: By outcome: accepted, refused, failed, crashed, hung.
        peak: Most memory of its process in MB.
        seconds: How long it took.
        faults: What was wrong, by the name of its folder.
    """

    counts: Counter[str] = field(default_factory=Counter)
    peak: int = 0
    seconds: float = 0.0
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """How many there were."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Plan:
    """How much is to be run, and how.

    Attributes:
        count: Inputs in all.
        seconds: Most time in s for all.
        seed: Of all inputs.
        memory: MB by which a process may grow.
        folder: Where inputs that fail are kept.
        hang: Most time in s that one input may compute.
        source: Module with the `TARGETS`.
    """

    count: int
    seconds: float
    seed: int
    memory: int
    folder: Path
    hang: float = 10.0
    source: str = 'fuzz.targets'


class Driver:
    """Runs targets in a process, and in another one after it crashed or hung.

    Args:
        plan: How.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._worker: _Worker | None = None
        plan.folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Driver:
        """Return this."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._end()

    def run(self, target: Target, numbers: range, seconds: float) -> Tally:
        """Run inputs of one target, for so long at most."""
        tally, began, number = Tally(), time.monotonic(), numbers.start
        while number < numbers.stop and time.monotonic() - began < seconds:
            self._worker = self._worker or _Worker(self._plan)
            number = self._run(target.name, range(number, min(number + BATCH, numbers.stop)), tally)
        tally.seconds = time.monotonic() - began
        return tally

    def _run(self, name: str, numbers: range, tally: Tally) -> int:
        """Run and count inputs; return the number of the next one."""
        worker = self._worker
        assert worker is not None
        worker.ask(name, numbers)
        number = numbers.start
        while number < numbers.stop:
            report = worker.read()
            if report is None:
                self._note_lost(worker, f'{name}_{number}', tally)
                self._end()
                return number + 1
            if 'begun' not in report:
                tally.counts[report['outcome']] += 1
                tally.peak = max(tally.peak, report['peak'])
                if report['fault']:
                    tally.faults[f'{name}_{number}'] = report['fault']
                number += 1
        return number

    def _note_lost(self, worker: _Worker, at: str, tally: Tally) -> None:
        tally.counts[worker.lost] += 1
        tally.faults[at] = f'{worker.lost} ({worker.how})'
        folder = self._plan.folder / at
        folder.mkdir(exist_ok=True)
        (folder / 'fault.txt').write_text(f'{self._plan.seed}/{at}\n{tally.faults[at]}\n')

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None


class _Worker:
    """A process that runs inputs.

    Attributes:
        lost: `crashed` or `hung` where it ended before its inputs did; else empty.
        how: By which signal, or for how long.
    """

    def __init__(self, plan: Plan) -> None:
        self.lost, self.how, self._ready, self._hang = '', '', False, plan.hang
        self._connection, other = Pipe()
        arguments = other, plan.source, plan.seed, plan.memory, plan.folder
        self._process = get_context('spawn').Process(target=work, args=arguments, daemon=True)
        self._process.start()
        other.close()

    def ask(self, name: str, numbers: range) -> None:
        """Have it run inputs of a target."""
        self._connection.send((name, numbers))
        self._ready = False

    def read(self) -> dict[str, Any] | None:
        """Return the next report; None where it crashed or hangs."""
        wait = STUCK if self._ready else START
        began, busy = time.monotonic(), self._cpu_time()
        try:
            while not self._connection.poll(1.0):
                hangs = self._ready and self._cpu_time() - busy > self._hang
                if hangs or time.monotonic() - began > wait:
                    self.lost, self.how = 'hung', f'{time.monotonic() - began:.0f} s'
                    return None
            report: dict[str, Any] = self._connection.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            code = self._process.exitcode or 0
            self.lost = 'crashed'
            self.how = signal.Signals(-code).name if code < 0 else f'exit code {code}'
            return None
        self._ready = True
        return report

    def end(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._connection.send(None)
        self._process.join(0 if self.lost else PATIENCE)
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _cpu_time(self) -> float:
        """Return how long it has computed, in s: waiting for a busy machine is no hanging."""
        try:
            text = Path(f'/proc/{self._process.pid}/stat').read_text()
        except OSError:
            return 0.0
        fields = text.rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


HEAD = (
    f'{"target":18} {"inputs":>7} {"accepted":>8} {"refused":>8} {"failed":>7} {"crashed":>7} '
    f'{"hung":>5} {"MB":>6} {"s":>6}'
)


def row(name: str, tally: Tally) -> str:
    """Return a line of the table."""
    counts = tally.counts
    return (
        f'{name:18} {tally.inputs:7} {counts["accepted"]:8} {counts["refused"]:8} '
        f'{counts["failed"]:7} {counts["crashed"]:7} {counts["hung"]:5} {tally.peak:6} '
        f'{tally.seconds:6.1f}'
    )


def total(tallies: dict[str, Tally]) -> Tally:
    """Return all targets' counts together."""
    whole = Tally()
    for tally in tallies.values():
        whole.counts += tally.counts
        whole.peak = max(whole.peak, tally.peak)
        whole.seconds += tally.seconds
    return whole
