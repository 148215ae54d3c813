"""Compare OKS-AP and PCK with a plain implementation, and run `actloc eval` on files."""

import json
import math
import random as rnd
from itertools import permutations
from pathlib import Path

import numpy as np
import parity
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_localizer import JOINTS, SCORES, joints_of

from actloc_ros.cli.main import main as actloc
from actloc_ros.datasets.formats.joint_files import read_joint_detections
from actloc_ros.evaluation.joints import near_shares, oks_figures
from actloc_ros.evaluation.oks import SIGMAS
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.joints import COCO_JOINTS
from actloc_ros.truth.joints import FramePeople, read_joint_truth
from actloc_ros.truth.plain_json import read_annotations, write_annotations

NAMES = ['left_shoulder', 'right_shoulder', 'left_hip', 'right_hip', 'nose', 'tail']


def test_agrees_with_published_code(shared: Path) -> None:
    parity.check_file(shared / 'parity2/oks_ap_1.json')


def plain_oks(joints, true, box):
    """The mean over annotated joints; tails are no joints of COCO."""
    width, height = box[2] - box[0], box[3] - box[1]
    values = []
    annotated = [not math.isnan(p[0]) for p in true[:5]]
    for name, (x, y), (u, v), known in zip(NAMES, joints, true, [*annotated, False], strict=True):
        if known or not any(annotated):
            dx, dy = x - u, y - v
            if not any(annotated):
                dx = max(0, box[0] - width - x) + max(0, x - box[2] - width)
                dy = max(0, box[1] - height - y) + max(0, y - box[3] - height)
            if name != 'tail':
                s = 0.53 * width * height
                values.append(math.exp(-(dx * dx + dy * dy) / (2 * s * (2 * SIGMAS[name]) ** 2)))
    return sum(values) / len(values)


def plain_ap(true, found, threshold):
    """Precision at 101 recalls, and the recall, detection by detection."""
    hits = []  # score and whether it is right, of those that count
    total = 0
    for frame in {*true.keys.tolist(), *found.keys.tolist()}:
        people = [i for i in range(len(true)) if true.keys[i] == frame]
        real = [i for i in people if not np.isnan(true.joints[i, :5, 0]).all()]
        total += len(real)
        mine = [i for i in range(len(found)) if found.keys[i] == frame]
        free = set(people)
        for i in sorted(mine, key=lambda i: -found.scores[i])[:20]:
            values = {
                j: plain_oks(
                    found.joints[i].tolist(), true.joints[j].tolist(), true.boxes[j].tolist()
                )
                for j in free
            }
            near = [j for j in free if values[j] >= threshold]
            best = max((j for j in near if j in real), key=values.get, default=None)
            bare = next((j for j in near if j not in real), None)
            if best is not None or bare is None:
                hits.append((found.scores[i], best is not None))
            free.discard(best if best is not None else bare)
    if not total:
        return math.nan, math.nan
    hits.sort(key=lambda hit: -hit[0])
    points, right = [], 0
    for number, (_, hit) in enumerate(hits, 1):
        right += hit
        points.append((right / total, right / number))
    precisions = [
        max((p for r, p in points if r >= i / 100 - 1e-12), default=0) for i in range(101)
    ]
    return sum(precisions) / 101, right / total


def plain_pck(true, found):
    """Each person's joints against the detection whose sum of similarities is largest."""
    total = near = unsided = 0
    for frame in set(true.keys.tolist()):
        people = [i for i in range(len(true)) if true.keys[i] == frame]
        mine = [i for i in range(len(found)) if found.keys[i] == frame]
        places = mine + [None] * max(0, len(people) - len(mine))
        similarity = {
            (i, j): full_oks(found.joints[i], true.joints[j], true.boxes[j])
            for i in mine
            for j in people
        }
        chosen = max(
            permutations(places, len(people)),
            key=lambda p: sum(similarity.get(pair, 0) for pair in zip(p, people, strict=True)),
        )
        for i, j in zip(chosen, people, strict=True):
            torso = math.dist(true.joints[j, 0], true.joints[j, 3])
            if not torso > 0:
                continue
            known = [not math.isnan(x) for x, _ in true.joints[j]]
            total += sum(known)
            if i is not None:

                def hit(a, b, i=i, j=j, known=known, torso=torso):
                    return (
                        known[b] and math.dist(found.joints[i, a], true.joints[j, b]) <= 0.2 * torso
                    )

                pairs = [(0, 1), (2, 3)]
                near += sum(hit(k, k) for k in range(6))
                unsided += hit(4, 4) + hit(5, 5)
                unsided += sum(max(hit(a, a) + hit(b, b), hit(a, b) + hit(b, a)) for a, b in pairs)
    return (total, near, unsided)


def full_oks(joints, true, box):
    s = 0.53 * (box[2] - box[0]) * (box[3] - box[1])
    sigmas = [SIGMAS.get(name, 0.107) for name in NAMES]
    values = [
        math.exp(-(math.dist(p, q) ** 2) / (2 * s * (2 * sigma) ** 2))
        for p, q, sigma in zip(joints, true, sigmas, strict=True)
        if not math.isnan(q[0])
    ]
    if values:
        return sum(values) / len(values)
    (x1, y1, x2, y2), values = box, []
    for (x, y), sigma in zip(joints, sigmas, strict=True):
        dx = max(0, 2 * x1 - x2 - x) + max(0, x - 2 * x2 + x1)
        dy = max(0, 2 * y1 - y2 - y) + max(0, y - 2 * y2 + y1)
        values.append(math.exp(-(dx * dx + dy * dy) / (2 * s * (2 * sigma) ** 2)))
    return sum(values) / len(values)


def a_case(seed, truths, found):
    """Return true people, some joints unknown, and detections near some of them."""
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 200, (truths, 2))
    boxes = np.hstack([corner, corner + random.uniform(20, 80, (truths, 2))])
    joints = corner[:, None] + random.uniform(0, 80, (truths, 6, 2))
    keys = random.integers(0, 3, truths)
    of = random.integers(0, truths, found)
    near = joints[of] + random.normal(0, 1, (found, 6, 2)) * random.choice(
        [1, 6, 30], (found, 1, 1)
    )
    swapped = random.random(found) < 0.3
    near[swapped] = near[swapped][:, [1, 0, 3, 2, 4, 5]]
    hidden = (random.random((truths, 6)) < 0.2) | (random.random(truths) < 0.2)[:, None]
    joints[hidden] = np.nan
    scores = random.permutation(found) / max(found, 1)
    true = FramePeople(keys, joints, boxes, np.ones(truths))
    return true, FramePeople(keys[of], near, np.full((found, 4), np.nan), scores)


cases = given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 24))


@settings(max_examples=60, deadline=None, derandomize=True)
@cases
def test_oks_ap_equals_the_plain_one(seed, truths, found):
    true, detected = a_case(seed, truths, found)
    figures = oks_figures(NAMES, true, detected)
    plain = [plain_ap(true, detected, 0.5 + 0.05 * step) for step in range(10)]
    averages, recalls = np.array(plain).T
    expected = [averages.mean(), averages[0], averages[5], recalls.mean()]
    assert [*figures.values()] == pytest.approx(expected, nan_ok=True)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 6))
def test_pck_equals_the_plain_one(seed, truths, found):
    true, detected = a_case(seed, truths, found)
    shares = near_shares(NAMES, true, detected)
    sums = [sum(s.count for s in shares)]
    sums += [round(sum(s.near * s.count for s in shares if s.count))]
    sums += [round(sum(s.near_unsided * s.count for s in shares if s.count))]
    assert tuple(sums) == plain_pck(true, detected)
    assert sums[1] <= sums[2]


def test_sigmas_are_of_all_joints_of_coco():
    assert tuple(SIGMAS) == COCO_JOINTS
    assert (SIGMAS['left_wrist'], SIGMAS['right_ankle']) == (0.062, 0.089)


BOXES = [[10 + 4 * i, 14, 34 + 4 * i, 44] for i in range(6)]


def annotations(tmp_path, **changes):
    """Write a video of a rectangle that moves, and its annotations with exact joints."""
    with VideoWriter(tmp_path / 'a.mp4', rate=10) as video:
        for index, (x1, y1, x2, y2) in enumerate(BOXES):
            image = np.full((64, 96, 3), 20, np.uint8)
            image[y1:y2, x1:x2] = (250, 0, 0)
            video.write(index * 100_000_000, image)
    points = joints_of(np.array(BOXES, np.float32))[:, :, :2].astype(float)
    track = {
        'actor': 1,
        'boxes': [[index, *box] for index, box in enumerate(BOXES)],
        'keypoints': points.reshape(6, -1).tolist(),
    }
    video = {'path': 'a.mp4', 'fps': 10.0, 'width': 96, 'height': 64, 'frames': 6}
    video |= {'tubes': [track], 'instances': []}
    data = {'format': 'actloc-annotations', 'version': 1, 'labels': ['red'], 'keypoints': JOINTS}
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(data | {'videos': [video]} | changes))
    return path


def measure(tmp_path, truth, detections, *options):
    out = tmp_path / 'out.json'
    words = ['--ground-truth', truth, '--detections', detections, '--json', out, *options]
    code = actloc(['eval', '--protocol', 'coco-joints', *map(str, words)])
    return json.loads(out.read_text()) if code == 0 else code


def rows(joints, frames):
    return [
        {'video': 'a.mp4', 'frame': frame, 'score': 0.5, 'joints': each}
        for frame, each in zip(frames, joints.tolist(), strict=True)
    ]


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16'])
def test_joints_that_windows_saved_are_read(tmp_path, encoding):
    truth = read_joint_truth(annotations(tmp_path))
    row = {'video': 'a.mp4', 'frame': 0, 'score': 0.5, 'joints': [[1, 2, 1]]}
    path = detections(tmp_path, [row], ['nose'])
    moved = path.rename(tmp_path / 'FOUND.JSON')
    moved.write_text(moved.read_text(), encoding)
    assert len(read_joint_detections(moved, truth).people) == 1


def detections(tmp_path, found, names=JOINTS, **changes):
    path = tmp_path / 'found.json'
    data = {'format': 'actloc-joints', 'version': 1, 'joint_names': names, 'detections': found}
    path.write_text(json.dumps(data | changes))
    return path


def test_a_bag_of_a_run_is_measured_against_keypoints(tmp_path, capsys):
    truth, bag, video = annotations(tmp_path), tmp_path / 'bag', tmp_path / 'out.mp4'
    model = ['--model', 'joint_localizer:JointLocalizer']
    source = str(tmp_path / 'a.mp4')
    assert actloc(['run', source, *model, '--out', str(bag), '--video', str(video)]) == 0
    results = measure(tmp_path, truth, bag)
    # Videos are compressed, so that a side of a box may be a pixel off.
    assert results['figures']['OKS-AP50'] == 1
    assert results['figures']['PCK@0.2'] == 1
    assert {each['count'] for each in results['joints']} == {6}
    assert 'coco-joints OKS-AP: ' in capsys.readouterr().out
    other = annotations(tmp_path, keypoints=[f'{name}_2' for name in JOINTS])
    assert measure(tmp_path, other, bag) == 2
    assert 'of which none is in' in capsys.readouterr().err


def test_json_of_exact_joints_is_all_right_and_swaps_are_named(tmp_path):
    truth = annotations(tmp_path)
    joints = joints_of(np.array(BOXES, np.float32)).astype(float)
    assert joints.shape == (6, len(SCORES), 3)
    results = measure(tmp_path, truth, detections(tmp_path, rows(joints, range(6))))
    assert results['figures'] == dict.fromkeys(results['figures'], pytest.approx(1))
    swapped = joints[:, [1, 0, 3, 2, 4, 5]]
    figures = measure(tmp_path, truth, detections(tmp_path, rows(swapped, range(6))))['figures']
    assert figures['PCK@0.2'] == pytest.approx(2 / 6)
    assert figures['PCK@0.2 unsided'] == 1
    # names, not places, say which joint is which
    order = rnd.Random(1).sample(range(len(JOINTS)), len(JOINTS))
    named = [JOINTS[i] for i in order]
    found = detections(tmp_path, rows(joints[:, order], range(6)), named)
    assert measure(tmp_path, truth, found)['figures']['OKS-AP'] == pytest.approx(1)
    # half of the frames are missed; COCO's points are at 0, 0.01, ..., 0.5
    half = measure(tmp_path, truth, detections(tmp_path, rows(joints[:3], range(3))))
    assert half['figures']['OKS-AP'] == pytest.approx(51 / 101)
    assert half['figures']['PCK@0.2'] == 0.5


ONE = {'video': 'a', 'frame': 0, 'score': 1, 'joints': [[0] * 3] * 6}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'format': 'coco'}, "format is 'coco'"),
        ({'detections': [{}]}, 'not joints in the form'),
        ({'detections': [ONE | {'video': 'b'}]}, "'b'"),
        ({'detections': [ONE | {'frame': 6}]}, '0 to 5'),
        ({'detections': [ONE | {'joints': [[0] * 2] * 6}]}, '(6, 2)'),
        ({'detections': [ONE | {'score': math.nan}]}, 'finite'),
        ({'joint_names': ['nose'] * 6}, 'expected different names'),
    ],
)  # fmt: skip
def test_broken_joint_files_are_named(tmp_path, capsys, change, message):
    assert measure(tmp_path, annotations(tmp_path), detections(tmp_path, [], **change)) == 2
    assert message in capsys.readouterr().err


def test_what_cannot_be_measured_is_said(tmp_path, capsys):
    found = detections(tmp_path, [])
    truth = annotations(tmp_path)
    assert measure(tmp_path, truth, found, '--linking', 'trimmed') == 2
    assert '--linking does not go with coco-joints' in capsys.readouterr().err
    truth.write_text('{"format": "actloc-annotations", "version": 1, "labels": [], "videos": []}')
    assert measure(tmp_path, truth, found) == 2
    assert 'no keypoints are annotated' in capsys.readouterr().err


def test_joints_that_are_not_annotated_are_null_and_do_not_count(tmp_path):
    truth = annotations(tmp_path)
    known = read_annotations(truth)
    [video] = known.videos
    [track] = video.tracks
    track.keypoints[:, 4] = np.nan
    write_annotations(truth, known)
    assert 'null' in truth.read_text()
    [again] = read_annotations(truth).videos[0].tracks
    np.testing.assert_allclose(again.keypoints, track.keypoints, atol=1e-4)
    joints = joints_of(np.array(BOXES, np.float32)).astype(float)
    joints[:, 4] += 1000
    results = measure(tmp_path, truth, detections(tmp_path, rows(joints, range(6))))
    assert results['figures'] == dict.fromkeys(results['figures'], pytest.approx(1))
    assert [each['count'] for each in results['joints']] == [6, 6, 6, 6, 0, 6]
    assert results['joints'][4]['pck'] is None
