"""Check the way from frames to steps: batches, broken time, restarts, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instance_checks import finished
from painted import Painted, PaintLocalizer, paint

from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.instances import InstanceOptions, InstanceState, LabelOptions
from actloc_ros.localizer import Detections
from actloc_ros.pipeline import FrameResult, LocalizerError, Pipeline
from actloc_ros.tracks import TrackOptions

MS = NANOSECONDS // 1000
BOX = (20, 30, 40, 80)
RED: list[Painted] = [(BOX, (255, 0, 0))]
GREY: list[Painted] = [(BOX, (50, 50, 50))]
AT_ONCE = InstanceOptions(min_duration=0, merge_gap=0.3)


def make(localizer: PaintLocalizer | None = None, restart_gap: float = 2.0) -> Pipeline:
    return Pipeline(
        localizer or PaintLocalizer(), TrackOptions(), AT_ONCE, restart_gap, max_lateness=0.05
    )


def reported(steps: Sequence[FrameResult]) -> list[tuple]:
    return [
        (s.stamp // MS, s.restart, [(a.track_id, a.instance_id, a.state.name) for a in s.actions])
        for s in steps
    ]


def test_a_step_says_whose_it_is() -> None:
    (step,) = make().step([paint(5 * MS, RED, 'front')])
    assert (step.camera, step.stamp, step.frame_id) == ('front', 5 * MS, 'front_optical_frame')
    assert (step.width, step.height, step.clip.end, step.restart) == (160, 120, 5 * MS, False)
    (action,) = step.actions
    assert (action.state, action.box, action.class_id) == (InstanceState.STARTED, BOX, 0)
    assert step.timing.infer > 0
    assert step.timing.link > 0


def test_an_empty_image_gives_an_empty_step() -> None:
    (step,) = make().step([paint(0, [])])
    assert step.actions == ()


def test_cameras_are_one_batch_and_do_not_mix() -> None:
    localizer = PaintLocalizer()
    pipeline = make(localizer)
    left, right = pipeline.step([paint(10, RED, 'left'), paint(90, GREY, 'right')])
    assert localizer.batches == [['left', 'right']]
    assert [a.state for a in left.actions + right.actions] == [
        InstanceState.STARTED,
        InstanceState.UNKNOWN,
    ]
    (right,) = pipeline.step([paint(95, RED, 'right')])
    assert [(a.track_id, a.instance_id) for a in right.actions] == [(1, 1)], 'ids are per camera'
    assert reported(pipeline.reset('left')) == [(0, True, [(1, 1, 'ENDED')])]
    assert reported(pipeline.reset()) == [(0, True, [(1, 1, 'ENDED')])]
    assert pipeline.step([]) == []


def test_two_frames_of_one_camera_are_refused() -> None:
    with pytest.raises(ValueError, match='at most one frame of each camera'):
        make().step([paint(1, RED), paint(2, RED)])


def test_a_repeated_stamp_is_dropped_and_counted() -> None:
    pipeline = make()
    assert len(pipeline.step([paint(7, RED)])) == 1
    assert pipeline.step([paint(7, RED)]) == []
    assert pipeline.repeated == {'': 1}
    (step,) = pipeline.step([paint(8, RED)])
    assert [a.state for a in step.actions] == [InstanceState.ONGOING]


def test_late_frames_are_dropped_and_counted_and_nothing_is_forgotten() -> None:
    pipeline = Pipeline(PaintLocalizer(), TrackOptions(), AT_ONCE)
    stamps = [i * 100 * MS - (i % 5 == 4) * 250 * MS for i in range(25)]
    steps = [step for stamp in stamps for step in pipeline.step([paint(stamp, RED)])]
    actions = [action for step in steps for action in step.actions]
    assert {action.track_id for action in actions} == {1}
    assert [a.state for a in actions].count(InstanceState.STARTED) == 1
    assert len(steps) == 20
    assert (pipeline.late, pipeline.restarts) == ({'': 5}, {})


def test_late_by_max_lateness_is_a_jump() -> None:
    pipeline = make()
    pipeline.step([paint(200 * MS, RED)])
    assert pipeline.step([paint(150 * MS + 1, RED)]) == []
    assert len(pipeline.step([paint(150 * MS, RED)])) == 2
    assert (pipeline.late, pipeline.restarts) == ({'': 1}, {'': 1})
    with pytest.raises(ValueError, match='max_lateness is nan'):
        Pipeline(PaintLocalizer(), max_lateness=float('nan'))


def test_zero_is_a_time_at_the_start_and_no_time_later() -> None:
    pipeline = make()
    assert reported(pipeline.step([paint(0, RED)])) == [(0, False, [(1, 1, 'STARTED')])]
    assert pipeline.step([paint(0, RED)]) == []
    assert len(pipeline.step([paint(100 * MS, RED)])) == 1
    assert pipeline.step([paint(0, RED)]) == []
    assert reported(pipeline.step([paint(200 * MS, RED)])) == [(200, False, [(1, 1, 'ONGOING')])]
    assert (pipeline.repeated, pipeline.unstamped) == ({'': 1}, {'': 1})


@pytest.mark.parametrize(
    'frame',
    [paint(50 * MS, RED), paint(2500 * MS, RED), paint(200 * MS, RED, size=(320, 240))],
    ids=['time jumps back', 'long gap', 'another resolution'],
)
def test_a_camera_begins_afresh(frame: Frame) -> None:
    localizer = PaintLocalizer()
    pipeline = make(localizer)
    pipeline.step([paint(100 * MS, RED)])
    pipeline.step([paint(150 * MS, RED, 'other')])
    ended, step = pipeline.step([frame])
    assert reported([ended, step]) == [
        (100, True, [(1, 1, 'ENDED')]),
        (frame.stamp // MS, False, [(2, 2, 'STARTED')]),
    ]
    assert (ended.width, ended.height, ended.frame_id) == (160, 120, '_optical_frame')
    assert (ended.actions[0].start, ended.actions[0].end) == (100 * MS, 100 * MS)
    assert step.actions[0].start == frame.stamp
    assert localizer.resets == ['']
    assert pipeline.restarts == {'': 1}
    assert reported(pipeline.step([paint(200 * MS, RED, 'other')])) == [
        (200, False, [(1, 1, 'ONGOING')])
    ]


def test_a_gap_of_just_the_restart_gap_goes_on() -> None:
    pipeline = make(restart_gap=0.5)
    pipeline.step([paint(0, RED)])
    assert reported(pipeline.step([paint(500 * MS, RED)])) == [(500, False, [(1, 1, 'ONGOING')])]
    assert len(pipeline.step([paint(1000 * MS + 1, RED)])) == 2


def test_nothing_open_ends_nothing() -> None:
    pipeline = make()
    pipeline.step([paint(100 * MS, GREY)])
    assert reported(pipeline.step([paint(50 * MS, GREY)])) == [(50, False, [(2, 0, 'UNKNOWN')])]
    assert pipeline.reset() == []
    assert pipeline.reset('never seen') == []


def test_an_actor_out_of_the_image_is_not_seen() -> None:
    class Beyond(PaintLocalizer):
        def step(self, frames: Sequence[Frame]) -> list[Detections]:
            boxes = np.array([[-9, -9, 30, 300], [200, 5, 300, 9], [5, 5, 5, 9]], np.float32)
            return [
                replace(
                    found,
                    boxes=boxes,
                    scores=np.ones(3, np.float32),
                    actions=np.ones((3, 3), np.float32),
                    track_ids=np.array([5, 6, 7]),
                )
                for found in super().step(frames)
            ]

    (step,) = make(Beyond()).step([paint(0, RED)])
    assert {(a.track_id, a.box) for a in step.actions} == {(5, (0, 0, 30, 120))}


def test_boxes_lie_inside_the_image_also_when_what_they_showed_has_ended() -> None:
    """So messages need not clip them again."""

    class Beyond(PaintLocalizer):
        def step(self, frames: Sequence[Frame]) -> list[Detections]:
            found = super().step(frames)
            return [replace(f, boxes=np.float32([[-9.5, 7.25, 9e4, 300]])[: len(f)]) for f in found]

    pipeline = make(Beyond())
    steps = pipeline.step([paint(0, RED)])
    steps += pipeline.step([paint(200 * MS, [])])
    steps += pipeline.step([paint(400 * MS, [])])
    steps += pipeline.step([paint(500 * MS, RED)])
    steps += pipeline.step([paint(600 * MS, RED, size=(320, 240))])
    boxes = [(s.width, [(a.state.name, a.box) for a in s.actions]) for s in steps]
    small, large = (0.0, 7.25, 160.0, 120.0), (0.0, 7.25, 320.0, 240.0)
    assert boxes == [
        (160, [('STARTED', small)]),
        (160, []),
        (160, [('ENDED', small)]),
        (160, [('STARTED', small)]),
        (160, [('ENDED', small)]),
        (320, [('STARTED', large)]),
    ]


def test_preprocessing_is_timed_where_the_localizer_measures_it() -> None:
    class Timed(PaintLocalizer):
        preprocess_time = 0.25

    (step,) = make(Timed()).step([paint(0, RED)])
    assert step.timing.preprocess == 0.25
    (step,) = make().step([paint(0, RED)])
    assert step.timing.preprocess == 0


def malformed(**changes: np.ndarray) -> PaintLocalizer:
    class Malformed(PaintLocalizer):
        def step(self, frames: Sequence[Frame]) -> list[Detections]:
            return [replace(found, **changes) for found in super().step(frames)]

    return Malformed()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'actions': np.ones((1, 2), np.float32)}, r'for 3 labels they must be .*\(N, 3\)'),
        ({'scores': np.ones(2, np.float32)}, 'must be'),
        ({'boxes': np.ones((1, 5), np.float32)}, 'must be'),
        ({'boxes': np.full((1, 4), np.nan, np.float32)}, 'not finite'),
        ({'actions': np.full((1, 3), np.inf, np.float32)}, 'not finite'),
        ({'track_ids': np.array([0])}, 'track ids'),
        ({'track_ids': np.array([1, 2])}, 'track ids'),
    ],
)
def test_a_malformed_answer_is_refused(changes: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(LocalizerError, match=message):
        make(malformed(**changes)).step([paint(0, RED)])


def test_a_missing_answer_is_refused() -> None:
    class Silent(PaintLocalizer):
        def step(self, frames: Sequence[Frame]) -> list[Detections]:
            return []

    with pytest.raises(LocalizerError, match='0 results for 1 frames'):
        make(Silent()).step([paint(0, RED)])


def test_what_ended_is_told_even_if_the_next_frame_fails() -> None:
    class Failing(PaintLocalizer):
        def step(self, frames: Sequence[Frame]) -> list[Detections]:
            if frames[0].stamp == 50 * MS:
                raise RuntimeError('out of memory')
            return super().step(frames)

    pipeline = make(Failing())
    pipeline.step([paint(100 * MS, RED)])
    with pytest.raises(RuntimeError, match='out of memory'):
        pipeline.step([paint(50 * MS, RED)])
    assert reported(pipeline.step([paint(60 * MS, RED)])) == [
        (100, True, [(1, 1, 'ENDED')]),
        (60, False, [(2, 2, 'STARTED')]),
    ]


def test_options_are_checked_before_any_frame_and_change_at_run_time() -> None:
    with pytest.raises(ValueError, match='restart_gap'):
        make(restart_gap=0)
    fly = InstanceOptions(overrides={'fly': LabelOptions()})
    with pytest.raises(ValueError, match="'fly'; labels are red, green, blue"):
        Pipeline(PaintLocalizer(), instances=fly)
    pipeline = make()
    pipeline.step([paint(0, GREY)])
    with pytest.raises(ValueError, match='fly'):
        pipeline.configure(instances=fly)
    pipeline.configure(instances=replace(AT_ONCE, start_score=0.1))
    (step,) = pipeline.step([paint(MS, GREY)])
    assert [a.state for a in step.actions] == [InstanceState.STARTED] * 3
    pipeline.configure(tracks=TrackOptions(max_gap=0.1))
    pipeline.step([paint(2 * MS, [])])
    assert [a.state for a in pipeline.step([paint(200 * MS, [])])[0].actions] == [
        InstanceState.ENDED
    ] * 3


def test_close_frees_the_localizer() -> None:
    localizer = PaintLocalizer()
    make(localizer).close()
    assert localizer.closed


colours = st.tuples(*[st.sampled_from([0, 60, 110, 130, 255])] * 3).filter(any)
walkers = st.tuples(st.integers(0, 120), st.integers(-40, 40), colours, st.integers(0, 15))
events = st.sampled_from(['frame'] * 12 + ['pause', 'loop', 'reset', 'resize', 'repeat'])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(walkers, max_size=3),
    st.lists(st.tuples(st.integers(20, 400), events), max_size=30),
    st.sampled_from([0.0, 0.2, 0.5]),
    st.sampled_from([0.0, 0.3]),
)
def test_random_recordings(actors: list, stream: list, duration: float, gap: float) -> None:
    """Walkers come, cross and go; time stops, jumps back and repeats; the image changes size."""
    options = InstanceOptions(min_duration=duration, merge_gap=gap)
    pipeline = Pipeline(PaintLocalizer(), TrackOptions(max_gap=0.6), options)
    stamp, size, steps = 100 * NANOSECONDS, (200, 60), []
    for step, event in stream:
        if event == 'reset':
            steps += pipeline.reset()
        if event == 'resize':
            size = (size[0] ^ 8, size[1])
        stamp += {'pause': 3000, 'loop': -700, 'repeat': 0}.get(event, step) * MS
        seconds = stamp / NANOSECONDS - 100
        painted = [
            ((x, 10 + 15 * row, x + 12, 22 + 15 * row), colour)
            for row, (start, speed, colour, hidden) in enumerate(actors)
            if 0 <= (x := int(start + speed * seconds)) <= 180 and int(seconds * 10) % 16 != hidden
        ]
        found = pipeline.step([paint(stamp, painted, size=size)])
        assert len([s for s in found if not s.restart]) <= 1
        steps += found
    steps += pipeline.reset()
    check_steps(steps)


def check_steps(steps: Sequence[FrameResult]) -> None:
    instances = finished([step.actions for step in steps])
    last: FrameResult | None = None
    tracks: set[int] = set()
    newest = 0
    for step in steps:
        if step.restart:
            assert last is not None
            assert (step.stamp, step.width) == (last.stamp, last.width)
            assert {a.state for a in step.actions} == {InstanceState.ENDED}
        else:
            fresh = sorted({a.track_id for a in step.actions if a.detected} - tracks)
            assert all(track_id > newest for track_id in fresh), 'no track comes back'
            tracks, newest = tracks | set(fresh), max([newest, *fresh])
            assert all(a.start <= a.end <= step.stamp for a in step.actions)
        last = step
    assert all(one.start <= one.end for one in instances)


class JointPainter(PaintLocalizer):
    """Reports joints beside what it paints: those of `joints`, an array for each step."""

    joint_names = ('head', 'hand')

    def __init__(self, *joints: np.ndarray | None) -> None:
        super().__init__()
        self._joints = list(joints)

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the bright regions, with the next joints."""
        return [replace(each, joints=self._joints.pop(0)) for each in super().step(frames)]


def painted_joints(
    *joints: np.ndarray | None, names: tuple[str, ...] = ('head', 'hand')
) -> tuple[list[FrameResult], Pipeline]:
    """Return the results of a frame for each array of joints: two actors, the second last."""
    localizer = JointPainter(*joints)
    localizer.joint_names = names
    pipeline = Pipeline(localizer, instances=InstanceOptions(min_duration=0.0, merge_gap=0.0))
    actors = [*RED, ((60, 30, 80, 80), (255, 0, 0))]
    steps = [pipeline.step([paint(NANOSECONDS * i, actors)]) for i in range(1, 1 + len(joints))]
    return [step for [step] in steps], pipeline


def test_joints_go_with_their_actors_and_may_leave_the_image() -> None:
    joints = np.arange(12, dtype=np.float64).reshape(2, 2, 3) - 1e4
    joints[..., 2] = [[0, 1], [0.5, 0.25]]
    [first, second], pipeline = painted_joints(joints, None)
    assert pipeline.joint_names == ('head', 'hand')
    started = [action.joints for action in first.actions]
    assert [each.dtype for each in started] == [np.float32] * 2
    assert np.array_equal(started, joints.astype(np.float32))
    assert [action.joints for action in second.actions] == [None, None]
    [ended] = pipeline.reset()
    assert {action.state for action in ended.actions} == {InstanceState.ENDED}
    assert all(action.joints is None for action in ended.actions)


@pytest.mark.parametrize(
    ('joints', 'text'),
    [
        (np.zeros((1, 2, 3)), r'joints of shape \(1, 2, 3\).*must be \(2, 2, 3\)'),
        (np.zeros((2, 17, 3)), r'joints of shape \(2, 17, 3\)'),
        (np.zeros((2, 2, 2)), r'joints of shape \(2, 2, 2\)'),
        (np.full((2, 2, 3), np.nan), 'not finite'),
        (np.full((2, 2, 3), 1e300), 'not finite'),
        (np.full((2, 2, 3), 1.5), 'confidences outside 0 to 1'),
        (np.full((2, 2, 3), -0.5), 'confidences outside 0 to 1'),
    ],
)
def test_malformed_joints_are_refused(joints: np.ndarray, text: str) -> None:
    with pytest.raises(LocalizerError, match=text):
        painted_joints(joints)


def test_joints_without_names_are_refused() -> None:
    with pytest.raises(LocalizerError, match='0 joint_names'):
        painted_joints(np.zeros((2, 0, 3)), names=())


class FeaturedLocalizer(PaintLocalizer):
    """Offers features."""

    features = np.array([[1, 2], [3, 4]])

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find rectangles, with the same features each time."""
        return [replace(d, features=self.features) for d in super().step(frames)]


def test_features_come_by_track() -> None:
    localizer = FeaturedLocalizer()
    left, right = (0, 30, 20, 80), (60, 30, 80, 80)
    frame = paint(0, [(left, (255, 0, 0)), (right, (255, 0, 0))])
    (step,) = make(localizer).step([frame])
    assert {track: row.tolist() for track, row in step.features.items()} == {1: [1, 2], 2: [3, 4]}
    (step,) = make().step([frame])
    assert step.features == {}
    for wrong in (np.zeros((1, 2)), np.zeros(2), np.array([[1, 2], [3, np.nan]])):
        localizer = FeaturedLocalizer()
        localizer.features = wrong
        with pytest.raises(LocalizerError, match='gave features of shape'):
            make(localizer).step([frame])
