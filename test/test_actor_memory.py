"""Check the memory of actors: one function step by step and along tracks; blank, nothing."""

import numpy as np
import pytest
import torch

from actloc_ros.frames import Frame
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.actor_following import MOST_ACTORS, Following, Seen
from actloc_ros.models.actor_history import History
from actloc_ros.models.actor_memory import HIDDEN, ActorMemory, nearest, places
from actloc_ros.models.actor_record import gather, told
from actloc_ros.models.loading import open_network
from actloc_ros.models.stream_localizer import StreamLocalizer
from actloc_ros.synth import render

FEATURES, CLASSES, WIDTH, HEIGHT = 12, 4, 256, 192
PERIOD = 80_000_000  # ns


@pytest.fixture
def memory():
    """Return a memory that says much."""
    torch.manual_seed(0)
    memory = ActorMemory(FEATURES, 3, CLASSES).eval().requires_grad_(False)
    for reading in (memory.now, memory.afterwards):
        for layer in (reading.actions, reading.actor):
            torch.nn.init.normal_(layer.weight)
            torch.nn.init.normal_(layer.bias)
    memory.mean.normal_()
    return memory


def crowd(frame, count=3):
    """Return people who walk right, 60 pixels apart, and something too weak to be followed."""
    torch.manual_seed(frame)
    left = torch.arange(count) * 60.0 + 2 * frame
    boxes = torch.stack([left, torch.full_like(left, 40), left + 30, torch.full_like(left, 130)], 1)
    boxes = torch.cat([boxes, torch.tensor([[200.0, 150, 215, 190]])])
    return Seen(
        boxes,
        torch.tensor([2.0] * count + [-2.0]),
        torch.randn(count + 1, CLASSES),
        torch.randn(count + 1, FEATURES),
        torch.randint(3, (count + 1,)),
    )


def run(memory, frames, keep=lambda frame: True):
    """Return glances and corrected logits of frames."""
    following = Following(memory, WIDTH, HEIGHT)
    return [following.look(f * PERIOD, crowd(f), keep(f)) for f in frames]


def assert_near(got, want):
    torch.testing.assert_close(got, want, rtol=0, atol=1e-5)


def test_frame_by_frame_equals_the_whole_track(memory):
    seen = run(memory, range(12))
    record = gather([glance for glance, _, _ in seen])
    actor = torch.cat([each for _, each, _ in seen])
    actions = torch.cat([each for _, _, each in seen])
    tracks = record.tracks()
    assert sorted(len(rows) for rows in tracks) == [1] * 12 + [12] * 3
    for rows in tracks:
        taken, before, _ = memory.along(record.sights(rows[None]), torch.tensor([len(rows)]))
        more_actions, more_actor = memory.now(taken, before)
        assert more_actions.abs().max() > 0.1
        assert_near(actions[rows], record.actions[rows] + more_actions[0])
        assert_near(actor[rows], record.actor[rows] + more_actor[0])


def test_tracks_of_one_batch_know_nothing_of_each_other(memory):
    record = gather([glance for glance, _, _ in run(memory, range(8))])
    long, *_ = (rows for rows in record.tracks() if len(rows) == 8)
    short = long[:3]
    padded = torch.stack([long, torch.cat([short, short.new_zeros(5)])])
    both = memory.along(record.sights(padded), torch.tensor([8, 3]))
    alone = memory.along(record.sights(short[None]), torch.tensor([3]))
    for got, want in zip(both, alone, strict=True):
        assert_near(got[1, :3], want[0])


def test_what_comes_later_tells_in_hindsight_alone(memory):
    glances = [glance for glance, _, _ in run(memory, range(10))]
    whole, part = gather(glances), gather(glances[:6])
    _, (actor, actions) = told(whole, memory)
    _, (_, cut) = told(part, memory)
    assert actor.shape == (40,)
    assert (actions[: len(part)] - cut).abs().max() > 1e-3
    for rows in whole.tracks():
        taken, before, after = memory.along(whole.sights(rows[None]), torch.tensor([len(rows)]))
        assert_near(
            actions[rows], whole.actions[rows] + memory.afterwards(taken, before, after)[0][0]
        )


def test_a_frame_that_is_not_kept_sees_the_past_and_leaves_no_trace(memory):
    every, some = range(12), range(0, 12, 2)
    mixed = run(memory, every, keep=lambda frame: frame % 2 == 0)
    alone = run(memory, some)
    for frame, (_, actor, actions) in zip(some, alone, strict=True):
        assert_near(mixed[frame][1], actor)
        assert_near(mixed[frame][2], actions)
    now, hindsight = told(gather([glance for glance, _, _ in mixed]), memory)
    assert_near(now.actor, torch.cat([actor for _, actor, _ in mixed]))
    assert_near(now.actions, torch.cat([actions for _, _, actions in mixed]))
    _, expected = told(gather([glance for glance, _, _ in alone]), memory)
    every_second = hindsight.actions.unflatten(0, (12, 4))[::2].flatten(0, 1)
    assert_near(every_second, expected.actions)
    assert (mixed[3][2] - mixed[3][0].seen.actions).abs().max() > 0.1


def test_a_reset_forgets_everyone(memory):
    following = Following(memory, WIDTH, HEIGHT)
    [fresh, *_] = run(memory, [5])
    for frame in range(5):
        following.look(frame * PERIOD, crowd(frame), True)
    warm = Following(memory, WIDTH, HEIGHT)
    warm.look(4 * PERIOD, crowd(4), True)
    assert (warm.look(5 * PERIOD, crowd(5), True)[2] - fresh[2]).abs().max() > 1e-3
    following.reset()
    assert_near(following.look(5 * PERIOD, crowd(5), True)[2], fresh[2])


def test_the_store_is_fixed_in_size_and_of_too_many_the_newest_are_remembered(memory):
    following = Following(memory, WIDTH, HEIGHT)
    size = following.nbytes
    for frame in range(8):  # all of them elsewhere than those of the frame before
        count = 20
        x = torch.arange(count) * 12.0
        y = torch.full((count,), 24.0 * frame)
        seen = Seen(
            torch.stack([x, y, x + 10, y + 20], dim=1),
            torch.full((count,), 3.0),
            torch.zeros(count, CLASSES),
            torch.randn(count, FEATURES),
            torch.zeros(count, dtype=torch.int64),
        )
        glance, _, _ = following.look(frame * PERIOD, seen, True)
    assert glance.ids.max() == 160 > MOST_ACTORS
    assert following.nbytes == size == MOST_ACTORS * HIDDEN * 4
    again, _, _ = following.look(8 * PERIOD, seen, True)
    assert (again.since > 0).all(), 'those just seen are remembered'


def test_nobody_is_an_answer_too(memory):
    following = Following(memory, WIDTH, HEIGHT)
    none = Seen(
        torch.zeros(0, 4),
        torch.zeros(0),
        torch.zeros(0, CLASSES),
        torch.zeros(0, FEATURES),
        torch.zeros(0, dtype=torch.int64),
    )
    glance, actor, actions = following.look(0, none, True)
    assert actor.shape == (0,)
    assert actions.shape == (0, CLASSES)
    for each in told(gather([glance]), memory):
        assert each.actions.shape == (0, CLASSES)


def test_others_are_the_nearest_who_are_surely_there():
    boxes = torch.tensor([[0.0, 0, 10, 20], [30, 0, 40, 20], [12, 0, 22, 40], [14, 0, 24, 20]])
    index, relations = nearest(boxes, torch.tensor([0.9, 0.8, 0.7, 0.1]))
    assert index.tolist() == [[2, 1], [0, 2], [0, 1], [0, 1]]
    # From the first, the third is 12 pixels right and 10 down, of 20, and twice as high.
    assert_near(relations[0, 0], torch.tensor([0.6, 0.5, float(np.log(2)), 1.0]))
    index, relations = nearest(boxes[:1], torch.tensor([0.9]))
    assert index.tolist() == [[0, 0]]
    assert not relations.any()


def test_places_are_told_in_the_actor_s_own_heights():
    boxes = torch.tensor([[118.0, 46, 138, 146], [0.0, 0, 50, 192]])
    where = places(boxes, torch.tensor([2.0, -2.0]), WIDTH, HEIGHT)
    assert_near(where[0, :4], torch.tensor([0.0, 0.0, float(np.log(100 / 192)), 0.2]))
    assert where[:, 4:8].tolist() == [[0, 0, 0, 0], [1, 0, 1, 1]]
    assert_near(where[:, 8], torch.tensor([0.5, -0.5]))


@pytest.fixture(scope='module')
def scene():
    """Return 3 s of people."""
    return [Frame('', f.stamp, f.image) for f in render(9_900_000, 3.0, (320, 240), 15.0)]


def opened(blank):
    network = open_network('stream_n')
    memory = network.network.memory
    memory.reset()
    if not blank:
        torch.manual_seed(1)
        torch.nn.init.normal_(memory.now.actions.weight)
        torch.nn.init.normal_(memory.afterwards.actions.weight)
    return StreamLocalizer(network, LocalizerOptions(device='cpu'))


def test_a_blank_memory_changes_nothing_and_cannot_look_back(scene):
    plain, watched = opened(blank=True), opened(blank=True)
    assert not plain.keep_all()
    with pytest.raises(RuntimeError, match='keep_all'):
        plain.look_back()
    watched.history = History()
    for frame in scene[:6]:
        [a], [b] = plain.step([frame]), watched.step([frame])
        assert len(a)
        np.testing.assert_array_equal(a.actions, b.actions)
        np.testing.assert_array_equal(a.scores, b.scores)
    assert watched.state_bytes > plain.state_bytes


def test_a_localizer_corrects_scores_and_looks_back_life_by_life(scene):
    plain, knowing = opened(blank=True), opened(blank=False)
    assert knowing.keep_all()
    now = []
    for frame in scene:
        if frame is scene[20]:
            knowing.reset()
            plain.reset()
        [before], [after] = plain.step([frame]), knowing.step([frame])
        np.testing.assert_array_equal(before.boxes, after.boxes)
        now.append(after)
    assert any(np.abs(a.actions).sum() for a in now)
    back = knowing.look_back()
    assert len(back) == len(scene)
    assert knowing.look_back() == []
    alone = opened(blank=False)
    assert alone.keep_all()
    for frame in scene[:20]:
        alone.step([frame])
    for frame, got, want in zip(scene, back, alone.look_back(), strict=False):
        assert got.clip.end == frame.stamp
        np.testing.assert_array_equal(got.boxes, want.boxes)
        np.testing.assert_allclose(got.actions, want.actions, atol=1e-6)
    assert max(np.abs(a.actions - b.actions).max() for a, b in zip(now, back, strict=True)) > 0.01


def test_cameras_of_a_batch_remember_apart(scene):
    together, alone = opened(blank=False), opened(blank=False)
    for one, other in zip(scene[:10], scene[10:20], strict=True):
        pair = [Frame('a', one.stamp, one.image), Frame('b', other.stamp, other.image)]
        got = together.step(pair)[0]
        [want] = alone.step([one])
        np.testing.assert_allclose(got.actions, want.actions, atol=1e-4)
