"""Check that clips are chosen by time, at any camera rate, over gaps and changes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from actloc_ros.frames import NANOSECONDS
from actloc_ros.models.clips import FRAMES_PER_SLOT, ClipBuffer, ClipSpec

START = 1_700_000_000 * NANOSECONDS  # as real stamps: float arithmetic would lose nanoseconds
BRIDGE, RESTART = 0.5, 2.0


def image(stamp):
    """Return a tiny image whose pixels are its own stamp."""
    return torch.full((1, 1, 1), stamp - START, dtype=torch.int64)


def fill(buffer, stamps):
    for stamp in stamps:
        buffer.push(stamp, image(stamp))
    clip, info = buffer.clip()
    return (clip.flatten() + START).tolist(), info


def buffer(frames=16, rate=25.0):
    return ClipBuffer(ClipSpec(frames, rate), BRIDGE, RESTART)


def stream(rate, count, start=START):
    return [start + round(i * NANOSECONDS / rate) for i in range(count)]


def nearest(stamps, slot):
    return min(stamps, key=lambda stamp: (abs(stamp - slot), -stamp))


def test_equal_rates_take_every_frame():
    stamps = stream(25.0, 100)
    got, info = fill(buffer(), stamps)
    assert got == stamps[-16:]
    assert (info.start, info.end, info.frames, info.missing) == (stamps[-16], stamps[-1], 16, 0)


@pytest.mark.parametrize('rate', [30.0, 60.0, 100.0, 200.0])
def test_faster_camera_gives_nearest_frames(rate):
    stamps = stream(rate, round(3 * rate))
    got, info = fill(buffer(), stamps)
    slots = ClipSpec(16, 25.0).slots(stamps[-1])
    assert got == [nearest(stamps, slot) for slot in slots]
    assert info.missing == 0
    assert all(abs(a - b) <= NANOSECONDS / rate / 2 for a, b in zip(got, slots, strict=True))


@pytest.mark.parametrize(('rate', 'received'), [(12.5, 8), (10.0, 7), (5.0, 4), (1.0, 1)])
def test_slower_camera_repeats_frames_and_counts_missing_slots(rate, received):
    stamps = stream(rate, 30)
    got, info = fill(buffer(), stamps)
    assert got[-1] == stamps[-1]
    assert len(set(got)) == received
    assert info.missing == 16 - received


def test_jitter_is_resolved_by_nearest_stamp():
    generator = torch.Generator().manual_seed(3)
    jitter = (torch.rand(90, generator=generator) * 2 - 1) * 9_000_000
    stamps = [a + int(j) for a, j in zip(stream(30.0, 90), jitter, strict=True)]
    got, info = fill(buffer(), stamps)
    assert got == [nearest(stamps, slot) for slot in ClipSpec(16, 25.0).slots(stamps[-1])]
    assert info.missing == 16 - len(set(got))


def test_first_frames_fill_the_slots_before_them():
    clips = buffer()
    for count, stamp in enumerate(stream(25.0, 20), 1):
        clips.push(stamp, image(stamp))
        clip, info = clips.clip()
        assert info.missing == max(0, 16 - count)
        assert clip.shape == (1, 16, 1, 1)
        if count < 16:
            assert info.start == START
            assert (clip.flatten()[: 16 - count + 1] == 0).all()


def test_short_gap_is_bridged_by_the_frames_at_its_ends():
    before = stream(25.0, 30)
    after = stream(25.0, 3, before[-1] + 400_000_000)
    got, info = fill(buffer(), before + after)
    assert got == [nearest(before + after, s) for s in ClipSpec(16, 25.0).slots(after[-1])]
    assert {before[-1], after[0]} <= set(got)
    assert info.missing == 9  # ten steps lie between 25 Hz frames 400 ms apart


def test_longer_gap_is_not_bridged_but_the_past_still_counts():
    before = stream(25.0, 60)
    after = stream(25.0, 2, before[-1] + 800_000_000)
    clips = ClipBuffer(ClipSpec(32, 25.0), BRIDGE, RESTART)
    got, info = fill(clips, before + after)
    inside = [s for s in ClipSpec(32, 25.0).slots(after[-1]) if before[-1] < s < after[0]]
    assert len(inside) == 19
    assert got == before[-11:] + [after[0]] * 19 + after
    assert info.missing == 19


def test_long_gap_restarts_the_clip():
    before = stream(25.0, 30)
    after = stream(25.0, 3, before[-1] + 2_000_000_001)
    clips = buffer()
    got, info = fill(clips, before + after)
    assert got == [after[0]] * 14 + after[1:]
    assert info.start == after[0]
    assert info.missing == 13
    assert len(clips) == 3


def test_rate_may_change_in_mid_stream():
    fast = stream(50.0, 50)
    slow = stream(10.0, 4, fast[-1] + 100_000_000)
    got, _ = fill(buffer(), fast + slow)
    assert got == [nearest(fast + slow, s) for s in ClipSpec(16, 25.0).slots(slow[-1])]
    back = stream(60.0, 60, slow[-1] + 20_000_000)
    got, info = fill(buffer(), fast + slow + back)
    assert got == [nearest(back, s) for s in ClipSpec(16, 25.0).slots(back[-1])]
    assert info.missing == 0


def test_other_resolution_begins_the_clip_afresh():
    clips = buffer(frames=4)
    stamps = stream(25.0, 6)
    for stamp in stamps[:4]:
        clips.push(stamp, torch.zeros(3, 48, 64))
    for stamp in stamps[4:]:
        clips.push(stamp, torch.ones(3, 72, 96))
    clip, info = clips.clip()
    assert clip.shape == (3, 4, 72, 96)
    assert (info.start, info.missing) == (stamps[4], 2)


def test_images_are_kept_and_not_copied():
    clips = buffer(frames=1)
    kept = torch.zeros(3, 8, 8)
    clips.push(START, kept)
    clip, _ = clips.clip()
    kept[0, 0, 0] = 7
    assert clips.clip()[0][0, 0, 0, 0] == 7
    assert clip[0, 0, 0, 0] == 0  # what a query gave stays as it was


def test_memory_and_cost_are_bounded_by_the_clip_and_not_by_the_camera():
    clips = buffer(frames=8)
    for stamp in stream(10_000.0, 10_000):
        clips.push(stamp, image(stamp))
    assert len(clips) <= 2 * FRAMES_PER_SLOT * 8
    got = (clips.clip()[0].flatten() + START).tolist()
    slots = ClipSpec(8, 25.0).slots(stream(10_000.0, 10_000)[-1])
    assert all(abs(a - b) <= 40e6 / 2 / FRAMES_PER_SLOT for a, b in zip(got, slots, strict=True))


def test_a_query_looks_at_a_bounded_number_of_frames(monkeypatch):
    """Count the look-ups: K searches in a list whose length the clip bounds."""
    import actloc_ros.models.clips as module

    calls = []
    original = module.bisect_left
    monkeypatch.setattr(module, 'bisect_left', lambda a, x: calls.append(len(a)) or original(a, x))
    clips = buffer()
    for stamp in stream(500.0, 3000):
        clips.push(stamp, image(stamp))
    calls.clear()
    clips.clip()
    assert len(calls) == 16
    assert max(calls) <= 2 * FRAMES_PER_SLOT * 16


def test_clear_forgets():
    clips = buffer()
    fill(clips, stream(25.0, 20))
    clips.clear()
    with pytest.raises(ValueError, match='before the first frame'):
        clips.clip()
    _, info = fill(clips, [START - NANOSECONDS])  # after a jump back in time
    assert info.missing == 15


@pytest.mark.parametrize('second', [START, START - 1])
def test_stamps_must_rise(second):
    clips = buffer()
    clips.push(START, image(START))
    with pytest.raises(ValueError, match=f'{second} ns does not rise'):
        clips.push(second, image(second))


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [((0, 25.0), '1 frame or more, not 0'), ((16, 0.0), 'not 0.0'), ((16, float('nan')), 'nan')],
)
def test_bad_spec_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        ClipSpec(*arguments)


def test_bad_gaps_are_refused():
    with pytest.raises(ValueError, match='bridge_gap = 3'):
        ClipBuffer(ClipSpec(16, 25.0), 3, 2)


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.integers(1, 480_000_000), max_size=60),
    frames=st.integers(1, 20),
    rate=st.sampled_from([1.0, 7.5, 25.0, 29.97]),
)
def test_any_stream_without_long_gaps_gives_the_nearest_frames(steps, frames, rate):
    stamps = [START]
    for step in steps:
        stamps.append(stamps[-1] + max(step, round(NANOSECONDS / rate / FRAMES_PER_SLOT) + 1))
    got, info = fill(buffer(frames, rate), stamps)
    assert got == [nearest(stamps, slot) for slot in ClipSpec(frames, rate).slots(stamps[-1])]
    assert info.missing == frames - len(set(got))
    assert info.end == stamps[-1]
    assert info.start == got[0] == min(got)
