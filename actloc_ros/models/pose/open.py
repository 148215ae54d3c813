"""Open what scores the motion of joints, by the name of the network that finds people.

`PEOPLE+skeleton_n`, where PEOPLE is `people_n`, the path of a YAML file that describes any people
network, or of an ONNX file of your own `people_n`; `joints=PATH`, the joints in a JSON file, see
`joint_files`; or, in the node, `topic`: joints that another node finds (parameters `joints.…`).
`pose_n` is short for `people_n+skeleton_n`.
"""

from __future__ import annotations

from pathlib import Path

from actloc_ros.files import one_line
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.people.open import PEOPLE_N, PeopleNetwork, open_people
from actloc_ros.models.pose.external_joints import ExternalJoints
from actloc_ros.models.pose.joint_files import RATE, read_joint_file
from actloc_ros.models.pose.localizer import PoseLocalizer
from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.models.storage import find_onnx, onnx_places

SKELETON_N, POSE_N = 'skeleton_n', 'pose_n'
TOPIC, FILE = 'topic', 'joints='
PIXELS, METRES = "COCO's joints in pixels", "NTU RGB+D's 25 joints in m"


def open_pose_n(options: LocalizerOptions) -> PoseLocalizer:
    """Return `people_n+skeleton_n` under its short name; see `open_pose`."""
    return _open(POSE_N, PEOPLE_N, options)


def open_pose(model: str, options: LocalizerOptions) -> PoseLocalizer:
    """Return the localizer called `PEOPLE+skeleton_n`.

    Args:
        model: As this module's text says.
        options: `weights` are the skeleton network's; `threads` are the people network's.

    Raises:
        ModelError: There is no such network, its file is not here or does not fit, or the device
            does not work.
    """
    people, _, _ = model.rpartition('+')
    if people == PEOPLE_N:
        return open_pose_n(options)
    return _open(f'{Path(people).stem}+{SKELETON_N}', people, options)


def open_people_or_joints(
    name: str, options: LocalizerOptions, in_space: bool = False
) -> PeopleNetwork | ExternalJoints:
    """Return what finds people: a network, or joints that others find, as this module's text says.

    Args:
        name: Its name.
        options: What the user chose.
        in_space: Whether joints must be in m, of NTU RGB+D, not in pixels.

    Raises:
        ModelError: There is no such network or file, or it does not fit; or no node gives topics.
    """
    if name == TOPIC:
        inputs = options.side_inputs
        if inputs is None:
            raise ModelError(f'joints from a topic need the node; give {FILE}PATH offline')
        find = lambda frame: inputs.joints(frame.camera, frame.stamp)  # noqa: E731
        return ExternalJoints(TOPIC, find, in_space=in_space)
    if name.startswith(FILE):
        path = Path(name.removeprefix(FILE)).expanduser()
        file = read_joint_file(path, float(options.extra.get(RATE, 0.0)))
        if file.in_space != in_space:
            has, takes = (METRES, PIXELS) if file.in_space else (PIXELS, METRES)
            raise ModelError(f'"{path}" has {has}, and the network behind it takes {takes}')
        return ExternalJoints(path.stem, file.find, (path,), in_space)
    if in_space:
        raise ModelError(
            f'the network behind {name} takes {METRES}; images give pixels: take a network whose'
            f' name has hrnet or kinetics, or joints of a depth camera ({FILE}PATH, or {TOPIC})'
        )
    return open_people(name, options.device, options.threads)


def _open(name: str, people: str, options: LocalizerOptions) -> PoseLocalizer:
    network = open_people_or_joints(people, options)
    path = _skeleton_file(options.weights)
    return PoseLocalizer(name, network, _open_skeleton(path), (*network.files, path))


def _skeleton_file(weights: str) -> Path:
    path = Path(weights).expanduser() if weights else find_onnx(SKELETON_N)
    if path is None or not path.is_file():
        places = weights or ', '.join(str(place) for place in onnx_places(SKELETON_N))
        raise WeightsError(f'the weights of {SKELETON_N} are not here (no file {places})')
    return path


def _open_skeleton(path: Path) -> SkeletonSession:
    """Return the skeleton network; it runs on the CPU, where a step takes less than a transfer."""
    try:
        return SkeletonSession(path)
    except Exception as error:  # ONNX Runtime's own classes have no common one
        raise WeightsError(f'"{path}" is no {SKELETON_N}: {one_line(error)}') from error
