"""Check ensembles: names, labels, fusion on a stream, and cascades."""

import numpy as np
import pytest
from painted import PaintLocalizer, paint

from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions
from actloc_ros.models.ensemble.cascade import HOLD, Cascade
from actloc_ros.models.ensemble.localizer import EnsembleLocalizer
from actloc_ros.models.ensemble.names import MemberName, members_of
from actloc_ros.models.ensemble.open import open_ensemble
from actloc_ros.models.ensemble.options import EnsembleOptions
from actloc_ros.models.ensemble.pool import EnsembleFit, LabelFit, read_fit
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.open import open_localizer, side_inputs
from actloc_ros.pipeline import Pipeline

ACTOR = (20, 20, 60, 100)
CERTAIN = LabelFit((1.0, 1.0), (0.0, 0.0), (-3.0, -3.0), (0.5, 0.5), 1.0, 0.0)


class Fixed(Localizer):
    """Says the same of every frame."""

    def __init__(self, name, labels, actions, box=ACTOR, score=0.9, joints=None):
        self.name, self.labels, self.threshold = name, labels, 0.5
        self.joint_names = ('nose',) if joints is not None else ()
        self.steps, self.closed, self.joints = [], False, joints
        self._actions, self._box, self._score = actions, box, score

    def step(self, frames):
        """Note who is asked."""
        self.steps.append([frame.camera for frame in frames])
        return [self._find(frame) for frame in frames]

    def _find(self, frame):
        count = 0 if self._box is None else 1
        return Detections(
            np.array([self._box or (0, 0, 0, 0)], np.float32)[:count],
            np.array([self._score], np.float32)[:count],
            np.array([self._actions], np.float32)[:count],
            ClipInfo(frame.stamp, frame.stamp),
            joints=None if self.joints is None else np.array([self.joints], np.float32)[:count],
        )

    def reset(self, camera=None):
        """Do nothing: there is no past."""

    def close(self):
        """Note it."""
        self.closed = True


def step(ensemble, stamp=0, camera=''):
    (found,) = ensemble.step([paint(stamp, [], camera)])
    return found


def test_labels_that_differ_are_united_by_name():
    first = Fixed('a', ('walk', 'Run'), [0.8, 0.2])
    second = Fixed('b', ('run', 'fall'), [0.6, 0.4])
    ensemble = EnsembleLocalizer('e', [first, second], EnsembleOptions())
    assert ensemble.labels == ('walk', 'Run', 'fall')
    found = step(ensemble)
    np.testing.assert_allclose(found.boxes, [ACTOR], atol=1e-4)
    np.testing.assert_allclose(found.actions, [[0.8, 0.4, 0.4]], atol=1e-6)
    assert found.scores == pytest.approx(0.9)


def test_whom_one_member_alone_sees_scores_less_but_is_followed():
    ensemble = EnsembleLocalizer(
        'e',
        [Fixed('a', ('walk',), [0.8]), Fixed('b', ('walk',), [0.9], box=None)],
        EnsembleOptions(),
    )
    found = step(ensemble)
    assert found.actions.tolist() == [[pytest.approx(0.4)]]
    assert found.scores.tolist() == [pytest.approx(0.9)]


def test_joints_are_those_of_the_member_that_finds_them():
    other = Fixed('b', ('walk',), [0.9], box=(100, 20, 140, 100))
    with_joints = Fixed('a', ('walk',), [0.8], joints=[[30, 40, 0.7]])
    ensemble = EnsembleLocalizer('e', [other, with_joints], EnsembleOptions())
    assert ensemble.joint_names == ('nose',)
    found = step(ensemble)
    detected = found.joints[np.argmin(found.boxes[:, 0])]
    assert detected.tolist() == [[30, 40, pytest.approx(0.7)]]
    assert found.joints[np.argmax(found.boxes[:, 0])].tolist() == [[0, 0, 0]]


def test_one_linker_follows_what_members_detect():
    first, second = PaintLocalizer(), PaintLocalizer()
    pipeline = Pipeline(EnsembleLocalizer('e', [first, second], EnsembleOptions()))
    red = (200, 0, 0)
    ids = set()
    for index in range(20):
        actors = [((10 + index, 20, 40 + index, 90), red), ((100, 20, 130, 90), red)]
        for result in pipeline.step([paint(index * 100_000_000, actors)]):
            ids |= {action.track_id for action in result.actions}
    assert ids == {1, 2}
    pipeline.close()


def test_a_fit_calibrates_and_weighs_each_label():
    trusted = LabelFit((2.0, 1.0), (0.0, 0.0), (-3.0, -3.0), (1.0, 0.0), 1.0, 0.5)
    fit = EnsembleFit(('a', 'b'), (1.0, 0.25), 0.55, {'walk': trusted}, CERTAIN)
    first = Fixed('a', ('walk',), [0.7])
    second = Fixed('b', ('walk',), [0.1], box=(24, 20, 64, 100))
    found = step(EnsembleLocalizer('e', [first, second], EnsembleOptions(), fit))
    odds = (0.7 / 0.3) ** 2 * np.exp(0.5)
    assert found.actions[0, 0] == pytest.approx(odds / (1 + odds), abs=1e-5)
    np.testing.assert_allclose(found.boxes, [[20.8, 20, 60.8, 100]], atol=1e-3)


def test_a_fit_is_read_as_written(tmp_path):
    fit = EnsembleFit(('a', 'b'), (1.0, 0.25), 0.55, {'walk': CERTAIN}, CERTAIN, 'two clips')
    fit.write(tmp_path / 'fit.json')
    assert read_fit(tmp_path / 'fit.json', ['a', 'b']) == fit
    with pytest.raises(WeightsError, match=r'fitted to ensemble\(a,b\), not to ensemble\(b,a\)'):
        read_fit(tmp_path / 'fit.json', ['b', 'a'])


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{}', 'its "format" is not'),
        ('[1]', 'is no fit of an ensemble'),
        ('{"format": "actloc ensemble 1", "members": ["a"]}', 'box_weights'),
        ('\x00', 'is no fit of an ensemble'),
        (
            '{"format": "actloc ensemble 1", "members": [1, "b"], "box_weights": [1, 1],'
            f' "iou": 1{"0" * 400}}}',
            'too large',
        ),
    ],
)
def test_what_is_no_fit_is_refused(tmp_path, content, message):
    path = tmp_path / 'fit.json'
    path.write_text(content)
    with pytest.raises(WeightsError, match=message):
        read_fit(path, ['a', 'b'])


def test_a_cascade_asks_only_where_the_first_is_unsure():
    sure, unsure = Fixed('a', ('walk',), [0.99]), Fixed('a', ('walk',), [0.45])
    options = EnsembleOptions(cascade=True, unsure=0.2)
    for first, expected in ((sure, 0), (unsure, 1)):
        second = Fixed('b', ('walk',), [0.9])
        found = step(EnsembleLocalizer('e', [first, second], options))
        assert len(second.steps) == expected
        # One that did not run has no say: it is not as if it had detected no one.
        assert found.actions[0, 0] == pytest.approx(0.99 if first is sure else 0.675)


def test_a_member_once_asked_goes_on_for_its_network_to_have_a_past():
    cascade = Cascade(budget=0)
    assert cascade.choose(['c'], [0], [0.1]) == [0]
    assert cascade.choose(['c', 'd'], [HOLD - 1, HOLD - 1], [0, 0]) == [0]
    assert cascade.choose(['c'], [HOLD], [0]) == []
    cascade.choose(['c'], [2 * HOLD], [0.1])
    cascade.reset('c')
    assert cascade.choose(['c'], [2 * HOLD + 1], [0]) == []


def test_a_budget_bounds_what_further_members_take():
    cascade, run = Cascade(budget=10.0), 0
    for index in range(200):
        for _ in cascade.choose(['c'], [index * 40_000_000], [0.2]):
            cascade.spent(1, 40.0)
            run += 1
    assert run == pytest.approx(200 * 10 / 40, abs=6)


def test_a_budget_goes_to_where_doubt_is_greatest():
    cascade = Cascade(budget=10.0)
    cascade.spent(1, 20.0)
    cascade.credit = 0.0
    assert cascade.choose(['a', 'b'], [0, 0], [0.1, 0.2]) == [1]


def test_names_of_members():
    assert members_of('ensemble(pose_n, stream_n@my.safetensors)') == (
        MemberName('pose_n'),
        MemberName('stream_n', 'my.safetensors'),
    )
    inner = 'ensemble(motion,hog+c3d)'
    assert members_of(f'ensemble({inner},pose_n)') == (MemberName(inner), MemberName('pose_n'))


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        ('ensemble(pose_n)', 'two members or more'),
        ('ensemble()', 'empty member'),
        ('ensemble(pose_n,,motion)', 'empty member'),
        ('ensemble(motion,motion)', 'a member twice'),
        ('ensemble(motion),motion)', 'parentheses'),
        ('ensemble(motion,nothing)', 'there is no model "nothing"'),
        ('ensemble(motion,stream_n@/nowhere.pth)', '/nowhere.pth'),
    ],
)
def test_what_cannot_be_opened(model, message):
    with pytest.raises(ModelError, match=message):
        open_localizer(model, LocalizerOptions())


def test_members_are_closed_where_a_later_one_fails():
    opened = []

    def open_member(model, options):
        if model == 'b':
            raise ModelError('b is broken')
        opened.append(Fixed(model, ('walk',), [0.5]))
        return opened[-1]

    with pytest.raises(ModelError, match='b is broken'):
        open_ensemble('ensemble(a,b)', LocalizerOptions(), open_member)
    assert [member.closed for member in opened] == [True]


def test_side_inputs_are_those_of_all_members():
    assert side_inputs('ensemble(motion,topic+mc3_18)') == {'boxes'}
    assert side_inputs('ensemble(motion,pose_n)') == frozenset()


def test_options_out_of_range_are_refused():
    for extra, message in (
        ({'ensemble.unsure': 2.0}, 'must be from 0 to 1'),
        ({'ensemble.bugdet': 2.0}, 'ensembles have no option "ensemble.bugdet"'),
    ):
        with pytest.raises(ValueError, match=message):
            open_localizer('ensemble(motion,pose_n)', LocalizerOptions(extra=extra))
