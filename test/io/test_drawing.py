"""Test what is drawn where, and that videos keep their frames' times."""

from dataclasses import replace

import av
import numpy as np
import pytest

from actloc_ros.cli.main import main as actloc
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io.bags import DetectionWriter, find_type, read_joint_names
from actloc_ros.io.drawing import draw_message
from actloc_ros.io.sources import open_source
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.localizer import ClipInfo
from actloc_ros.messages import label_info_message, step_to_message
from actloc_ros.pipeline import FrameResult
from actloc_ros.ros.common.message_types import ros_type

LABELS = ('walk', 'wave')
MILLISECOND = 10**6


def message(*actions, stamp=2 * 10**9, types=find_type, size=(320, 240)):
    step = FrameResult('', stamp, '', *size, ClipInfo(1, stamp, 16, 0), actions)
    return step_to_message(step, types, model='m', labels=LABELS)


def action(track, box, state=InstanceState.ONGOING, class_id=0):
    scores = np.array([0.8, 0.3], np.float32)
    return InstanceUpdate(track, 1, state, class_id, box, 0.7, 10**9, 2 * 10**9, scores)


def changed(image, actions, **kwargs):
    """Return where drawing changes pixels, apart from the model's name at the lower left."""
    mask = (draw_message(image, message(*actions, **kwargs)) != image).any(axis=-1)
    mask[-30:, :40] = False
    return mask


@pytest.mark.parametrize('types', [find_type, ros_type])
def test_box_is_drawn_on_its_edges_and_a_label_beside_it(types):
    image = np.zeros((240, 320, 3), np.uint8)
    mask = changed(image, [action(1, (100, 80, 160, 200))], types=types)
    assert mask[80:201, 100].all()
    assert mask[80:201, 160].all()
    assert mask[200, 100:161].all()
    assert not mask[84:196, 104:156].any()
    assert mask[60:79, 100:200].mean() > 0.8
    assert not image.any()


def test_box_is_scaled_to_the_image_and_labels_do_not_hide_each_other():
    image = np.zeros((480, 640, 3), np.uint8)
    mask = changed(image, [action(1, (100, 80, 160, 200))])
    assert mask[160:401, 200].all()
    assert not mask[170:390, 210:310].any()
    alone = changed(image, [action(1, (100, 80, 160, 200))]).sum()
    second = action(2, (101, 80, 161, 200))
    both = changed(image, [action(1, (100, 80, 160, 200)), second]).sum()
    assert both > 1.8 * alone - 2 * 240  # but for pixels that boxes share


def test_what_has_ended_is_not_drawn_and_nothing_leaves_the_image():
    image = np.zeros((240, 320, 3), np.uint8)
    assert not changed(image, [action(1, (100, 80, 160, 200), InstanceState.ENDED)]).any()
    for box in ((0, 0, 320, 240), (300, 230, 320, 240), (0, 0, 5, 5)):
        assert changed(image, [action(1, box)]).any()
    tiny = np.zeros((24, 32, 3), np.uint8)
    assert draw_message(tiny, message(action(1, (0, 0, 320, 240)))).shape == tiny.shape


def test_video_keeps_the_times_and_bears_odd_sizes_and_loops(tmp_path):
    path = tmp_path / 'a.mp4'
    stamps = [t * MILLISECOND for t in (500, 540, 700, 100, 140)]
    with VideoWriter(path, rate=25) as video:
        for index, stamp in enumerate(stamps):
            size = (47, 63, 3) if index < 4 else (94, 126, 3)
            video.write(stamp, np.full(size, 50 * index, np.uint8))
    frames = list(open_source(path))
    assert [f.stamp // MILLISECOND for f in frames] == [0, 40, 200, 240, 280]
    assert {f.image.shape for f in frames} == {(48, 64, 3)}
    assert [abs(int(f.image.mean()) - 50 * i) < 5 for i, f in enumerate(frames)] == [True] * 5


def test_draw_matches_by_stamp_and_epoch(tmp_path, capsys):
    source, bag, out = (str(tmp_path / name) for name in ('a.mp4', 'bag', 'out.mp4'))
    with VideoWriter(source, rate=10) as video:
        for index in range(12):
            video.write(index * 100 * MILLISECOND, np.zeros((240, 320, 3), np.uint8))
    with DetectionWriter(bag) as writer:
        stamp = 7 * 10**9 + 300 * MILLISECOND
        writer.write_detections(message(action(1, (100, 80, 160, 200)), stamp=stamp))
    assert actloc(['draw', source, bag, '--out', out]) == 2
    assert 'give the same here' in capsys.readouterr().err
    assert actloc(['draw', source, bag, '--out', out, '--epoch', '7']) == 0
    with av.open(out) as container:
        drawn = [f.to_ndarray(format='rgb24').max() > 100 for f in container.decode(video=0)]
    assert drawn == [False] * 3 + [True] * 6 + [False] * 3  # shown for half a second
    assert actloc(['draw', source, bag, '--out', out, '--camera', 'rear']) == 2
    assert 'no detections of camera "rear"' in capsys.readouterr().err


NAMES = ('left_shoulder', 'left_elbow', 'nose')
PLACES = np.array([[120, 100, 0.9], [140, 160, 0.8], [150, 90, 0.1]], np.float32)


def with_joints(joints, names, box=(100, 80, 160, 200), size=(240, 320)):
    """Return where drawing joints changes pixels."""
    image = np.zeros((*size, 3), np.uint8)
    plain, drawn = action(1, box), replace(action(1, box), joints=joints)
    without = draw_message(image, message(plain), names)
    return (draw_message(image, message(drawn), names) != without).any(axis=-1)


@pytest.mark.parametrize('scale', [1, 2])
def test_limbs_connect_joints_that_are_certain_enough(scale):
    mask = with_joints(PLACES, NAMES, size=(240 * scale, 320 * scale))
    middle = mask[125 * scale : 136 * scale, 120 * scale : 140 * scale]
    assert middle.any(axis=1).all()
    assert middle.mean() < 0.2  # thin
    assert not mask[85 * scale : 95 * scale, 145 * scale : 155 * scale].any()
    dots = with_joints(PLACES, ())
    assert dots[98:102, 118:122].any()
    assert not dots[110:150].any()


def test_joints_far_outside_the_image_do_no_harm():
    joints = np.array([[-40, 100, 1], [1e30, -1e30, 1], [100, 100, 1]], np.float32)
    assert with_joints(joints, NAMES).any()


def test_draw_takes_the_names_of_joints_from_the_bag(tmp_path):
    source, bag, out = (str(tmp_path / name) for name in ('a.mp4', 'bag', 'out.mp4'))
    with VideoWriter(source, rate=10) as video:
        for index in range(3):
            video.write(index * 100 * MILLISECOND, np.zeros((240, 320, 3), np.uint8))
    actor = replace(action(1, (100, 80, 160, 200)), joints=PLACES)
    with DetectionWriter(bag) as writer:
        facts = {'stamp': 10**18, 'model': 'm', 'labels': LABELS, 'threshold': 0.5}
        writer.write_label_info(label_info_message(find_type, **facts, joint_names=NAMES))
        for index in range(3):
            writer.write_detections(message(actor, stamp=index * 100 * MILLISECOND))
    assert read_joint_names(bag) == NAMES
    assert actloc(['draw', source, bag, '--out', out]) == 0
    image = list(open_source(out))[1].image
    assert (image[112:150, 118:145].max(axis=(1, 2)) > 60).all()
