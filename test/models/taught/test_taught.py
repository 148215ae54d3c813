"""Test that actions are taught by a few examples, known again, and rejected where they are not."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from actloc_ros.cli.main import main
from actloc_ros.frames import Frame
from actloc_ros.io.bags import read_detections, read_label_info
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions, no_detections
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.open import open_localizer
from actloc_ros.models.taught.actions import Prototypes, TaughtSet, fingerprint
from actloc_ros.models.taught.teach import Span, TeachError

MODEL = 'test_taught:ColourFeatures'
LOOKS_MODEL = 'test_taught:ColourLooks'


class ColourFeatures(Localizer):
    """Finds what is bright; its features are the colour."""

    name = 'colours'
    labels = ('anything',)

    def __init__(self, options: LocalizerOptions) -> None:
        """Take no options."""

    def step(self, frames):
        """Return one actor where something is bright."""
        return [self._find(frame) for frame in frames]

    def reset(self, camera=None):
        """Do nothing."""

    def _find(self, frame: Frame) -> Detections:
        rows, columns = np.nonzero(frame.image.max(axis=2) > 60)
        clip = ClipInfo(frame.stamp, frame.stamp)
        if not len(rows):
            return no_detections(clip, 1)
        colour = frame.image[rows, columns].mean(axis=0) / 255
        return Detections(
            np.array([[columns.min(), rows.min(), columns.max(), rows.max()]], np.float32),
            np.array([0.9], np.float32),
            np.array([[0.1]], np.float32),
            clip,
            np.array([1], np.int64),
            features=np.concatenate([colour, [0.5]])[None].astype(np.float32),
        )


class ColourLooks(ColourFeatures):
    """Finds what is bright; its features are alike always, and its looks are the colour."""

    name = 'looks'

    def _find(self, frame: Frame) -> Detections:
        found = super()._find(frame)
        if found.features is None:
            return found
        alike = np.array([[np.sin(frame.stamp), np.cos(frame.stamp)]], np.float32)
        return replace(found, features=alike, appearance=found.features)


def write(path, *colours, seconds=2.0):
    """Write a video in which a rectangle has one colour after another."""
    with VideoWriter(path, 10.0) as writer:
        for number in range(round(len(colours) * seconds * 10)):
            image = np.full((48, 64, 3), 20, np.uint8)
            image[10:40, 20:40] = colours[int(number / 10 / seconds)]
            writer.write(number * 100_000_000, image)
    return path


RED, GREEN, BLUE, GREY = (200, 40, 40), (40, 200, 40), (40, 40, 200), (120, 120, 120)


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(__file__).rpartition('/')[0])


def labels_at(bag):
    return {
        round(m.header.stamp.sec + m.header.stamp.nanosec * 1e-9, 1): {
            d.label for d in m.detections if d.label
        }
        for m in read_detections(bag)
    }


def test_two_actions_are_taught_and_known_again_and_others_are_not(tmp_path, capsys):
    taught = str(tmp_path / 'mine.safetensors')
    one = write(tmp_path / 'one.mp4', GREY, RED, GREY, BLUE)
    two = write(tmp_path / 'two.mp4', GREEN, GREY)
    common = ['--model', MODEL, '--out', taught]
    assert main(['teach', 'redden', '--from', f'{one}@2.0-3.9s', *common]) == 0
    assert '1 examples' in capsys.readouterr().out
    assert main(['teach', 'greenen', '--from', f'{two}@0-1.9', *common]) == 0
    shown = write(tmp_path / 'shown.mp4', GREY, GREEN, BLUE, RED)
    bag = str(tmp_path / 'bag')
    given = ['run', str(shown), '--model', MODEL, '--taught', taught, '--out', bag]
    assert main(given) == 0
    assert list(read_label_info(bag).labels) == ['anything', 'redden', 'greenen']
    found = labels_at(bag)
    assert found[1.0] == set()
    assert found[3.0] == {'greenen'}
    assert found[5.5] == set()
    assert found[7.0] == {'redden'}


def test_actions_of_one_motion_are_told_apart_by_looks(tmp_path):
    taught = str(tmp_path / 'mine.safetensors')
    one = write(tmp_path / 'one.mp4', GREY, RED, GREY, BLUE)
    two = write(tmp_path / 'two.mp4', GREEN, GREY)
    common = ['--model', LOOKS_MODEL, '--out', taught]
    assert main(['teach', 'redden', '--from', f'{one}@2.0-3.9s', *common]) == 0
    assert main(['teach', 'greenen', '--from', f'{two}@0-1.9', *common]) == 0
    assert TaughtSet.read(tmp_path / 'mine.safetensors').appearance == 4
    shown = write(tmp_path / 'shown.mp4', GREY, GREEN, BLUE, RED)
    bag = str(tmp_path / 'bag')
    given = ['run', str(shown), '--model', LOOKS_MODEL, '--taught', taught, '--out', bag]
    assert main(given) == 0
    found = labels_at(bag)
    assert [found[time] for time in (1.0, 3.0, 5.5, 7.0)] == [
        set(),
        {'greenen'},
        set(),
        {'redden'},
    ]


def test_many_numbers_of_looks_do_not_drown_motion_nor_motion_looks():
    random = np.random.default_rng(0)
    motions, looks = random.standard_normal((3, 16)), random.standard_normal((3, 320))
    kinds = {'a': (0, 0), 'b': (1, 0), 'c': (0, 1)}

    def frames(motion, look, count=40):
        """Return frames, with looks in another scale, of which a third are noise."""
        moved = motions[motion] + 0.5 * random.standard_normal((count, 16))
        seen = looks[look] + 0.5 * random.standard_normal((count, 320))
        return np.concatenate([moved, 30 * seen], axis=1).astype(np.float32)

    examples = {name: (frames(*kind), frames(*kind)) for name, kind in kinds.items()}
    prototypes = Prototypes.of(TaughtSet('', '', examples, frames(2, 2, 200), 320))
    for index, kind in enumerate(kinds.values()):
        assert (prototypes.similarities(frames(*kind)).argmax(axis=1) == index).mean() > 0.95


def test_motion_alone_is_weighed_as_if_there_were_no_looks():
    random = np.random.default_rng(0)
    motion = random.standard_normal((2, 30, 8)).astype(np.float32)
    others = random.standard_normal((50, 8)).astype(np.float32)
    alone = Prototypes.of(TaughtSet('', '', {'a': tuple(motion)}, others))
    asked = random.standard_normal((20, 8))
    unknown = np.full((20, 4), np.nan)

    def seen(frames):
        return np.concatenate([frames, np.zeros((len(frames), 4))], axis=1).astype(np.float32)

    both = {'a': tuple(seen(example) for example in motion)}
    prototypes = Prototypes.of(TaughtSet('', '', both, seen(others), 4))
    np.testing.assert_allclose(
        prototypes.scores(np.concatenate([asked, unknown], axis=1)), alone.scores(asked), atol=1e-5
    )


def test_files_of_before_are_of_motion_alone_and_refused_where_looks_are_known(tmp_path):
    path = tmp_path / 'a.safetensors'
    features = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    weights = fingerprint(())
    TaughtSet('looks', weights, {'a': (features,)}, features[:0]).write(path)
    with safe_open(path, framework='np') as file:
        told = file.metadata()['taught']
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    assert ', "appearance": 0' in told
    save_file(tensors, path, {'taught': told.replace(', "appearance": 0', '')})
    assert TaughtSet.read(path).appearance == 0
    localizer = open_localizer(LOOKS_MODEL, LocalizerOptions(extra={'taught.file': str(path)}))
    image = np.full((48, 64, 3), 120, np.uint8)
    with pytest.raises(
        ModelError, match='taught on 4 numbers, 0 of appearance, and looks gives 6, 4'
    ):
        localizer.step([Frame('', 0, image)])
    out = ['--model', LOOKS_MODEL, '--out', str(path)]
    video = write(tmp_path / 'one.mp4', GREY, RED)
    assert main(['teach', 'redden', '--from', f'{video}@2.0-3.9s', *out]) == 2
    TaughtSet('looks', weights, {'a': (features,)}, features[:0], 5).write(path)
    with pytest.raises(WeightsError, match='5 of 4 numbers are of appearance'):
        TaughtSet.read(path)


@pytest.mark.parametrize(
    ('example', 'fault'),
    [
        ('a.mp4', 'write RECORDING@START-ENDs'),
        ('a.mp4@3-2', 'lasts less than'),
        ('a.mp4@1.0-1.1s', 'lasts less than'),
        ('none.mp4@1-2', 'does not exist'),
    ],
)
def test_examples_that_are_none_are_refused(tmp_path, capsys, example, fault):
    out = str(tmp_path / 'a.safetensors')
    assert main(['teach', 'x', '--from', example, '--model', MODEL, '--out', out]) == 2
    assert fault in capsys.readouterr().err


def test_what_cannot_be_taught_says_why(tmp_path, capsys):
    video = write(tmp_path / 'a.mp4', (20, 20, 20), RED)
    given = ['--model', MODEL, '--out', str(tmp_path / 'a.safetensors')]
    assert main(['teach', 'x', '--from', f'{video}@0-1.5', *given]) == 2
    assert 'nobody is found' in capsys.readouterr().err
    assert main(['teach', 'x', '--from', f'{video}@5-6', *given]) == 2
    assert 'ends at 3.9 s, before the example from 5.0 s on' in capsys.readouterr().err
    assert main(['teach', 'anything', '--from', f'{video}@2-3.5', *given]) == 2
    assert 'knows "anything" already' in capsys.readouterr().err
    with pytest.raises(TeachError):
        Span.parse('@1-2')


def test_files_of_other_models_or_none_are_refused(tmp_path):
    path = tmp_path / 'a.safetensors'
    features = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    TaughtSet('other', 'x', {'a': (features,)}, features[:0]).write(path)
    options = LocalizerOptions(extra={'taught.file': str(path)})
    with pytest.raises(ModelError, match='was taught on other'):
        open_localizer(MODEL, options)
    path.write_bytes(b'nothing')
    with pytest.raises(WeightsError, match='holds no taught actions'):
        open_localizer(MODEL, options)
    with pytest.raises(WeightsError, match='there is no file'):
        TaughtSet.read(tmp_path / 'none')


def test_prototypes_tell_classes_from_each_other_and_from_none():
    random = np.random.default_rng(0)
    centres = random.standard_normal((4, 32))
    near = [c + 0.3 * random.standard_normal((3, 10, 32)) for c in centres]
    taught = TaughtSet('', '', {}, np.zeros((0, 32), np.float32))
    others = 0.5 * random.standard_normal((200, 32)) + near[3].reshape(-1, 32).mean(0)
    for name, examples in zip('abc', near, strict=False):
        taught = taught.with_action(name, list(examples), others)
    prototypes = Prototypes.of(taught)
    for index in range(3):
        scores = prototypes.scores(centres[index] + 0.3 * random.standard_normal((50, 32)))
        assert (scores.argmax(axis=1) == index).all()
        assert (scores[:, index] >= 0.5).mean() > 0.8
    assert (prototypes.scores(others) >= 0.5).mean() < 0.1


def test_what_looks_much_like_the_examples_is_rejected_rather_than_reported():
    random = np.random.default_rng(0)
    middle = random.normal(size=8)

    def frames(count):
        return (middle + 0.7 * random.normal(size=(count, 8))).astype(np.float32)

    def shifted(count):
        """Return frames of the action, which differ less from the others than all do."""
        return frames(count) + np.eye(8, dtype=np.float32)[0]

    examples = tuple(shifted(20) for _ in range(5))
    prototypes = Prototypes.of(TaughtSet('', '', {'nodding': examples}, frames(400)))
    reported = prototypes.scores(frames(2000)) >= 0.5
    assert reported.mean() < 0.08
    assert (prototypes.scores(shifted(2000)) >= 0.5).mean() > 0.2
