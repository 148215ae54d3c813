"""Fuzz what accompanies images: boxes by CSV, joints by JSON, what locates actors in space."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
from hypothesis import strategies as st

from actloc_ros.frames import Frame
from actloc_ros.projection import Intrinsics, VelocityEstimator, locate
from fuzz.mutate import mutate_text, mutate_tree
from fuzz.target import Target, draw

BOXES = """camera,stamp,x1,y1,x2,y2,score
front,1000000000,10,20.5,50,90,0.9
front,1033333333,11,20.5,51,90,
,1066666666,0,0,640,480,1
"""

SIZES = st.one_of(st.integers(1, 60), st.integers(0, 2**32 - 1))
FLOATS = st.floats(width=64)
CAMERAS = st.builds(
    SimpleNamespace,
    k=st.lists(st.one_of(st.floats(-100, 100), FLOATS), min_size=9, max_size=9),
    width=SIZES,
    height=SIZES,
    box=st.lists(st.one_of(st.floats(-10, 70), FLOATS), min_size=4, max_size=4),
    image=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    joints=st.lists(st.floats(-5, 70), min_size=51, max_size=51),
    depths=st.lists(st.floats(0, 20, width=32), min_size=1, max_size=4),
    stamps=st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=6),
)


def _make_boxes(random: Random, folder: Path) -> Path:
    path = folder / 'boxes.csv'
    path.write_bytes(mutate_text(random, BOXES))
    return path


def _run_boxes(path: Path) -> None:
    from actloc_ros.models.detectors.external_boxes import read_boxes

    read_boxes(path)


def _import() -> None:
    import actloc_ros.models.detectors.external_boxes  # noqa: F401


def _make_camera(random: Random, _folder: Path) -> SimpleNamespace:
    camera = draw(CAMERAS, random)
    if random.random() < 0.7:  # a camera as it may be, with any boxes
        camera.width = camera.height = 60
        camera.k[:6] = [random.uniform(1, 200), 0, random.uniform(0, 60)] * 2
        camera.k[4], camera.k[5] = camera.k[0], camera.k[2]
    return camera


def _run_camera(camera: SimpleNamespace) -> None:
    fx, _, cx, _, fy, cy = camera.k[:6]
    intrinsics = Intrinsics(fx, fy, cx, cy, camera.width, camera.height)
    depth = np.resize(np.array(camera.depths, np.float32), (30, 40))
    depth[::3, ::2] = np.nan
    depth[1::5] = np.inf
    x1, y1, x2, y2 = camera.box
    joints = np.array(camera.joints).reshape(17, 3)
    if not (np.isfinite(camera.box).all() and x1 < x2 and y1 < y2):
        return  # a detection has an area
    pose = locate(camera.box, camera.image, depth, intrinsics, 'optical', joints)
    if pose is None:
        return
    assert pose.finite
    assert (pose.size >= 0).all()
    velocities = VelocityEstimator()
    for stamp in camera.stamps:
        velocity = velocities.update(stamp, 1, pose.position)
        assert velocity is None or np.isfinite(velocity).all()


JOINTS = {
    'format': 'actloc-joints',
    'version': 1,
    'rate': 10,
    'joint_names': ['nose', 'neck', 'left_wrist'],
    'detections': [
        {'video': 'a', 'frame': 0, 'score': 0.9, 'joints': [[4, 20, 0.8], [4, 8, 0.7], [1, 2, 0]]}
    ],
}
RESULTS = [{'image_id': 0, 'category_id': 1, 'score': 0.5, 'keypoints': [1, 2, 0.5] * 17}]


def _make_joints(random: Random, folder: Path) -> Path:
    tree = random.choice((JOINTS, RESULTS))
    path = folder / 'joints.json'
    if random.random() < 0.6:
        path.write_bytes(json.dumps(mutate_tree(random, tree)).encode('utf-8', 'surrogatepass'))
    else:
        path.write_bytes(mutate_text(random, json.dumps(tree)))
    return path


def _run_joints(path: Path) -> None:
    from actloc_ros.models.pose.external_joints import ExternalJoints
    from actloc_ros.models.pose.joint_files import read_joint_file

    given = read_joint_file(path, 5.0)
    people = ExternalJoints('joints', given.find, in_space=given.in_space)
    found = people.of_frame(Frame('', 0, np.zeros((48, 64, 3), np.uint8)), 0.1)
    assert np.isfinite(found.boxes).all()
    assert np.isfinite(found.joints).all()


TARGETS = (
    Target('boxes_csv', _make_boxes, _run_boxes, 6, _import),
    Target('camera_info', _make_camera, _run_camera, 6),
    Target('joints_file', _make_joints, _run_joints, 4),
)
