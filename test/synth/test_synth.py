"""Check the synthetic footage: the same bytes twice, exact boxes and depths, true geometry."""

import itertools

import numpy as np
import pytest

from actloc_ros.synth import LABELS, render
from actloc_ros.synth.body import POINT
from actloc_ros.synth.looks import make_body
from actloc_ros.synth.motions import make_style, walk
from actloc_ros.synth.scene import Scene, frame_stamp
from actloc_ros.synth.script import Actor, Segment, to_ns

SIZE = (320, 240)


@pytest.fixture(scope='module')
def frames():
    """Half a minute of two scenes at 4 Hz, with depth."""
    return [list(render(seed, 15, SIZE, 4, depth=True)) for seed in (3, 4)]


def test_same_seed_gives_same_bytes_and_other_seed_others():
    first, second = (list(render(7, 0.5, SIZE, 10, depth=True)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert a.image.tobytes() == b.image.tobytes()
        assert a.depth.tobytes() == b.depth.tobytes()
        assert a.actors == b.actors
    other = next(render(8, 0.5, SIZE, 10))
    assert other.image.tobytes() != first[0].image.tobytes()


@pytest.mark.parametrize(('seconds', 'rate', 'count'), [(1.0, 30.0, 30), (0.5, 29.97, 15)])
def test_count_and_stamps_follow_the_rate(seconds, rate, count):
    found = list(render(0, seconds, (64, 48), rate))
    assert [frame.stamp for frame in found] == [round(i * 1e9 / rate) for i in range(count)]
    for frame in found:
        assert frame.image.shape == (48, 64, 3)
        assert frame.image.dtype == np.uint8
        assert frame.depth is None


def test_boxes_are_those_of_the_mask(frames):
    checked = 0
    for frame in itertools.chain(*frames):
        for truth in frame.actors:
            rows, columns = np.nonzero(frame.mask == truth.actor)
            box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert truth.box == box
            checked += 1
            assert (frame.mask == truth.actor).sum() >= 0.0004 * frame.mask.size
    assert checked > 100


def test_figures_stand_out_where_the_mask_says():
    """A mask without its picture would make every other test about boxes void."""
    scene = Scene(3, 15, SIZE)
    with_people = scene.frame(0)
    alone = Scene(3, 15, SIZE)
    camera = alone.path.at(0.0, *SIZE)
    empty = alone.lens.expose(alone.backdrop.paint(camera).image, 0.0)
    change = np.abs(with_people.image.astype(int) - empty).max(2)
    mask = with_people.mask > 0
    assert np.median(change[mask]) > 20
    assert np.median(change[~mask]) < 10


def test_depth_agrees_with_distance(frames):
    for frame in itertools.chain(*frames):
        assert frame.depth.dtype == np.float32
        for truth in frame.actors:
            seen = frame.depth[frame.mask == truth.actor]
            assert truth.distance == truth.position[2]
            # Limbs reach a metre around the pelvis, and a lying body further.
            assert abs(np.median(seen) - truth.distance) < 1.3


def test_labels_are_those_of_the_intervals(frames):
    seen = set()
    for frame in itertools.chain(*frames):
        for truth in frame.actors:
            assert truth.labels
            assert set(truth.labels) <= set(LABELS)
            seen |= set(truth.labels)
            for action in truth.actions:
                assert action.start <= frame.stamp < action.end
    assert len(seen) >= 6


@pytest.mark.parametrize('seed', range(8))
def test_actions_of_an_actor_chain_without_gaps(seed):
    scene = Scene(seed, 20, (64, 48))
    for actor in scene.actors:
        for before, after in itertools.pairwise(actor.segments):
            assert before.end == after.start
            assert before.finish == after.begin
        assert actor.segments[-1].end >= 20
        for label in LABELS:
            spans = [(a.start, a.end) for a in actor.actions() if a.label == label]
            for (_, end), (start, _) in itertools.pairwise(spans):
                assert end < start, label


@pytest.mark.parametrize('seed', range(4))
def test_joints_never_jump(seed):
    """Chained motions pass into each other: no joint is faster than a thrown-up hand."""
    scene = Scene(seed, 15, (64, 48))
    step = 0.02
    for actor in scene.actors:
        places = np.array([actor.joints(time) for time in np.arange(0, 15, step)])
        speeds = np.linalg.norm(np.diff(places, axis=0), axis=2) / step
        assert speeds.max() < 16, np.unravel_index(speeds.argmax(), speeds.shape)


def test_all_labels_occur():
    labels = set()
    for seed in range(12):
        scene = Scene(seed, 30, (64, 48))
        labels |= {action.label for actions in scene.actions for action in actions}
    assert labels == set(LABELS)


def _walker(begin, finish, number=1):
    """Return somebody who walks for 3 s."""
    rng = np.random.default_rng(1)
    actor = Actor(number, make_body(rng), make_style(rng))
    way = np.subtract(finish, begin)

    def pose(since, share):
        return walk(actor.style, actor.body.leg, 1.2, share * np.linalg.norm(way))

    heading = float(np.arctan2(way[1], way[0]))
    actor.segments.append(Segment(0, 3, ('walking',), pose, begin, finish, heading))
    return actor


def _film(actors):
    """Film actors, alone in a scene, with a camera that stands still."""
    scene = Scene(5, 3, SIZE)
    scene.world.blocks.clear()
    scene.path.reach[:] = 0
    scene.set_actors(actors)
    return [scene.frame(frame_stamp(index, 5)) for index in range(15)]


def _walk_scene(begin, finish):
    return _film([_walker(begin, finish)])


def test_who_is_hidden_is_not_annotated():
    behind = _walker((5.0, -1.0), (5.0, 1.0))
    in_front = _walker((3.0, -0.1), (3.0, 0.1), number=2)
    hidden, shown = set(), set()
    for alone, both in zip(_film([behind]), _film([behind, in_front]), strict=True):
        x1, y1, x2, y2 = alone.actors[0].box
        share = (both.mask == 1).sum() / ((x2 - x1) * (y2 - y1))
        (shown if 1 in {truth.actor for truth in both.actors} else hidden).add(share)
    assert any(0.03 < share < 0.12 for share in hidden)
    assert all(share < 0.12 for share in hidden)
    assert 0.1 <= min(shown) < 0.4 <= max(shown)


def test_who_approaches_grows_and_comes_nearer():
    truths = [frame.actors[0] for frame in _walk_scene((6.0, 0.3), (3.0, 0.3))]
    heights = [truth.box[3] - truth.box[1] for truth in truths]
    distances = [truth.distance for truth in truths]
    assert heights[-1] > 1.6 * heights[0]
    assert distances[0] - distances[-1] == pytest.approx(2.9, abs=0.3)
    assert all(b < a for a, b in itertools.pairwise(distances[1:-1]))
    # A pinhole camera: what is half as far is twice as high.
    assert heights[-1] / heights[0] == pytest.approx(distances[0] / distances[-1], rel=0.12)


@pytest.mark.parametrize(('begin', 'finish', 'sign'), [(1.0, -1.0, 1), (-1.0, 1.0, -1)])
def test_the_world_s_left_is_the_image_s_left(begin, finish, sign):
    """A walk towards -y, the camera's right, raises columns."""
    truths = [frame.actors[0] for frame in _walk_scene((4.0, begin), (4.0, finish))]
    middles = [(truth.box[0] + truth.box[2]) / 2 for truth in truths]
    assert sign * (middles[-1] - middles[0]) > 80
    sides = [truth.position[0] for truth in truths]
    assert sign * (sides[-1] - sides[0]) == pytest.approx(2, abs=0.2)


def test_feet_stand_on_the_ground_and_hardly_slide():
    frames = _walk_scene((4.0, 1.0), (4.0, -1.0))
    assert frames[0].actors
    rng = np.random.default_rng(1)
    actor = Actor(1, make_body(rng), make_style(rng))

    def pose(since, share):
        return walk(actor.style, actor.body.leg, 1.2, share * 3.6)

    actor.segments.append(Segment(0, 3, ('walking',), pose, (0, 0), (3.6, 0), 0.0))
    times = np.arange(1.0, 2.0, 0.01)
    joints = np.array([actor.joints(time) for time in times])
    feet = joints[:, [POINT['ankle_l'], POINT['ankle_r']]]
    lower = feet[..., 2].argmin(1)
    kept = np.flatnonzero(np.diff(lower) == 0)
    planted = feet[np.arange(len(times)), lower, 0]
    slide = np.abs(planted[kept + 1] - feet[kept, lower[kept], 0]) / 0.01
    assert np.median(slide) < 0.5  # m/s, at a walk of 1.2 m/s


def test_frames_can_be_had_in_any_order():
    """Training picks clips out of long scenes."""
    frames = list(render(2, 6, SIZE, 2))
    scene = Scene(2, 6, SIZE)
    for frame in reversed(frames):
        again = scene.frame(frame.stamp)
        assert again.image.tobytes() == frame.image.tobytes()
        assert again.actors == frame.actors


def test_scene_does_not_depend_on_size_and_rate():
    small, large = Scene(2, 10, (64, 48)), Scene(2, 10, SIZE)
    assert [list(a) for a in small.actions] == [list(a) for a in large.actions]
    a, b = (next(render(2, 10, SIZE, rate)) for rate in (5, 30))
    assert a.actors == b.actors


def test_even_scenes_hold_more_of_what_is_rare():
    counts = [
        sum(
            action.label == 'falling'
            for seed in range(10)
            for actions in Scene(seed, 15, (64, 48), even).actions
            for action in actions
        )
        for even in (False, True)
    ]
    assert counts[1] > 2 * counts[0] > 0


@pytest.mark.parametrize(
    ('arguments', 'word'),
    [((-1, 1, SIZE, 30), 'seed'), ((0, 0, SIZE, 30), 'seconds'), ((0, 1, (8, 8), 30), 'size'),
     ((0, 1, SIZE, 0), 'rate')],
)  # fmt: skip
def test_bad_arguments_are_named(arguments, word):
    with pytest.raises(ValueError, match=word):
        render(*arguments)


def test_to_ns_is_exact_to_the_nanosecond():
    assert to_ns(1.25) == 1_250_000_000
