"""Fuzz annotations and detections, in every format that is read."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from actloc_ros.datasets.check import check_dataset
from actloc_ros.datasets.formats.evaluation_files import read_predictions, read_truth
from actloc_ros.datasets.formats.joint_files import read_joint_detections
from actloc_ros.datasets.readers import open_dataset
from actloc_ros.datasets.spec import DatasetSpec
from actloc_ros.truth.joints import read_joint_truth
from fuzz.mutate import mutate_text, mutate_tree
from fuzz.target import Target
from fuzz.targets.videos import small_video

NAME = 'vid.mp4'  # 8 frames of 64x48 at 10 Hz
PLAIN = {
    'format': 'actloc-annotations',
    'version': 1,
    'labels': ['walking', 'waving'],
    'keypoints': ['left_wrist', 'right_wrist'],
    'videos': [
        {
            'path': NAME, 'fps': 10.0, 'width': 64, 'height': 48, 'frames': 8,
            'tubes': [
                {'actor': 1, 'boxes': [[0, 1, 2, 30, 40], [1, 2, 2, 31, 40]],
                 'distances': [3.2, 3.1], 'keypoints': [[12, 40.5, 48, 41], [13, None, 49, 41]]}
            ],
            'instances': [{'actor': 1, 'label': 'waving', 'start': 0.0, 'end': 0.2}],
            'labelled': [0, 1, 2],
            'happenings': [{'label': 'waving'}, {'label': 'walking', 'start': 0.1, 'end': 0.3}],
        }
    ],
}  # fmt: skip
LISTED = """recording,label,start,end
vid.mp4,waving,0.1,0.4
vid.mp4,walking,0.5,
vid.mp4,walking,,
"""
ACTIVITYNET = {
    'version': 'VERSION 1.3',
    'database': {'vid': {
        'subset': 'training', 'annotations': [{'label': 'waving', 'segment': [0.1, 0.4]}]}},
}  # fmt: skip
ACT = {
    'labels': ['walking', 'waving'],
    'test_videos': [['vid']], 'train_videos': [['vid']],
    'resolution': {'vid': [48, 64]},
    'gttubes': {'vid': {'0': [[[1, 10, 20, 30, 40], [2, 11, 20, 31, 40]]]}},
}  # fmt: skip
PYANNOT = {
    'vid': {'numf': 8, 'label': 0, 'annotations': [
        {'label': 0, 'sf': 1, 'ef': 3, 'boxes': [[18, 9, 4, 9], [19, 9, 4, 9]]}]},
}  # fmt: skip
CLIPS = {
    'classes': ['walking', 'waving'],
    'clips': {'vid': {'tubes': [{'label': 'waving', 'boxes': [[0, 1, 2, 3, 4], [1, 1, 2, 3, 4]]}]}},
}
ROWS = [['vid', 1, 'walking', 0.9, 10, 20, 30, 40], [0, 2, 1, 0.8, 10, 20, 30, 40]]
TUBES = {'walking': [['vid', 0.9, [[1, 10, 20, 30, 40, 0.9], [2, 11, 20, 31, 40, 0.8]]]]}
JOINTS = {
    'format': 'actloc-joints', 'version': 1, 'joint_names': ['left_wrist', 'right_wrist'],
    'detections': [
        {'video': NAME, 'frame': 0, 'score': 0.9, 'joints': [[4, 20, 0.8], [4, 8, 0.7]]}],
}  # fmt: skip
AVA = """vid,0.1,0.1,0.2,0.3,0.4,12,0
vid,0.1,0.5,0.2,0.9,0.4,80,1
vid,0.3
vid,0.5,0.1,0.2,0.3,0.4,11,0
"""
DETECTED = 'vid,0.1,0.1,0.2,0.3,0.4,12,0.9\nvid,0.5,0.1,0.2,0.3,0.4,11,0.25\n'
LABEL_MAP = 'item {\n  name: "walk"\n  id: 12\n}\nitem {\n  name: "sit" label_id: 11\n}\n'
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>7</id><size>8</size><start_frame>0</start_frame><stop_frame>7</stop_frame>
      <frame_filter></frame_filter><source>vid.mp4</source>
      <labels><label><name>person</name><attributes><attribute><name>action</name>
        <values>walking
waving</values></attribute></attributes></label></labels>
      <original_size><width>64</width><height>48</height></original_size>
    </task>
  </meta>
  <track id="0" label="person" task_id="7">
    <box frame="0" outside="0" xtl="1.5" ytl="2" xbr="30" ybr="40">
      <attribute name="action">walking</attribute></box>
    <box frame="4" outside="0" xtl="2.5" ytl="2" xbr="31" ybr="40" rotation="0">
      <attribute name="action">walking,waving</attribute></box>
    <box frame="7" outside="1" xtl="2.5" ytl="2" xbr="31" ybr="40"></box>
  </track>
</annotations>
"""


def _json(random: Random, tree: Any) -> bytes:
    """Return JSON of which values, or the text itself, are broken."""
    if random.random() < 0.6:
        text = json.dumps(mutate_tree(random, tree))
        return text.encode('utf-8', 'surrogatepass')
    return mutate_text(random, json.dumps(tree, indent=random.choice((None, 1))))


def _make_set(kind: str, random: Random, folder: Path) -> Path:
    """Write a data set: annotations of which something is broken, beside a whole video."""
    content, name = _content(kind, random)
    (folder / NAME).symlink_to(small_video())
    if kind == 'ava' and random.random() < 0.3:
        (folder / 'labels.pbtxt').write_bytes(mutate_text(random, LABEL_MAP))
    if kind == 'ucf24':
        for part in ('train', 'test'):
            (folder / f'{part}list01.txt').write_text('vid 1\n')
    path = folder / name
    path.write_bytes(content)
    return path


def _content(kind: str, random: Random) -> tuple[bytes, str]:
    if kind == 'cvat':
        return mutate_text(random, CVAT), 'broken.xml'
    if kind == 'ava':
        return mutate_text(random, AVA), 'ava_train_v2.2.csv'
    if kind == 'labels':
        return mutate_text(random, LISTED), 'broken.csv'
    trees = {'activitynet': ACTIVITYNET, 'actloc': PLAIN, 'jhmdb': ACT, 'multisports': ACT}
    return _json(random, trees.get(kind) or random.choice((PYANNOT, CLIPS, ACT))), 'broken.json'


def _run_set(kind: str, path: Path) -> None:
    for part in ('train', 'all'):
        videos = open_dataset(DatasetSpec(path.name, kind, part), path.parent)
        report = check_dataset(videos)
        assert report.text()
        if report.fatal:
            continue
        for index, video in enumerate(videos.videos):
            clip = videos.clip(index, np.arange(min(2, video.frames)))
            assert np.isfinite(clip.boxes).all()


def _make_evaluation(random: Random, folder: Path) -> tuple[Path, Path]:
    """Write a whole ground truth, and detections of which something is broken, or the reverse."""
    which = random.randrange(5)
    if which == 0:
        truth, found, suffix = AVA.encode(), DETECTED.encode(), 'csv'
    else:
        trees = ((PYANNOT, PYANNOT), (CLIPS, TUBES), (ACT, ROWS), (PLAIN, ROWS))[which - 1]
        truth, found = (json.dumps(tree).encode() for tree in trees)
        suffix = 'json'
    if random.random() < 0.5:
        text = found.decode()
        found = mutate_text(random, text) if suffix == 'csv' else _json(random, json.loads(text))
    else:
        text = truth.decode()
        truth = mutate_text(random, text) if suffix == 'csv' else _json(random, json.loads(text))
    paths = folder / f'truth.{suffix}', folder / f'found.{suffix}'
    paths[0].write_bytes(truth)
    paths[1].write_bytes(found)
    return paths


def _run_evaluation(paths: tuple[Path, Path]) -> None:
    truth = read_truth(paths[0])
    found = read_predictions(paths[1], truth)
    assert np.isfinite(found.boxes.scores).all()
    assert np.isfinite(truth.boxes.boxes).all()


def _make_joints(random: Random, folder: Path) -> tuple[Path, Path]:
    truth, found = folder / 'truth.json', folder / 'found.json'
    broken = random.random() < 0.5
    truth.write_bytes(json.dumps(PLAIN).encode() if broken else _json(random, PLAIN))
    found.write_bytes(_json(random, JOINTS) if broken else json.dumps(JOINTS).encode())
    return truth, found


def _run_joints(paths: tuple[Path, Path]) -> None:
    from actloc_ros.evaluation.joints import measure_joints

    truth = read_joint_truth(paths[0])
    measure_joints(truth, read_joint_detections(paths[1], truth)).text()


TARGETS = (
    *(
        Target(f'set_{kind}', partial(_make_set, kind), partial(_run_set, kind), 5, small_video)
        for kind in ('actloc', 'cvat', 'ava', 'ucf24', 'jhmdb', 'labels', 'activitynet')
    ),
    Target('evaluation', _make_evaluation, _run_evaluation, 6),
    Target('joints', _make_joints, _run_joints, 4),
)
