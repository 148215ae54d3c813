"""Any people network as a file: descriptions, inputs, layouts, and first stages by a file."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml
from people_files import describe, write_network

from actloc_ros.models.errors import ModelError
from actloc_ros.models.onnx_runtime import CPU, check_used, choose_providers
from actloc_ros.models.people.description import HEATMAPS, JOINT_NAMES, PeopleFile, read_description
from actloc_ros.models.people.inputs import colour, placed
from actloc_ros.models.people.layouts import READERS, LayoutError
from actloc_ros.models.people.open import open_people

READY = Path(__file__).resolve().parents[3] / 'config/people'
IMAGE = np.zeros((48, 96, 3), np.uint8)


def how(layout='rtmdet', **values):
    given = {'people': 'x.onnx', 'resize': 'letterbox', 'size': (64, 64), 'colour': 'bgr'}
    return PeopleFile(layout=layout, **{**given, **values})


@pytest.fixture
def detector(tmp_path):
    """Return the description of a detector that reports one person and one other thing."""
    boxes = np.array([[[8, 16, 40, 48, 0.9], [0, 0, 9, 9, 0.8]]], np.float32)
    write_network(tmp_path / 'x.onnx', {'dets': boxes, 'labels': np.array([[0, 3]], np.int64)})
    return describe(tmp_path / 'x.yaml')


@pytest.mark.parametrize('path', sorted(READY.glob('*.yaml')), ids=lambda path: path.stem)
def test_ready_descriptions_are_read(path):
    described = read_description(path)
    assert Path(described.people).parent == READY
    assert Path(described.people).suffix == '.onnx'


@pytest.mark.parametrize(
    ('values', 'text'),
    [
        ({'sizes': 3}, 'there is no key sizes; there are people, layout'),
        ({'layout': 'yolo'}, 'layout is "yolo"; it must be one of yolox'),
        ({'resize': 'crop'}, 'resize is "crop"'),
        ({'size': [64]}, r'size is \[64\]; it must be a list of 2'),
        ({'size': [64, 8]}, 'each side must be 32 px or more'),
        ({'threshold': 'high'}, "threshold is 'high'; it must be a number"),
        ({'threshold': 1.5}, 'threshold is 1.5; it must be between 0 and 1'),
        ({'maximum': 10**400}, 'maximum is 1000.*; it must be a number, to 1e'),
        ({'std': [1, 0, 1]}, 'must be above 0'),
        ({'pad': 300}, 'pad is 300'),
        ({'joints': ['nose', 'nose']}, 'a name twice'),
        ({'boxes': 'other.yaml'}, 'for the layouts simcc, .* alone'),
        ({'blur': 10}, 'blur is 10; it must be odd'),
        ({'people': 5}, 'people is 5; it must be a text'),
        ({'person': -1}, 'person is -1; it must be the number of a class'),
        ({'layout': 'nanodet', 'person': 80}, 'in the layout nanodet less than classes'),
    ],
)
def test_wrong_descriptions_say_what_is_wrong(tmp_path, values, text):
    with pytest.raises(ModelError, match=text):
        read_description(describe(tmp_path / 'x.yaml', **values))


def test_boxes_are_named_by_a_path_or_a_name(tmp_path):
    for boxes, read in (('other.yaml', str(tmp_path / 'other.yaml')), ('people_n', 'people_n')):
        path = describe(tmp_path / 'x.yaml', layout='simcc', boxes=boxes)
        assert read_description(path).boxes == read


def test_descriptions_that_lack_keys_or_are_no_yaml(tmp_path):
    path = tmp_path / 'x.yaml'
    for text, says in (('people: a', 'it lacks layout'), ('- 1', 'no keys'), ('{', 'describes no')):
        path.write_text(text)
        with pytest.raises(ModelError, match=says):
            read_description(path)
    with pytest.raises(ModelError, match='No such file'):
        read_description(tmp_path / 'absent.yaml')


@pytest.mark.parametrize(
    ('resize', 'shape', 'corner'),
    [
        ('keep_ratio', (32, 64), (0, 0)),
        ('letterbox', (64, 64), (0, 0)),
        ('letterbox_centred', (64, 64), (0, 16)),
        ('stretch', (64, 64), (0, 0)),
    ],
)
def test_images_are_placed_and_points_come_back(resize, shape, corner):
    image = np.zeros((50, 99, 3), np.uint8)  # 64 / 99 * 50 = 32.3 px high, rounded to 32
    given = placed(image, how(resize=resize))
    assert given.pixels.shape[:2] == shape
    assert tuple(given.margin) == corner
    bottom = 64 if resize == 'stretch' else corner[1] + 32
    ends = given.back(np.array([corner, (64, bottom)], float))
    np.testing.assert_allclose(ends, [[0, 0], [99, 50]], atol=1e-4)
    assert (given.pixels[corner[1] : bottom] == 0).all()
    assert (given.pixels[bottom:] == 114).all()


def test_colours_are_ordered_and_normalised():
    pixels = np.array([[[255, 0, 51]]], np.uint8)
    described = how(maximum=1.0, mean=(0.2, 0.0, 0.0), std=(0.5, 1.0, 2.0))
    np.testing.assert_allclose(colour(pixels, described, np.float32)[0, 0], [0, 0, 0.5], atol=1e-6)
    assert colour(pixels, how(colour='rgb'), np.int32)[0, 0].tolist() == [255, 0, 51]
    assert colour(pixels, how(), np.float32)[0, 0].tolist() == [51, 0, 255]


def test_yolox_reads_centres_relative_to_cells():
    found = np.zeros((1, 64 + 16 + 4, 85), np.float32)
    found[0, 9] = [0.5, 0.25, np.log(2), np.log(4), 0.8, 0.9, *[0] * 79]  # x 1, y 1 at stride 8
    found[0, 80 + 3] = [0, 0, 0, 0, 0.9, 0.1, *[0.9] * 79]  # another class
    reported = READERS['yolox']([found], (64, 64), how('yolox'), 0.3)
    np.testing.assert_allclose(reported.boxes, [[4, -6, 20, 26]], atol=1e-4)
    np.testing.assert_allclose(reported.scores, [0.72], atol=1e-6)
    assert reported.joints.shape == (1, 0, 3)


@pytest.mark.parametrize('joined', [False, True])
def test_nanodet_reads_distances_as_means_of_bins(joined):
    scores, bins = np.zeros((84, 80), np.float32), np.zeros((84, 4, 8), np.float32)
    scores[64 + 5, 0] = 0.6  # x 1, y 1 at stride 16
    bins[64 + 5, np.arange(4), [1, 0, 2, 1]] = 50
    bins = bins.reshape(84, 32)
    levels = (slice(0, 64), slice(64, 80), slice(80, 84))
    outputs = [np.concatenate([scores, bins], 1)[None]]
    if not joined:
        outputs = [part[level][None] for part in (bins, scores) for level in reversed(levels)]
    reported = READERS['nanodet'](outputs, (64, 64), how('nanodet'), 0.3)
    np.testing.assert_allclose(reported.boxes, [[8, 24, 56, 40]], atol=1e-4)
    corner = READERS['nanodet'](outputs, (64, 64), how('nanodet', point_offset=0.0), 0.3)
    np.testing.assert_allclose(corner.boxes, [[0, 16, 48, 32]], atol=1e-4)


def test_nanodet_of_other_classes():
    found = np.full((1, 84, 3 + 32), -9, np.float32)
    found[0, 64 + 5, 2] = 0.6
    reported = READERS['nanodet']([found], (64, 64), how('nanodet', classes=3, person=2), 0.3)
    np.testing.assert_allclose(reported.boxes, [[0, 0, 64, 64]])  # ends where the input does
    with pytest.raises(LayoutError, match='84 cells, 80 classes, and distances; the network gives'):
        READERS['nanodet']([found], (64, 64), how('nanodet'), 0.3)


def test_movenet_reads_y_before_x():
    found = np.zeros((1, 6, 56), np.float32)
    found[0, 2, :3] = 0.25, 0.5, 0.8
    found[0, 2, 51:] = 0.1, 0.2, 0.5, 0.6, 0.7
    reported = READERS['movenet_multipose']([found], (64, 128), how('movenet_multipose'), 0.3)
    np.testing.assert_allclose(reported.boxes, [[25.6, 6.4, 76.8, 32]], atol=1e-4)
    np.testing.assert_allclose(reported.joints[0, 0], [64, 16, 0.8], atol=1e-5)


def test_rtmo_has_no_skeleton_of_zeros():
    boxes = np.array([[[0, 0, 9, 9, 0.9], [1, 1, 9, 9, 0.8]]], np.float32)
    joints = np.zeros((1, 2, 17, 3), np.float32)
    joints[0, 1] = 5
    reported = READERS['rtmo']([boxes, joints], (64, 64), how('rtmo'), 0.3)
    np.testing.assert_allclose(reported.scores, [0.8])


def test_overlapping_boxes_of_one_person_are_dropped():
    found = np.zeros((1, 84, 85), np.float32)
    for cell, score in ((9, 0.8), (10, 0.9)):
        found[0, cell] = [9 - cell, 0, np.log(4), np.log(4), 1, score, *[0] * 79]
    reported = READERS['yolox']([found], (64, 64), how('yolox'), 0.3)
    np.testing.assert_allclose(reported.scores, [0.9])


@pytest.mark.parametrize('layout', list(READERS))
def test_other_outputs_than_the_layouts_are_refused(layout):
    with pytest.raises(LayoutError, match=layout):
        READERS[layout]([np.zeros((1, 7, 7), np.float32)], (64, 64), how(layout), 0.3)


def test_a_file_becomes_a_network(detector):
    network = open_people(str(detector), 'cpu', 1)
    assert (network.name, network.threshold, network.has_joints) == ('x', 0.5, False)
    found = network.find(IMAGE, 0.1)
    np.testing.assert_allclose(found.boxes, [[12, 24, 60, 48]])  # cut at the image's edge
    assert not found.joints.any()


def test_joints_are_found_by_their_names(tmp_path):
    found = np.array([[[0, 0, 32, 32, 0.9]]], np.float32)
    joints = np.array([[[[1, 2, 0.5], [3, 4, 0.6], [5, 6, 0.7]]]], np.float32)
    write_network(tmp_path / 'x.onnx', {'dets': found, 'joints': joints})
    names = ['neck', 'left_knee', 'nose']
    network = open_people(str(describe(tmp_path / 'x.yaml', layout='rtmo', joints=names)), 'cpu', 1)
    joints = network.find(np.zeros((64, 64, 3), np.uint8), 0.1).joints[0]
    np.testing.assert_allclose(joints[JOINT_NAMES.index('nose')], [5, 6, 0.7])
    np.testing.assert_allclose(joints[JOINT_NAMES.index('left_knee')], [3, 4, 0.6])
    assert np.count_nonzero(joints[:, 2]) == 2


def test_joints_are_found_in_boxes(tmp_path, detector):
    bins = {'x': np.zeros((1, 17, 96), np.float32), 'y': np.zeros((1, 17, 128), np.float32)}
    bins['x'][..., 48], bins['y'][..., 64] = 0.7, 0.6  # the middle of the crop
    write_network(tmp_path / 'pose.onnx', bins, shape=('n', 3, 64, 48))
    values = {'people': 'pose.onnx', 'layout': 'simcc', 'size': [64, 48], 'boxes': 'x.yaml'}
    network = open_people(str(describe(tmp_path / 'pose.yaml', **values)), 'cpu', 1)
    found = network.find(IMAGE, 0.1)
    np.testing.assert_allclose(found.joints[0, :, :2], np.tile([36, 36], (17, 1)), atol=1e-4)
    np.testing.assert_allclose(found.joints[0, :, 2], 0.6)


@pytest.mark.parametrize('layout', HEATMAPS)
def test_joints_are_found_in_heat_maps_of_boxes(tmp_path, detector, layout):
    # The middle of the crop: a cell's centre for `plain` and `dark`, between cells for `udp`.
    middle = np.array([31, 23]) / 2 if layout == 'heatmap_udp' else np.array([16, 12])
    y, x = np.mgrid[:32, :24]
    peak = np.exp(-((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / 8).astype(np.float32)
    maps = np.broadcast_to(peak, (1, 17, 32, 24)).copy()
    write_network(tmp_path / 'pose.onnx', {'maps': maps}, shape=('n', 3, 64, 48))
    values = {'people': 'pose.onnx', 'layout': layout, 'size': [64, 48], 'boxes': 'x.yaml'}
    network = open_people(str(describe(tmp_path / 'pose.yaml', **values)), 'cpu', 1)
    joints = network.find(IMAGE, 0.1).joints[0]
    within = 1.5 if layout == 'heatmap_plain' else 0.05
    np.testing.assert_allclose(joints[:, :2], np.tile([36, 36], (17, 1)), atol=within)
    np.testing.assert_allclose(joints[:, 2], peak.max())


def test_heat_maps_of_another_shape_are_refused(tmp_path, detector):
    write_network(tmp_path / 'p.onnx', {'a': np.zeros((1, 17, 9), np.float32)}, ('n', 3, 64, 48))
    values = {'people': 'p.onnx', 'layout': 'heatmap_dark', 'size': [64, 48], 'boxes': 'x.yaml'}
    with pytest.raises(ModelError, match='heatmap_dark has one output'):
        open_people(str(describe(tmp_path / 'p.yaml', **values)), 'cpu', 1)


def test_boxes_come_from_a_network_that_finds_them(tmp_path):
    values = {'layout': 'simcc', 'boxes': 'x.yaml'}
    with pytest.raises(ModelError, match='finds none itself'):
        open_people(str(describe(tmp_path / 'x.yaml', **values)), 'cpu', 1)


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ({'layout': 'yolox'}, 'does not fit its description.*the layout yolox has outputs'),
        ({'size': [96, 64]}, 'does not fit its description'),
        ({'people': 'absent.onnx'}, 'cannot open the people network'),
    ],
)
def test_files_that_do_not_fit_are_refused_at_once(detector, change, text):
    values = yaml.safe_load(detector.read_text())
    with pytest.raises(ModelError, match=text):
        open_people(str(describe(detector, **{**values, **change})), 'cpu', 1)


def test_networks_that_take_no_image_are_refused(tmp_path, detector):
    write_network(tmp_path / 'x.onnx', {'a': np.zeros((1, 1), np.float32)}, shape=(1, 5))
    with pytest.raises(ModelError, match='a people network takes one image'):
        open_people(str(detector), 'cpu', 1)


def test_other_names_say_what_there_is():
    with pytest.raises(ModelError, match=r'no people network "hog"; there are people_n, FILE.yaml'):
        open_people('hog', 'cpu', 1)


def test_devices_that_are_not_here_say_what_to_do():
    assert choose_providers('cpu') == (CPU,)
    with pytest.raises(ModelError, match=r'"tpu" is none of auto, cpu, cuda, tensorrt, openvino'):
        choose_providers('tpu')
    with pytest.raises(ModelError, match='could not load'):
        check_used('cuda:1', [CPU])
    check_used('auto', [CPU])


def test_devices_mean_providers(monkeypatch):
    names = ['TensorrtExecutionProvider', 'CUDAExecutionProvider', 'OpenVINOExecutionProvider', CPU]
    where = 'actloc_ros.models.onnx_runtime.onnxruntime.get_available_providers'
    monkeypatch.setattr(where, lambda: names)
    cuda = names[1], {'device_id': '2'}
    assert choose_providers('cuda:2') == (cuda, CPU)
    assert choose_providers('tensorrt:2') == ((names[0], {'device_id': '2'}), cuda, CPU)
    assert choose_providers('openvino') == ((names[2], {'device_type': 'CPU'}), CPU)
    assert choose_providers('auto')[0] == (names[1], {'device_id': '0'})
    monkeypatch.setattr(where, lambda: [CPU])
    with pytest.raises(ModelError, match='install onnxruntime-gpu'):
        choose_providers('cuda')


PROVED = ('movenet_multipose', 'yolox_nano', 'rtmdet_nano_person', 'nanodet_m')


@pytest.mark.parametrize('name', PROVED)
def test_ready_descriptions_fit_the_networks(name, shared, tmp_path):
    described = dataclasses.asdict(read_description(READY / f'{name}.yaml'))
    described = {key: list(v) if isinstance(v, tuple) else v for key, v in described.items()}
    described['people'] = str(shared / 'teacher/models' / f'{name}.onnx')
    path = tmp_path / f'{name}.yaml'
    path.write_text(yaml.safe_dump(described))
    network = open_people(str(path), 'cpu', 1)
    assert network.has_joints == (name == 'movenet_multipose')
    assert len(network.find(np.full((240, 320, 3), 90, np.uint8), 0.5).boxes) == 0
