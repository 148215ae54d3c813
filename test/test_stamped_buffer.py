"""Check what belongs to an image: exact first, then near, never another image's, never for ever."""

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actloc_ros.stamped_buffer import BufferLimits, StampedBuffer, StampHistory

MS = 1_000_000
SECOND = 1000 * MS
LIMITS = BufferLimits(duration=2.0, memory=1000)


def history(stamps: Sequence[int]) -> StampHistory:
    """Return a history of `stamps` (ms)."""
    made = StampHistory()
    for stamp in stamps:
        made.add(stamp * MS)
    return made


def buffer(
    images: Sequence[int], messages: Sequence[int] = (), limits: BufferLimits | None = LIMITS
) -> StampedBuffer[int]:
    """Return a buffer of messages that are their own stamps; all in ms."""
    made: StampedBuffer[int] = StampedBuffer(history(images), limits)
    for stamp in messages:
        made.put(stamp * MS, stamp)
    return made


def found(made: StampedBuffer[int], stamp: int, tolerance: int = 50) -> tuple[int | None, bool]:
    """Return what belongs to the image of `stamp` (ms), and whether that is settled."""
    match = made.find(stamp * MS, tolerance * MS)
    return match.item, match.settled


def test_the_message_of_the_same_stamp_is_first() -> None:
    assert found(buffer([0, 33, 66], [30, 33, 36]), 33) == (33, True)


def test_half_the_period_is_the_lower_quartile_of_steps_forward() -> None:
    assert history([]).half_period() == history([5]).half_period() == 0
    assert history([0, 30, 60, 90, 0, 30]).half_period() == 15 * MS
    assert history([0, 30, 60, 120, 180]).half_period() == 15 * MS, 'two of six got lost'


@pytest.mark.parametrize('offset', [-16, -6, 10, 16])
def test_a_near_message_belongs_within_half_a_frame(offset: int) -> None:
    images = list(range(0, 340, 34))
    made = buffer(images, [stamp + offset for stamp in images])
    assert found(made, 136)[0] == 136 + offset
    assert found(made, 136, tolerance=5)[0] is None
    assert found(buffer(images, images[:4]), 136)[0] is None, 'a whole frame away'


def test_the_message_before_is_not_taken_while_the_right_one_is_late() -> None:
    images = [0, 33, 66, 99]
    made = buffer(images, images[:3])
    assert found(made, 99) == (None, False)
    made.put(99 * MS, 99)
    assert found(made, 99) == (99, True)


def test_a_search_is_settled_by_the_next_message() -> None:
    images = [0, 33, 66, 99, 132]
    assert found(buffer(images, [0, 33, 99]), 66) == (None, True)
    assert found(buffer(images, [0, 33, 66 + 40]), 66) == (None, True)
    assert found(buffer(images), 66) == (None, False)


def test_what_another_image_has_or_is_nearer_to_is_not_given_twice() -> None:
    made = buffer([0, 30, 60, 90, 100], [0, 30, 60, 95])
    assert found(made, 90)[0] == 95
    assert found(made, 100)[0] is None, 'the image at 90 has it'
    made = buffer([0, 30, 60, 84, 90], [0, 30, 60, 84])
    assert found(made, 90)[0] is None, 'it is the one of the image at 84'


def test_slow_messages_go_to_their_own_images_alone() -> None:
    images = list(range(0, 600, 33))
    made = buffer(images, images[::2])
    given_to = [found(made, stamp)[0] for stamp in images[:-1]]
    assert given_to == [stamp if i % 2 == 0 else None for i, stamp in enumerate(images[:-1])]


def test_time_and_memory_are_bounded() -> None:
    made: StampedBuffer[int] = StampedBuffer(history([]), LIMITS)
    for index in range(100):
        made.put(index * 100 * MS, index, size=1)
    assert len(made) == 21
    for index in range(100, 110):
        made.put(index * 100 * MS, index, size=300)
    assert len(made) == 3
    assert made.evicted > 0
    made.put(10**12, 0, size=10**9)
    assert len(made) == 1, 'the newest stays, whatever its size'


def test_time_that_jumps_starts_again() -> None:
    made = buffer([], [5000, 5100, 100])
    assert len(made) == 1
    made.put(10**18, 0)  # one stamp from the future
    made.put(200 * MS, 200)
    assert found(made, 200) == (200, True)


def test_without_limits_all_is_kept_until_it_is_forgotten() -> None:
    made = buffer([], list(range(0, 10**6, 1000)), limits=None)
    assert len(made) == 1000
    made.forget(500_500 * MS)
    assert len(made) == 500
    assert made.latest(500_500 * MS) == 500_000


def test_latest_is_the_newest_that_is_not_after() -> None:
    made = buffer([], [100, 200, 300])
    assert [made.latest(stamp * MS) for stamp in (50, 100, 250, 999)] == [100, 100, 200, 300]
    assert buffer([]).latest(0) is None


def test_what_comes_too_late_is_counted_once() -> None:
    images = [0, 33, 66, 99]
    made = buffer(images, images[:3])
    made.give_up(99 * MS)
    made.put(99 * MS, 99)
    made.put(99 * MS, 99)
    made.put(132 * MS, 132)
    assert made.late == 1


def test_waiting_ends_when_it_comes_or_with_patience() -> None:
    made = buffer([0, 33])
    threading.Timer(0.1, made.put, (33 * MS, 33)).start()
    assert made.wait(33 * MS, SECOND, 10).item == 33
    assert made.wait(66 * MS, SECOND, 0.05) is not None
    assert made.wait(66 * MS, SECOND, 0.05).item is None


@settings(max_examples=200, deadline=None)
@given(
    period=st.integers(10, 100),
    delays=st.lists(st.integers(0, 200), min_size=30, max_size=60),
    jitter=st.lists(st.integers(-3, 3), min_size=60, max_size=60),
    lost=st.sets(st.integers(0, 59), max_size=20),
)
def test_whatever_the_delays_no_image_gets_anothers_message(
    period: int, delays: list[int], jitter: list[int], lost: set[int]
) -> None:
    """Messages come with any delay, in order, some never; each image is searched for at each."""
    images = [i * period + jitter[i] % 4 for i in range(len(delays))]
    arrivals, clock = [], 0
    for index, delay in enumerate(delays):
        clock = max(clock, images[index] + delay)
        arrivals.append((clock, 1, index))
    events = sorted([(stamp, 0, i) for i, stamp in enumerate(images)] + arrivals)
    stamps = StampHistory()
    made = StampedBuffer[int](stamps, BufferLimits(60.0, 10**9))
    came: set[int] = set()
    for _, kind, index in events:
        if kind == 0:
            stamps.add(images[index] * MS)
            came.add(index)
        elif index not in lost:
            made.put(images[index] * MS, index)
        for image in came:
            item = made.find(images[image] * MS, SECOND).item
            assert item in (None, image)
    for image in came - lost:
        assert made.find(images[image] * MS, SECOND).item == image
