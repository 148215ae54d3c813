"""Run the node beside cameras that misbehave, and say what came of it; exit code 1 for a fault.

Cameras come, go, change their size and encoding, lag, repeat stamps, jump in time and send broken
images, while the node is deactivated, reset and paused now and then. Memory must level off, events
must agree with results one to one, and the counters of /diagnostics must add up.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable

import rclpy

from benchmark.soak.camera import SoakCamera
from benchmark.soak.ledger import Ledger, check_counters
from benchmark.soak.memory import check_memory
from benchmark.soak.pictures import blocks_film, people_film
from benchmark.soak.robot import NAME, Planner, Process

LIGHT = 'benchmark.soak.pictures:Blocks'
CAMERAS = ('front', 'left', 'rear')
STEPS = 12  # that a short soak has at least
LONGEST_PAUSE = 20.0  # s between two things that are done to the node
REPORT_PERIOD = 60.0  # s
SETTLE_TIME = 30.0  # s that all may take to arrive when cameras stop
MOST_FAULTS = 20  # from which there is nothing more to learn


def main() -> int:
    parser = argparse.ArgumentParser(
        prog='python -m benchmark.soak',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--minutes', type=float, default=60.0, help='default: %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='of all that happens')
    parser.add_argument('--rate', type=float, default=5.0, help='of each camera, in Hz')
    parser.add_argument(
        '--model', default=LIGHT, help='the localizer; default: one that finds coloured blocks'
    )
    args = parser.parse_args()
    rclpy.init()
    try:
        faults = Soak(args).run()
    finally:
        rclpy.try_shutdown()
    for fault in faults[:MOST_FAULTS]:
        print(f'FAULT: {fault}')
    print(f'{len(faults)} faults')
    return 1 if faults else 0


class Soak:
    """One run."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Start the node and the cameras."""
        self._seconds = args.minutes * 60
        self._order = random.Random(args.seed)
        self._ledger = Ledger()
        self._process = Process(args.model, CAMERAS)
        self._planner = Planner(self._ledger)
        film = blocks_film if args.model == LIGHT else people_film
        self._cameras = [
            SoakCamera(self._planner.node, name, film(args.seed + i), args.rate, args.seed + i)
            for i, name in enumerate(CAMERAS)
        ]
        self._done: Counter[str] = Counter()
        self._times: list[float] = []
        self._memory: list[float] = []
        self._faults: list[str] = []

    def run(self) -> list[str]:
        """Run for the time that was asked for; print what came; return the faults."""
        try:
            self._start()
            self._soak()
            self._audit()
            self._do('deactivate', self._planner.deactivate)
            self._end_session()
        except AssertionError as error:
            self._faults.append(str(error))
        finally:
            for camera in self._cameras:
                camera.stop()
            share = self._process.cpu_share() if self._process.alive() else 0.0
            code = self._process.end()
            self._planner.close()
        if code:
            self._faults.append(f'the node ended with exit code {code}')
        self._report(share)
        self._faults += [f'diagnostics said: {text}' for text in sorted(set(self._planner.errors))]
        return self._faults + self._ledger.faults

    def _start(self) -> None:
        self._planner.wait_for_node()
        assert self._planner.configure(), 'the node was not configured'
        assert self._planner.activate(), 'the node was not activated'
        for camera in self._cameras:
            camera.start()

    def _soak(self) -> None:
        began = time.monotonic()
        pause = min(LONGEST_PAUSE, self._seconds / STEPS)
        step_at, report_at = pause, REPORT_PERIOD
        steps = (self._audit, self._cycle, self._rest, self._reset, self._reopen)
        while (now := time.monotonic() - began) < self._seconds:
            assert self._process.alive(), 'the node has ended'
            assert len(self._ledger.faults) < MOST_FAULTS, 'too many faults'
            self._times.append(now)
            self._memory.append(self._process.memory())
            if now >= step_at:
                self._order.choice(steps)()
                step_at = time.monotonic() - began + pause
            if now >= report_at:
                report_at += REPORT_PERIOD
                print(
                    f'{now / 60:5.1f} min: {self._memory[-1]:.1f} MB, {self._ledger.events} events,'
                    f' {len(self._ledger.faults) + len(self._faults)} faults',
                    flush=True,
                )
            time.sleep(0.5)

    def _audit(self) -> None:
        """Compare counters and events while no camera sends."""
        self._done['audits'] += 1
        for camera in self._cameras:
            camera.hold()
        deadline = time.monotonic() + SETTLE_TIME
        while (faults := self._count()) and time.monotonic() < deadline:
            pass  # a busy machine has frames on their way for long
        self._faults += faults
        self._ledger.settle()
        for camera in self._cameras:
            camera.going.set()

    def _count(self) -> list[str]:
        """Return what does not add up in the next diagnostics, when nothing comes any more."""
        self._planner.wait_until_quiet()
        values = self._planner.next_values()
        faults = []
        for camera in self._cameras:
            found = values.get(f'{NAME}: camera {camera.name}')
            if found is None:
                faults.append(f'there is no status of camera {camera.name}')
            else:
                faults += check_counters(found, self._ledger.results[camera.name])
        return faults

    def _cycle(self) -> None:
        """Deactivate the node while cameras send, and activate it again."""
        self._do('deactivate', self._planner.deactivate)
        self._end_session()
        self._do('activate', self._planner.activate)

    def _reopen(self) -> None:
        """Free the model as well."""
        self._do('deactivate', self._planner.deactivate)
        self._end_session()
        self._do('clean up', self._planner.clean_up)
        self._do('configure', self._planner.configure)
        self._do('activate', self._planner.activate)

    def _rest(self) -> None:
        """Pause the node for a while."""
        self._do('pause', lambda: self._planner.enable(False))
        time.sleep(self._order.uniform(0, 2))
        self._do('resume', lambda: self._planner.enable(True))

    def _reset(self) -> None:
        self._do('reset', self._planner.reset)

    def _do(self, what: str, call: Callable[[], bool]) -> None:
        self._done[what] += 1
        if not call():
            self._faults.append(f'the node did not {what}')

    def _end_session(self) -> None:
        """Close the account of an activation, whose counters go with it."""
        self._planner.wait_until_quiet()
        self._ledger.end()

    def _report(self, share: float) -> None:
        sent = sum(camera.sent for camera in self._cameras)
        episodes = sum((camera.episodes for camera in self._cameras), Counter[str]())
        print(f'{sent} images sent by {len(self._cameras)} cameras: {_listed(episodes)}')
        print(f'the node: {_listed(self._done)}')
        print(f'{self._ledger.openings} instances started in {self._ledger.events} events')
        if len(self._times) > 3:
            text, faults = check_memory(self._times, self._memory)
            print(f'{text}; {share:.0%} of a core')
            self._faults += faults


def _listed(counts: Counter[str]) -> str:
    return ', '.join(f'{name} {count}' for name, count in sorted(counts.items()))


if __name__ == '__main__':
    sys.exit(main())
