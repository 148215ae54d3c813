"""Check `actloc eval --model`: frames' numbers, sizes and classes, with a localizer that sees."""

import json

import cv2
import numpy as np
import pytest

from actloc_ros.cli.main import main
from actloc_ros.localizer import ClipInfo, Detections, Localizer

MODEL = f'{__name__}:BrightLocalizer'
WIDTH, HEIGHT, FRAMES = 160, 120, 24


class BrightLocalizer(Localizer):
    """Finds the one bright box in an image; it waves."""

    name = 'bright'
    labels = ('sleep', 'Wave')

    def __init__(self, options):
        pass

    def step(self, frames):
        """See `Localizer`."""
        return [self._find(frame) for frame in frames]

    def _find(self, frame):
        rows, columns = np.nonzero(frame.image[..., 0] > 128)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Detections(
            np.array([box], np.float32),
            np.array([0.75], np.float32),
            np.array([[0.25, 0.875]], np.float32),
            ClipInfo(frame.stamp, frame.stamp),
        )

    def reset(self, camera=None):
        """See `Localizer`."""


def box_at(frame):
    return [4 * frame, 20, 4 * frame + 40, 100]


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Make two folders of images in which a box moves 4 pixels a frame."""
    root = tmp_path_factory.mktemp('videos')
    for name in ('a', 'b'):
        (root / 'some' / name).mkdir(parents=True)
        for frame in range(FRAMES):
            image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            x1, y1, x2, y2 = box_at(frame)
            image[y1:y2, x1:x2] = 255
            cv2.imwrite(str(root / 'some' / name / f'{frame:05d}.png'), image)
    return root


def evaluate(tmp_path, truth, name, videos, *options):
    path = tmp_path / name
    path.write_text(truth if isinstance(truth, str) else json.dumps(truth))
    out = tmp_path / 'out.json'
    command = ['eval', '--ground-truth', path, '--json', out, '--model', MODEL, '--videos', videos]
    code = main([str(word) for word in [*command, *options]])
    return json.loads(out.read_text()) if code == 0 else code


def act_truth(scale, label='wave'):
    tube = [[f + 1, *(np.array(box_at(f)) * scale).tolist()] for f in range(FRAMES)]
    return {
        'labels': ['jump', label],
        'resolution': {v: [HEIGHT * scale, WIDTH * scale] for v in ('x/a', 'x/b')},
        'gttubes': {v: {'1': [tube]} for v in ('x/a', 'x/b')},
    }


@pytest.mark.parametrize('scale', [1, 2])
def test_boxes_land_in_the_ground_truths_frames_and_pixels(tmp_path, capsys, videos, scale):
    results = evaluate(tmp_path, act_truth(scale), 'gt.json', videos, '--protocol', 'jhmdb')
    assert [figure['value'] for figure in results['figures']] == pytest.approx([1, 1, 1, 1])
    assert results['averages']['video-mAP@0.5:0.95'] == pytest.approx(1)
    assert results['detections']['boxes'] == 2 * FRAMES
    assert 'bright on 2 videos, 1 of its 2 classes' in capsys.readouterr().out


def test_key_frames_of_ava_are_found_by_their_time(tmp_path, videos):
    # at 8 Hz, second 1 is frame 8 and second 2 frame 16
    rows = ''
    for second in (1, 2):
        box = np.array(box_at(8 * second)) / [WIDTH, HEIGHT, WIDTH, HEIGHT]
        rows += f'a,{second:04d},{",".join(f"{side:.3f}" for side in box)},2,1\n'
    labels = tmp_path / 'labels.pbtxt'
    labels.write_text('item { name: "wave" id: 2 }')
    options = ['--protocol', 'ava-official', '--label-map', labels, '--rate', 8]
    results = evaluate(tmp_path, rows, 'gt.csv', videos, *options)
    assert results['figures'][0]['value'] == 1
    assert results['detections']['boxes'] == 2


def test_any_action_takes_the_actors_scores(tmp_path, videos):
    truth = act_truth(1, label='swim')
    options = ['--protocol', 'ucf24-act']
    results = evaluate(tmp_path, truth, 'gt.json', videos, *options, '--any-action')
    assert results['figures'][0]['value'] == pytest.approx(1)
    assert results['protocol'] == 'ucf24-act (any action)'


@pytest.mark.parametrize('linking', ['online', 'tracks'])
def test_the_pipelines_own_instances_and_tracks_are_tubes(tmp_path, videos, linking):
    truth = act_truth(2)
    options = ['--protocol', 'jhmdb', '--linking', linking, '--rate', 8]
    results = evaluate(tmp_path, truth, 'gt.json', videos, *options)
    assert results['tubes'].startswith("2, the pipeline's ")
    found = {figure['name']: figure['value'] for figure in results['figures']}
    # reported only after it has lasted a while, an instance still covers it from its start
    assert found['video-mAP@0.75'] == pytest.approx(1)
    assert results['averages']['video-mAP@0.5:0.95'] == pytest.approx(1)
    truth['gttubes'] = {v: {'0': tubes['1']} for v, tubes in truth['gttubes'].items()}
    results = evaluate(tmp_path, truth, 'gt.json', videos, *options, '--any-action')
    assert results['figures'][2]['value'] == pytest.approx(1)


def test_models_and_videos_that_do_not_fit_are_refused(tmp_path, capsys, videos):
    truth = act_truth(1, label='swim')
    assert evaluate(tmp_path, truth, 'gt.json', videos, '--protocol', 'jhmdb') == 2
    assert 'the model knows sleep, Wave' in capsys.readouterr().err
    truth = act_truth(1)
    truth['gttubes']['x/c'] = {}
    assert evaluate(tmp_path, truth, 'gt.json', videos, '--protocol', 'jhmdb') == 2
    assert '1 of 3 videos' in capsys.readouterr().err
    listed = tmp_path / 'list.txt'
    listed.write_text('x/b\n')
    options = ['--protocol', 'jhmdb', '--video-list', listed]
    assert evaluate(tmp_path, truth, 'gt.json', videos, *options)['ground_truth']['videos'] == 1


def test_synthetic_videos_with_the_projects_own_annotations(tmp_path, videos):
    rows = [[f, *box_at(f)] for f in range(FRAMES)]
    truth = {
        'format': 'actloc-annotations',
        'version': 1,
        'labels': ['wave'],
        'videos': [
            {
                'path': 'some/a', 'fps': 8.0, 'width': WIDTH, 'height': HEIGHT, 'frames': FRAMES,
                'tubes': [{'actor': 1, 'boxes': rows}],
                'instances': [{'actor': 1, 'label': 'wave', 'start': 0.5, 'end': 2.0}],
            }
        ],
    }  # fmt: skip
    options = ['--protocol', 'ucf24-yowo', '--rate', 8]
    results = evaluate(tmp_path, truth, 'gt.json', videos, *options)
    assert results['ground_truth']['boxes'] == 12
    assert results['figures'][0]['value'] == pytest.approx(1)
    # the box goes on where the action does not: the tube is 24 frames, 12 of them right
    found = {figure['name']: figure['value'] for figure in results['figures']}
    assert (found['video-mAP@0.2'], found['video-mAP@0.75']) == (1, 0)
    # the actor is there all the time
    results = evaluate(tmp_path, truth, 'gt.json', videos, *options, '--any-action')
    assert results['ground_truth']['boxes'] == FRAMES
    assert [figure['value'] for figure in results['figures']] == pytest.approx([1, 1, 1, 1])
