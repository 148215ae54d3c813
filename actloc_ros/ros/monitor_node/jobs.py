"""Do in one thread what callbacks must not wait for."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable


class JobThread:
    """Does jobs one after another, in order, and never blocks who gives them.

    Attributes:
        lost: Jobs that were not taken, since too many waited, or not done in time, by kind.
    """

    def __init__(self, name: str, on_fault: Callable[[str], None]) -> None:
        """Begin.

        Args:
            name: Of the thread.
            on_fault: Called by the thread with what a job has raised.
        """
        self.lost: Counter[str] = Counter()
        self._on_fault = on_fault
        self._changed = threading.Condition()
        self._jobs: deque[tuple[str, Callable[[], None]]] = deque()
        self._waiting: Counter[str] = Counter()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, kind: str, job: Callable[[], None], most: int | None = None) -> None:
        """Leave a job, unless `most` of its kind wait; without `most` it is taken in any case."""
        with self._changed:
            if self._closed or (most is not None and self._waiting[kind] >= most):
                self.lost[kind] += 1
                return
            self._jobs.append((kind, job))
            self._waiting[kind] += 1
            self._changed.notify()

    def close(self, timeout: float) -> None:
        """Do what waits, within about `timeout` s, and end; the rest is lost."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout)
        with self._changed:
            self.lost.update(kind for kind, _ in self._jobs)
            self._jobs.clear()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return
                kind, job = self._jobs.popleft()
                self._waiting[kind] -= 1
            try:
                job()
            except Exception as error:  # the thread has to go on, whatever one job meets
                self._on_fault(f'{kind}: {error}')
