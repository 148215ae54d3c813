"""Check two-stage models: each person's own clip, at a rate, in one batch; and opening one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.instances import InstanceState
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.detectors.external_boxes import ExternalBoxes
from actloc_ros.models.detectors.torchvision_detectors import (
    build_detector,
    detector_names,
    find_detector,
    load_detector,
)
from actloc_ros.models.entry import Activation, Entry, Preprocessing
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.open import open_localizer
from actloc_ros.models.two_stage.classifier import ClipClassifier
from actloc_ros.models.two_stage.localizer import TwoStageLocalizer
from actloc_ros.pipeline import Pipeline

RATE, WIDTH, HEIGHT = 20, 320, 120
COLOURS = ('red', 'green', 'blue')


class MeanColour(nn.Module):
    """Classify a clip by its mean colour, and remember what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Tensor] = []

    def forward(self, clips: Tensor) -> Tensor:
        """Return logits (N, 3)."""
        self.given.append(clips)
        return 10 * clips.mean((2, 3, 4))


def entry(activation: Activation = Activation.SOFTMAX) -> Entry:
    return Entry('mean', 'mean', COLOURS, Preprocessing(16, 16), 5, 10.0, activation)


class Scene:
    """Coloured rectangles that walk over a black floor; a detector is given their boxes."""

    def __init__(self, people: Sequence[tuple[float, float, tuple[int, int, int]]]) -> None:
        self.people = people
        self.hidden: set[int] = set()

    def boxes(self, stamp: int) -> np.ndarray:
        """Return where all people are."""
        t = stamp / NANOSECONDS
        left = [start + speed * t for start, speed, _ in self.people]
        return np.array([[x, 30, x + 40, 110] for x in left], np.float32).round()

    def frame(self, stamp: int, camera: str = '') -> Frame:
        """Return an image of all people."""
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for box, (_, _, colour) in zip(self.boxes(stamp).astype(int), self.people, strict=True):
            image[box[1] : box[3], max(0, box[0]) : max(0, box[2])] = colour
        return Frame(camera, stamp, image)

    def find(self, camera: str, stamp: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the boxes of those who are not hidden."""
        shown = [k for k in range(len(self.people)) if k not in self.hidden]
        return self.boxes(stamp)[shown], np.full(len(shown), 0.9)


def make(scene: Scene, rate: float = 4.0) -> tuple[TwoStageLocalizer, MeanColour]:
    network = MeanColour()
    classifier = ClipClassifier(network, entry(), torch.device('cpu'), torch.float32)
    options = LocalizerOptions(extra={'classify_rate': rate})
    return TwoStageLocalizer('given+mean', ExternalBoxes(scene.find), classifier, options), network


def stamps(count: int, start: int = 0) -> list[int]:
    return [start + k * NANOSECONDS // RATE for k in range(count)]


RED_AND_GREEN = [(30.0, 40.0, (255, 0, 0)), (250.0, -10.0, (0, 255, 0))]


def test_each_person_gets_the_actions_of_its_own_clip() -> None:
    scene = Scene(RED_AND_GREEN)
    localizer, _ = make(scene)
    for stamp in stamps(40):
        (found,) = localizer.step([scene.frame(stamp)])
        assert found.track_ids is not None
        assert found.track_ids.tolist() == [1, 2]
        assert found.actions.argmax(1).tolist() == [0, 1]
        np.testing.assert_array_equal(found.boxes, scene.boxes(stamp))
        np.testing.assert_allclose(found.actions.sum(1), 1, rtol=1e-6)
    assert (found.clip.frames, found.clip.missing) == (5, 0)
    assert found.clip.start == stamp - 4 * NANOSECONDS // 10


def test_the_clip_goes_along_with_the_person() -> None:
    """Who runs 160 pixels a second is still in the middle of every image of the clip."""
    scene = Scene([(10.0, 160.0, (255, 0, 0))])
    localizer, network = make(scene)
    for stamp in stamps(30):
        localizer.step([scene.frame(stamp)])
    clip = network.given[-1][0]
    assert clip.shape == (3, 5, 16, 16)
    assert (clip[0, :, 8, 7:9] > 0.9).all()
    assert (clip[0, :, :, [0, 15]] < 0.1).all(), 'context is around the person'


def test_a_person_is_classified_at_a_rate_and_keeps_its_scores() -> None:
    scene = Scene(RED_AND_GREEN[:1])
    localizer, network = make(scene, rate=4.0)
    for stamp in stamps(2 * RATE + 1):
        before = len(network.given)
        (found,) = localizer.step([scene.frame(stamp)])
        due = stamp % (NANOSECONDS // 4) == 0
        assert len(network.given) == before + due
        assert found.actions[0].argmax() == 0
    assert len(network.given) == 9


def test_all_people_of_all_cameras_are_one_batch() -> None:
    scene = Scene(RED_AND_GREEN)
    localizer, network = make(scene)
    left, right = localizer.step([scene.frame(0, 'left'), scene.frame(5, 'right')])
    assert [len(clips) for clips in network.given] == [4]
    assert (left.actions.argmax(1).tolist(), right.actions.argmax(1).tolist()) == ([0, 1], [0, 1])
    assert (left.clip.end, right.clip.end) == (0, 5)


def test_weak_boxes_count_if_they_were_given_but_not_if_they_were_found() -> None:
    weak = ExternalBoxes(lambda camera, stamp: (np.array([[10, 20, 50, 100]]), np.array([0.2])))
    classifier = ClipClassifier(MeanColour(), entry(), torch.device('cpu'), torch.float32)
    frame = Scene(RED_AND_GREEN).frame(0)
    (found,) = TwoStageLocalizer('weak+mean', weak, classifier, LocalizerOptions()).step([frame])
    assert len(found) == 1
    weak.sure_score = 0.5
    (found,) = TwoStageLocalizer('weak+mean', weak, classifier, LocalizerOptions()).step([frame])
    assert len(found) == 0


def test_nobody_is_no_work() -> None:
    scene = Scene([])
    localizer, network = make(scene)
    (found,) = localizer.step([scene.frame(0)])
    assert (len(found), found.actions.shape, network.given) == (0, (0, 3), [])


def test_who_is_hidden_is_not_told_and_comes_back_the_same() -> None:
    scene = Scene(RED_AND_GREEN)
    localizer, _ = make(scene)
    for stamp in stamps(30):
        scene.hidden = {0} if 10 <= stamp * RATE // NANOSECONDS < 20 else set()
        (found,) = localizer.step([scene.frame(stamp)])
        assert found.track_ids is not None
        assert found.track_ids.tolist() == ([2] if scene.hidden else [1, 2])


def test_reset_forgets() -> None:
    scene = Scene(RED_AND_GREEN)
    localizer, network = make(scene)
    localizer.step([scene.frame(NANOSECONDS, 'a'), scene.frame(NANOSECONDS, 'b')])
    localizer.reset('a')
    first, second = localizer.step([scene.frame(0, 'a'), scene.frame(NANOSECONDS + 1, 'b')])
    assert len(network.given[-1]) == 2, 'only camera a starts again'
    assert (first.clip.missing, second.clip.start) == (4, NANOSECONDS)


def test_large_images_are_kept_smaller_and_boxes_are_not() -> None:
    image = np.zeros((1080, 1920, 3), np.uint8)
    image[400:800, 1500:1600] = (0, 255, 0)
    box = np.array([[1500, 400, 1600, 800]], np.float32)
    classifier = ClipClassifier(MeanColour(), entry(), torch.device('cpu'), torch.float32)
    given = ExternalBoxes(lambda camera, stamp: (box, np.ones(1)))
    localizer = TwoStageLocalizer('given+mean', given, classifier, LocalizerOptions())
    (found,) = localizer.step([Frame('', 0, image)])
    assert found.boxes.tolist() == box.tolist()
    assert found.actions[0].argmax() == 1


def test_in_the_pipeline() -> None:
    scene = Scene(RED_AND_GREEN)
    pipeline = Pipeline(make(scene)[0])
    reported = []
    for stamp in [*stamps(20, start=NANOSECONDS), *stamps(20, start=NANOSECONDS // 2)]:
        for step in pipeline.step([scene.frame(stamp)]):
            reported += [
                (a.state.name, pipeline.labels[a.class_id], a.track_id, a.start)
                for a in step.actions
                if a.state in (InstanceState.STARTED, InstanceState.ENDED)
            ]
    first, second = NANOSECONDS, NANOSECONDS // 2
    assert reported == [
        ('STARTED', 'red', 1, first),
        ('STARTED', 'green', 2, first),
        ('ENDED', 'red', 1, first),
        ('ENDED', 'green', 2, first),
        ('STARTED', 'red', 3, second),
        ('STARTED', 'green', 4, second),
    ]


def test_sigmoid_scores_need_not_sum_to_one() -> None:
    cpu = torch.device('cpu')
    classifier = ClipClassifier(MeanColour(), entry(Activation.SIGMOID), cpu, torch.float32)
    images = [torch.full((3, 9, 9), 255, dtype=torch.uint8)] * 5
    scores = classifier.classify([classifier.prepare(images)] * 40)
    assert scores.shape == (40, 3), 'more than one batch'
    assert (scores > 0.99).all()


def open_random(model: str) -> TwoStageLocalizer:
    localizer = open_localizer(model, LocalizerOptions(random_weights=True, device='cpu'))
    assert isinstance(localizer, TwoStageLocalizer)
    return localizer


def test_opened_by_name_with_boxes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / 'a+b:c.csv'
    path.write_text('camera,stamp,x1,y1,x2,y2\n,7,10,10,50,90\n')
    localizer = open_random(f'boxes={path}+mc3_18')
    (found,) = localizer.step([Frame('', 7, np.full((120, 160, 3), 90, np.uint8))])
    assert found.boxes.tolist() == [[10, 10, 50, 90]]
    assert (found.actions.shape, len(localizer.labels)) == ((1, 400), 400)
    assert localizer.labels[0] == 'abseiling'
    np.testing.assert_allclose(found.actions.sum(), 1, rtol=1e-5)
    localizer.close()


def test_opened_by_name_with_a_detection_network() -> None:
    localizer = open_random('ssdlite320_mobilenet_v3_large+mc3_18')
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    (found,) = localizer.step([Frame('', 7, noise)])
    assert found.actions.shape == (len(found), 400)


def test_an_unknown_option_is_refused() -> None:
    options = LocalizerOptions(random_weights=True, extra={'clasify_rate': 4.0})
    with pytest.raises(ValueError, match='no option "clasify_rate"; they have classify_rate'):
        open_localizer('hog+mc3_18', options)


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        ('hog+r2plus1d_18', 'actloc download r2plus1d_18_kinetics400'),
        ('hog+yowov2_nano', 'localizes by itself'),
        ('hog+nothing', 'there is no model "nothing"'),
        ('boxes=/nowhere.csv+mc3_18', 'cannot read boxes from "/nowhere.csv"'),
        ('dog+mc3_18', 'no detector "dog"; there are .*fasterrcnn_resnet50_fpn_v2'),
        ('mc3_18', r'ask for DETECTOR\+mc3_18, such as hog\+mc3_18'),
    ],
)
def test_what_cannot_be_opened(model: str, message: str, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    options = LocalizerOptions(random_weights='actloc download' not in message)
    with pytest.raises(ModelError, match=message):
        open_localizer(model, options)


def test_a_detector_without_its_weights_says_how_to_get_them(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    state = torchvision.models.get_model('mc3_18', weights=None).state_dict()
    torch.save(state, tmp_path / 'mc3.pth')
    name = 'FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1'
    options = LocalizerOptions(weights=str(tmp_path / 'mc3.pth'), device='cpu')
    with pytest.raises(ModelError, match='download fasterrcnn_mobilenet_v3_large_320_fpn_coco_v1'):
        open_localizer(f'{name}+mc3_18', options)


def test_classify_rate_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match='classify_rate is 0'):
        make(Scene([]), rate=0)


def published(model: str, folder: Path) -> tuple[nn.Module, Path]:
    """Return torchvision's own network with weights from its own kind of file, and this file."""
    weights = torchvision.models.get_model_weights(model).DEFAULT
    path = folder / 'checkpoints' / weights.url.rsplit('/', 1)[1]
    path.parent.mkdir()
    entry = find_detector(model)
    assert entry is not None
    state = build_detector(entry).state_dict()
    generator = torch.Generator().manual_seed(0)
    for name, tensor in state.items():
        if name.endswith('running_var'):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 1e-3 + 1e-4)
    torch.save({k: v for k, v in state.items() if not k.endswith('batches_tracked')}, path)
    return torchvision.models.get_model(model, weights=weights).eval(), path


@pytest.mark.parametrize(
    'model', ['fasterrcnn_mobilenet_v3_large_320_fpn', 'retinanet_resnet50_fpn']
)
def test_a_detection_network_equals_torchvisions(model: str, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    theirs, path = published(model, tmp_path)
    entry = find_detector(model)
    assert entry is not None
    assert path.stem.endswith(entry.sha256)
    ours = load_detector(entry, path)
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double()
    expected, found = theirs.double().backbone(image), ours.double().backbone(image)
    assert expected.keys() == found.keys()
    for level in expected:
        torch.testing.assert_close(found[level], expected[level], rtol=1e-9, atol=1e-12)


def test_weights_of_another_detector_are_refused(tmp_path: Path) -> None:
    entry = find_detector('ssdlite320_mobilenet_v3_large')
    assert entry is not None
    path = tmp_path / 'other.pth'
    torch.save({'backbone.weight': torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r'(?s)does not fit ssdlite320.*missing in the file'):
        load_detector(entry, path)


def test_every_network_of_torchvision_knows_people() -> None:
    for name in detector_names():
        entry = find_detector(name)
        assert entry is not None
        assert 'person' in entry.labels
        assert len(entry.sha256) == 8
        assert find_detector(entry.name) == entry
