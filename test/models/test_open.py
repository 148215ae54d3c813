"""Check that localizers open by name, and that what cannot be opened says why."""

import sys
import textwrap

import pytest

from actloc_ros.localizer import Localizer, LocalizerOptions
from actloc_ros.models.errors import ModelError
from actloc_ros.models.families import import_named
from actloc_ros.models.open import model_names, open_localizer, side_inputs
from actloc_ros.models.registry import architectures, trainable
from actloc_ros.training.adapter import TrainableAdapter

THIRD_PARTY = '''
from actloc_ros.localizer import ClipInfo, Localizer, no_detections

class Blind(Localizer):
    """Sees nothing."""

    def __init__(self, options):
        self.name, self.labels, self.options = 'blind', ('nothing',), options

    def step(self, frames):
        return [no_detections(ClipInfo(f.stamp, f.stamp), 1) for f in frames]

    def reset(self, camera=None):
        pass

class NoLocalizer:
    pass
'''


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    (tmp_path / 'my_robot_models.py').write_text(textwrap.dedent(THIRD_PARTY))
    (tmp_path / 'my_broken_models.py').write_text('import a_module_that_is_not_there\n')
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures('third_party')
def test_third_party_localizer_is_one_file():
    options = LocalizerOptions(device='cpu')
    localizer = open_localizer('my_robot_models:Blind', options)
    assert isinstance(localizer, Localizer)
    assert localizer.options is options


@pytest.mark.usefixtures('third_party')
@pytest.mark.parametrize(
    ('model', 'text'),
    [
        ('no_such_model', '"no_such_model"; there are motion'),
        ('', 'there is no model ""'),
        ('no_such_module:Model', "No module named 'no_such_module'"),
        ('my_broken_models:Model', 'a_module_that_is_not_there'),
        ('my_robot_models:Absent', 'no subclass of'),
        ('my_robot_models:NoLocalizer', 'no subclass of'),
        (':Blind', 'cannot import'),
    ],
)
def test_what_cannot_be_opened_says_why(model, text):
    with pytest.raises(ModelError, match=text):
        open_localizer(model, LocalizerOptions())


def test_names_are_listed():
    assert {'motion', 'hog_hof'} <= set(model_names())


def test_a_robot_without_pytorch_is_told_what_runs_there(monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch', None)  # as where it is not installed
    with pytest.raises(
        ModelError, match=r'needs PyTorch and torchvision.* model:=pose_n or model:=motion'
    ):
        open_localizer('stream_n', LocalizerOptions())
    assert open_localizer('motion', LocalizerOptions()).name == 'motion'


@pytest.mark.parametrize(
    ('model', 'inputs'),
    [
        ('topic+mc3_18', {'boxes'}),
        ('hog+mc3_18', set()),
        ('motion', set()),
        ('my_models:Own', set()),
    ],
)
def test_a_host_learns_what_a_model_needs_by_stamp(model, inputs):
    assert side_inputs(model) == inputs


def test_architectures_name_classes_that_there_are():
    for each in architectures().values():
        assert bool(each.localizer) == (each.decode is not None)
        assert not each.localizer or issubclass(import_named(each.localizer), Localizer)
        assert not each.trainable or issubclass(import_named(each.trainable), TrainableAdapter)
    assert {'stream_n', 'yowov2_nano'} <= set(trainable())
    assert 'c3d' not in trainable()
