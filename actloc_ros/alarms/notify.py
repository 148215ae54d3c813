"""Notify people of alarms: by an outbox on disk, and a thread a channel that empties it."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from actloc_ros.alarms.alarm import Alarm, alarm_to_json
from actloc_ros.alarms.channels import Channel, ChannelError
from actloc_ros.alarms.outbox import Letter, Outbox
from actloc_ros.alarms.transport import RefusedError, SendError, Transport
from actloc_ros.alarms.transports import open_transport

FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0  # s between attempts
MOST_REFUSALS = 5  # of one letter, after which the next one has its turn
END_TIME = 5.0  # s

_log = logging.getLogger(__name__)


@dataclass
class ChannelCounts:
    """What became of a channel's letters so far.

    Attributes:
        sent: Letters that have arrived.
        failed: Attempts that failed.
        refused: Letters that the receiver did not want, and that were thrown away.
        fault: Why the newest attempt failed; empty while letters arrive.
    """

    sent: int = 0
    failed: int = 0
    refused: int = 0
    fault: str = ''


@dataclass
class NotifyCounts:
    """What became of notifications so far.

    Attributes:
        channels: By name.
        waiting: Letters in the outbox, by the channel's name.
        dropped: Letters that had to go for newer ones, as the outbox was full.
        unsaved: Letters that could not be written to the disk; they are lost if the program ends.
    """

    channels: dict[str, ChannelCounts] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    unsaved: int = 0


class Notifier:
    """Sends each step of an alarm at least once on the channels of its rule; an `AlarmSink`.

    A receiver drops a step that it has already by `id`, `type` and `time`. Steps arrive in order
    on each channel.
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        routes: Mapping[str, Sequence[str]],
        outbox: str | Path,
        evidence: str | Path | None = None,
        on_fault: Callable[[str], None] | None = None,
        most: int = 10_000,
    ) -> None:
        """Open the outbox, and begin to send what is in it.

        Args:
            channels: All that there are; each has a name of its own.
            routes: Names of channels by the rule's name.
            outbox: A file, made where it is missing. One notifier uses it at a time.
            evidence: The folder of which snapshots are attached, for receivers that take them.
            on_fault: Called by any thread with a sentence when a channel begins to fail, and when
                letters are thrown away. It holds no secret.
            most: Letters that the outbox keeps; beyond, the oldest `detection` goes first.

        Raises:
            ChannelError: A route names no channel, a variable of the environment or a package is
                missing, or an address is wrong.
            OutputError: The outbox cannot be used.
        """
        self._routes = {rule: tuple(names) for rule, names in routes.items()}
        self._on_fault = on_fault or _log.warning
        self._channels = {channel.name: channel for channel in channels}
        for rule, names in self._routes.items():
            for name in names:
                if name not in self._channels:
                    raise ChannelError(f'rule {rule} notifies {name}, which is no channel')
        self._outbox = Outbox(outbox, most)
        self._senders: dict[str, _Sender] = {}
        folder = None if evidence is None else str(evidence)
        try:
            for name, channel in self._channels.items():
                self._senders[name] = _Sender(channel, self._outbox, folder, self._report)
        except BaseException:
            self._stop(0.0)
            raise
        for name, count in self._outbox.waiting().items():
            if name not in self._channels:
                self._report(f'{count} letters wait for channel {name}, which is no more')

    def take(self, alarm: Alarm) -> None:
        """Keep a step for its channels; it outlives the program once this returns."""
        dropped = self._outbox.dropped
        for name in self._routes.get(alarm.rule, ()):
            if self._channels[name].wants(alarm):
                body = json.dumps(alarm_to_json(alarm))
                self._outbox.add(Letter(0, name, alarm.severity.value, body))
                self._senders[name].wake()
        if self._outbox.dropped > dropped:
            self._report(f'the outbox is full: {self._outbox.dropped} letters were thrown away')

    def counts(self) -> NotifyCounts:
        """Return what became of the letters so far."""
        return NotifyCounts(
            {name: sender.counts() for name, sender in self._senders.items()},
            self._outbox.waiting(),
            self._outbox.dropped,
            self._outbox.unsaved,
        )

    def close(self, timeout: float = END_TIME) -> None:
        """Send what can be sent within `timeout` s; the rest is sent after the next start."""
        self._stop(timeout)

    def __enter__(self) -> Notifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stop(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for sender in self._senders.values():
            sender.stop()
        for sender in self._senders.values():
            sender.join(max(0.0, deadline - time.monotonic()))
        self._outbox.close()

    def _report(self, fault: str) -> None:
        with suppress(Exception):  # of whoever is called
            self._on_fault(f'notify: {fault}')


class _Sender:
    """A channel's thread."""

    def __init__(
        self,
        channel: Channel,
        outbox: Outbox,
        evidence: str | None,
        report: Callable[[str], None],
    ) -> None:
        self._name, self._outbox, self._report = channel.name, outbox, report
        self._counts, self._guard = ChannelCounts(), threading.Lock()
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._left = threading.Event()
        self._transport = open_transport(channel, self._changed.set, evidence)
        self._thread = threading.Thread(
            target=self._run, name=f'notify-{channel.name}', daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """Say that there is a letter; a channel that fails is left alone until its time."""
        if not self._counts.fault:
            self._changed.set()

    def counts(self) -> ChannelCounts:
        """Return a copy of the counts."""
        with self._guard:
            return ChannelCounts(**vars(self._counts))

    def stop(self) -> None:
        """End once all is sent, or sending fails."""
        self._stopping.set()
        self._changed.set()

    def join(self, timeout: float) -> None:
        """Wait for the end for up to `timeout` s; send nothing afterwards."""
        self._thread.join(timeout)
        self._left.set()

    def _run(self) -> None:
        transport, attempts, refusals = self._transport, 0, 0
        while not self._left.is_set():
            self._changed.clear()
            letter = self._outbox.next(self._name)
            if letter is None:
                if self._stopping.is_set():
                    break
                self._changed.wait()
                continue
            error = _try(transport, letter)
            if error is None:
                self._outbox.remove(letter)
                attempts = refusals = 0
                self._note('')
                continue
            attempts += 1
            refusals += isinstance(error, RefusedError)
            # The text of an error of others may hold a secret.
            self._note(str(error) if isinstance(error, SendError) else type(error).__name__)
            if refusals >= MOST_REFUSALS:
                self._give_up(letter)
                attempts = refusals = 0
            if self._stopping.is_set():
                break
            self._changed.wait(_delay(attempts))
        transport.close()

    def _note(self, fault: str) -> None:
        """Count an attempt, and report where a channel begins to fail."""
        with self._guard:
            before, self._counts.fault = self._counts.fault, fault
            if fault:
                self._counts.failed += 1
            else:
                self._counts.sent += 1
        if fault and not before:
            self._report(f'channel {self._name} fails and is tried again: {fault}')

    def _give_up(self, letter: Letter) -> None:
        self._outbox.remove(letter)
        with self._guard:
            self._counts.refused += 1
        self._report(
            f'channel {self._name} has refused a letter {MOST_REFUSALS} times; it is thrown away: '
            f'{letter.body}'
        )


def _try(transport: Transport, letter: Letter) -> Exception | None:
    """Send a letter; return why it has not arrived."""
    try:
        transport.send(letter)
    except Exception as error:  # whatever a library meets: the letter stays
        return error
    return None


def _delay(attempts: int) -> float:
    """Return for how many s to wait after so many attempts, so that robots do not come at once."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempts - 1, 10)) * random.uniform(0.5, 1.0)
