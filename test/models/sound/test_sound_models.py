"""Test what hears: alone, beside any other model, and by published networks."""

import numpy as np
import parity
import pytest
import torch
from colour_localizer import ColourLocalizer
from sound_files import SECOND, beeps, write_loudness_classifier

from actloc_ros.frames import Frame
from actloc_ros.instances import InstanceOptions, InstanceState
from actloc_ros.localizer import SOUND_RATE, LocalizerOptions
from actloc_ros.models import registry
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.open import open_localizer, side_inputs
from actloc_ros.models.sound.fusion import ActionWeights, Fusion
from actloc_ros.models.sound.localizer import TRACK
from actloc_ros.models.sound.log_mel import _mel_bank, _window
from actloc_ros.pipeline import LocalizerError, Pipeline


class Microphone:
    """Gives one sound, which began at time 0."""

    def __init__(self, sound):
        self.heard = sound

    def sound(self, camera, start, end):
        """Return what was heard."""
        first, last = (round(t * SOUND_RATE / SECOND) for t in (start, end))
        found = np.zeros(last - first, np.float32)
        begin, stop = max(first, 0), min(last, len(self.heard))
        if begin >= stop:
            return None
        found[begin - first : stop - first] = self.heard[begin:stop]
        return found

    def boxes(self, camera, stamp):
        """Return nobody."""
        return


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    return write_loudness_classifier(tmp_path_factory.mktemp('sound') / 'loud.onnx')


def options(sound, **extra):
    weights = extra.pop('weights', '')
    return LocalizerOptions(str(weights), side_inputs=Microphone(sound), device='cpu', extra=extra)


def frames(seconds, image=None, rate=10):
    image = np.zeros((48, 64, 3), np.uint8) if image is None else image
    return [Frame('', round(i * SECOND / rate), image) for i in range(round(seconds * rate))]


def run(localizer, given, **chosen):
    pipeline = Pipeline(localizer, instances=InstanceOptions(**chosen))
    steps = [step for frame in given for step in pipeline.step([frame])]
    return steps + pipeline.reset()


def spans(steps, state=InstanceState.ENDED):
    return [
        (a.class_id, a.start / SECOND, a.end / SECOND, a.whole_view)
        for step in steps
        for a in step.actions
        if a.state is state
    ]


def test_a_sound_is_an_instance_of_the_whole_view_with_a_start_and_an_end(weights):
    heard = beeps(4.0, 1.0, 2.5, rate=SOUND_RATE)
    steps = run(open_localizer('sound', options(heard, weights=weights)), frames(4.0))
    (_, start, end, whole), (_, again, _, _) = spans(steps)
    assert whole
    assert start == pytest.approx(1.1, abs=0.11)
    assert end == pytest.approx(1.45, abs=0.11)
    assert again == pytest.approx(2.6, abs=0.11)
    found = [a for step in steps for a in step.actions]
    assert {a.track_id for a in found} == {TRACK}
    assert {a.box for a in found} == {(0.0, 0.0, 64.0, 48.0)}


def test_sound_alone_has_no_picture(weights):
    heard = beeps(2.0, 1.0, rate=SOUND_RATE)
    for model in ('sound', 'motion+sound'):
        chosen = {'sound.weights': str(weights)} if '+' in model else {'weights': weights}
        empty = np.zeros((0, 0, 3), np.uint8)
        steps = run(open_localizer(model, options(heard, **chosen)), frames(2.0, empty))
        assert {a.box for step in steps for a in step.actions} == {(0, 0, 0, 0)}
        assert len(spans(steps)) == 1


def test_nothing_is_reported_while_nothing_is_heard(weights):
    localizer = open_localizer('sound', options(beeps(1.0, rate=SOUND_RATE), weights=weights))
    assert not any(step.actions for step in run(localizer, frames(2.0)))


def test_beside_a_model_that_sees(weights):
    image = np.full((48, 64, 3), 20, np.uint8)
    image[14:34, 10:22] = 250, 0, 0
    heard = beeps(3.0, 1.0, rate=SOUND_RATE)
    model = f'{ColourLocalizer.__module__}:ColourLocalizer+sound'
    localizer = open_localizer(model, options(heard, **{'sound.weights': str(weights)}))
    assert localizer.labels[-2:] == ('beep', 'never')
    steps = run(localizer, frames(3.0, image))
    seen = [a for step in steps for a in step.actions if not a.whole_view]
    assert {a.box for a in seen} == {(10.0, 14.0, 22.0, 34.0)}
    assert TRACK not in {a.track_id for a in seen}
    started = spans(steps, InstanceState.STARTED)
    assert {(localizer.labels[c], whole) for c, _, _, whole in started} == {
        ('red', False),
        ('beep', True),
    }


def test_learnt_weights_change_actors_and_no_other_labels():
    fusion = Fusion({'b': ActionWeights(0.5, 2.0, {'knock': 1.5})})
    fusion.check(('a', 'b'), ('knock', 'ring'))
    scores = np.array([[0.3, 0.5], [0.9, 0.8]], np.float32)
    changed = fusion.apply(scores, np.array([0.9, 0.2], np.float32))
    logit = lambda p: np.log(p / (1 - p))  # noqa: E731
    wanted = 1 / (1 + np.exp(-(0.5 + 2 * logit(scores[:, 1]) + 1.5 * logit(0.9))))
    assert changed[:, 0].tolist() == scores[:, 0].tolist()
    assert np.allclose(changed[:, 1], wanted, atol=1e-6)


def test_weights_of_other_labels_or_no_weights_are_refused(tmp_path):
    path = tmp_path / 'fusion.json'
    Fusion({'b': ActionWeights(0.0, 1.0, {'knock': 1.0})}).write(path)
    assert Fusion.read(path).weights['b'].sounds == {'knock': 1.0}
    with pytest.raises(WeightsError, match='"b"'):
        Fusion.read(path).check(('a',), ('knock',))
    with pytest.raises(WeightsError, match='"knock"'):
        Fusion.read(path).check(('b',), ('ring',))
    action = '{"actions": {"b": {"bias": %s, "gain": 1, "sounds": {}}}}'
    broken = [action % number for number in ('NaN', '-Infinity', '1' + 400 * '0')]
    for text in ('{}', '[1', '{"actions": {"b": 3}}', *broken):
        path.write_text(text)
        with pytest.raises(WeightsError, match='holds no weights of sounds'):
            Fusion.read(path)


def test_labels_that_are_not_known_are_named(weights):
    chosen = {'weights': weights, 'sound.labels': ['never']}
    assert open_localizer('sound', options(beeps(1.0), **chosen)).labels == ('never',)
    with pytest.raises(ModelError, match=r'sound.labels names "bang".*it knows beep, never'):
        open_localizer('sound', options(beeps(1.0), **chosen | {'sound.labels': ['bang']}))


def test_what_gives_no_sound_or_is_no_classifier_is_refused(weights, tmp_path):
    with pytest.raises(ModelError, match='nothing gives it sound'):
        open_localizer('sound', LocalizerOptions(str(weights)))
    with pytest.raises(WeightsError, match='no file'):
        open_localizer('sound', options(beeps(1.0), weights=tmp_path / 'none.onnx'))
    (tmp_path / 'x.onnx').write_bytes(b'x')
    with pytest.raises(WeightsError, match='is no sound classifier'):
        open_localizer('sound', options(beeps(1.0), weights=tmp_path / 'x.onnx'))
    torch.save({'a': torch.zeros(3)}, tmp_path / 'a.pt')
    with pytest.raises(WeightsError, match='no checkpoint of EfficientAT'):
        open_localizer('sound', options(beeps(1.0), weights=tmp_path / 'a.pt'))


def test_a_host_learns_that_a_model_hears():
    assert side_inputs('sound') == {'sound'}
    assert side_inputs('topic+mc3_18+sound') == {'boxes', 'sound'}
    assert side_inputs('efficientat_mn04') == {'sound'}
    assert side_inputs('motion+sound') == {'sound'}


def test_rows_of_the_whole_view_need_track_ids(weights):
    localizer = open_localizer('sound', options(beeps(1.0, 0.0), weights=weights))
    step = localizer.step

    def without(given):
        return [_without_ids(found) for found in step(given)]

    localizer.step = without
    with pytest.raises(LocalizerError, match='with track_ids'):
        run(localizer, frames(1.0))


def _without_ids(found):
    whole = np.ones(len(found), bool)
    return type(found)(found.boxes, found.scores, found.actions, found.clip, whole_view=whole)


def test_a_network_of_efficientat_runs_live_by_its_file(tmp_path):
    architecture = registry.architectures()['efficientat_mn04']
    entry = registry.find_entry('efficientat_mn04')
    torch.manual_seed(0)
    state = architecture.build(len(entry.labels)).state_dict()
    path = tmp_path / 'mn04_as_mAP_432.pt'
    torch.save(state, path)
    for model in ('sound', 'efficientat_mn04', 'efficientat_mn04_audioset'):
        chosen = {'weights': path, 'sound.labels': ['Glass', 'Screaming']}
        localizer = open_localizer(model, options(beeps(2.0, 0.5, rate=SOUND_RATE), **chosen))
        assert localizer.labels == ('Glass', 'Screaming')
        assert len(localizer.step(frames(0.1))) == 1
    with pytest.raises(WeightsError, match='does not fit'):
        open_localizer('efficientat_mn10', options(beeps(1.0), weights=path))
    del state['classifier.5.bias']
    torch.save(state, path)
    with pytest.raises(WeightsError):
        open_localizer('efficientat_mn04', options(beeps(1.0), weights=path))


@pytest.mark.parametrize('name', ['efficientat_mn10_as', 'efficientat_dymn10_as'])
def test_spectra_logits_and_features_equal_the_reference(shared, name):
    folder = shared / 'parity2'
    assert parity.check_file(folder / f'{name}.json') < 1e-6
    with np.load(folder / f'{name}.npz') as arrays:
        assert np.array_equal(_mel_bank(), arrays['mel_basis'])
        assert np.array_equal(_window()[112:-112], arrays['window'])
