"""Check that the mailbox keeps the newest frame, counts what it replaced, and can keep all."""

import threading
import time

from actloc_ros.mailbox import Mailbox


def test_newest_frame_wins_and_replaced_ones_are_counted() -> None:
    box: Mailbox[str] = Mailbox(['a', 'b'])
    for stamp, item in enumerate(['old', 'newer', 'newest']):
        box.put('a', stamp, item)
    box.put('b', 0, 'other')
    assert box.take(0) == ['newest', 'other']
    assert box.untaken == {'a': 2, 'b': 0}
    assert box.take(0) == []


def test_take_waits_for_a_frame_from_another_thread() -> None:
    box: Mailbox[int] = Mailbox([''])
    threading.Timer(0.05, box.put, ('', 0, 7)).start()
    assert box.take(5) == [7]


def test_wake_ends_a_wait() -> None:
    box: Mailbox[int] = Mailbox([''])
    threading.Timer(0.05, box.wake).start()
    started = time.monotonic()
    assert box.take(5) == []
    assert time.monotonic() - started < 4
    assert box.take(0.01) == []


def test_lossless_drops_nothing_and_orders_cameras_by_stamp() -> None:
    box: Mailbox[tuple[str, int]] = Mailbox(['a', 'b'], lossless=True)
    for stamp in (0, 10, 20):
        box.put('a', stamp, ('a', stamp))
    for stamp in (0, 5, 25):
        box.put('b', stamp, ('b', stamp))
    taken = [box.take(0)[0] for _ in range(6)]
    assert taken == [('a', 0), ('b', 0), ('b', 5), ('a', 10), ('a', 20), ('b', 25)]
    assert box.untaken == {'a': 0, 'b': 0}


def test_a_silent_camera_does_not_hold_up_the_others() -> None:
    box: Mailbox[int] = Mailbox(['a', 'b'], lossless=True)
    box.put('a', 0, 1)
    assert box.take(0) == [1]  # b never sent: nobody waits for it
    box.put('b', 1, 2)
    assert box.take(1) == [2]  # a sent and is waited for, but not for ever
    box.put('b', 2, 3)
    started = time.monotonic()
    assert box.take(0) == [3]
    assert time.monotonic() - started < 0.4  # a is known to be silent now


def test_a_late_camera_is_waited_for() -> None:
    box: Mailbox[int] = Mailbox(['a', 'b'], lossless=True)
    box.put('a', 0, 1)
    box.put('b', 1, 2)
    assert box.take(0) == [1]
    threading.Timer(0.1, box.put, ('a', 0, 3)).start()
    assert box.take(0) == [3]  # b's frame of stamp 1 waited for a's earlier one


def test_clear_says_what_it_threw_away() -> None:
    box: Mailbox[int] = Mailbox(['a'], lossless=True)
    for stamp in range(3):
        box.put('a', stamp, stamp)
    assert len(box) == 3
    assert box.clear() == 3
    assert box.untaken == {'a': 3}
    assert box.take(0) == []


def test_a_late_frame_does_not_replace_a_newer_one() -> None:
    box: Mailbox[int] = Mailbox([''], max_lateness=50)
    for stamp in (100, 51, 100, 110):
        box.put('', stamp, stamp)
    assert box.take(0) == [110]
    assert (box.late, box.untaken) == ({'': 1}, {'': 2})
    box.put('', 110, 110)
    box.put('', 60, 60)  # time has jumped back
    assert box.take(0) == [60]
