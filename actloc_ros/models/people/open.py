"""Open a network that finds people, by its name or by a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actloc_ros.files import one_line
from actloc_ros.frames import Frame
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.joints_n.session import JointsSession
from actloc_ros.models.onnx_runtime import (
    CPU,
    Providers,
    check_used,
    choose_providers,
    torch_device,
)
from actloc_ros.models.people.description import JOINT_NAMES, read_description
from actloc_ros.models.people.file_network import PeopleFileNetwork
from actloc_ros.models.people.top_down import TopDownNetwork
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.people_n.session import PeopleSession
from actloc_ros.models.storage import find_onnx, onnx_places

PEOPLE_N, JOINTS_N = 'people_n', 'joints_n'
CONTINUES = 0.77
"""Of the score from which `people_n` reports somebody: from there on a box may continue a track."""

WEAKEST = 0.1  # from where on it may where another network finds people
YAML, ONNX = ('.yaml', '.yml'), '.onnx'
PUBLISHED = ('yolox_', 'nanodet_plus_', 'rtmdet_', 'rtmo_')
"""How names of published networks begin, which PyTorch runs: see `published_people`."""
CROPS = '+rtmpose_'
"""How the name of what finds joints in boxes begins, behind the name of what finds boxes."""


Detect = Callable[[np.ndarray, float], FoundPeople]
Refine = Callable[[np.ndarray, FoundPeople], FoundPeople]


def _as_found(image: np.ndarray, found: FoundPeople) -> FoundPeople:
    """Return people whose joints cannot be found better."""
    return found


@dataclass(frozen=True, eq=False)
class PeopleNetwork:
    """A network that finds people in single images.

    Attributes:
        name: Short, for messages.
        detect: An image, uint8 (H, W, 3) in RGB, and the least score -> the people in it, with
            COCO's 17 joints; where the network has none, their confidence is 0.
        threshold: Score from which a person is reported.
        least: Score from which a box may still continue a track, if that is less.
        has_joints: Whether it finds joints.
        refine: An image and some of the people that `detect` found in it -> the same people with
            better joints. It takes time for each of them, so that it is for those who matter.
        files: That it was read from.
    """

    name: str
    detect: Detect
    threshold: float
    has_joints: bool
    refine: Refine = _as_found
    files: tuple[Path, ...] = ()
    least: float = WEAKEST

    @property
    def weakest(self) -> float:
        """Score from which a box may still continue a track."""
        return min(self.least, self.threshold)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joints that it finds."""
        return JOINT_NAMES if self.has_joints else ()

    def of_frame(self, frame: Frame, least: float) -> FoundPeople:
        """Return the people in a frame; see `detect`."""
        return self.detect(frame.image, least)

    def refined(self, frame: Frame, found: FoundPeople) -> FoundPeople:
        """Return some of a frame's people with better joints; see `refine`."""
        return self.refine(frame.image, found)

    def find(self, image: np.ndarray, least: float) -> FoundPeople:
        """Return the people in an image, uint8 (H, W, 3) in RGB, with the best joints."""
        return self.refine(image, self.detect(image, least))


def names_people(name: str) -> bool:
    """Return whether `open_people` opens what is called so."""
    return name == PEOPLE_N or name.startswith(PUBLISHED) or name.endswith((*YAML, ONNX))


def open_people(name: str, device: str, threads: int) -> PeopleNetwork:
    """Return the network called `name`, ready to run.

    Args:
        name: `people_n`; the path of an ONNX file that `actloc` made of your own `people_n`; the
            path of a YAML file that describes any other network, see `description.PeopleFile`; a
            published network, as in `yolox_nano`, or `rtmo_s=PATH` with weights of your own; or
            any of these and `+rtmpose_SIZE`, which finds joints in its boxes.
        device: As for `choose_providers`.
        threads: Of the CPU.

    Raises:
        ModelError: There is no such network, its file is not here or does not fit, or the device
            does not work.
    """
    if CROPS in name:
        return _open_crops(name, device, threads)
    if name.startswith(PUBLISHED):
        return _open_published(name, device)
    path = Path(name).expanduser()
    if names_people(name) and not name.endswith(YAML) and (gpu := torch_device(device)):
        return _open_by_torch(name, gpu, threads)
    providers = choose_providers(device)
    if name.endswith(YAML):
        network = _open_described(path, device, providers, threads)
    elif names_people(name):
        network = _open_people_n(name, device, providers, threads)
    else:
        raise ModelError(
            f'there is no people network "{name}"; there are {PEOPLE_N}, FILE.yaml for any network'
            ' that the file describes, FILE.onnx for a people_n of your own, and published ones:'
            f' {", ".join(f"{begin}…" for begin in PUBLISHED)}'
        )
    return network


def _open_published(name: str, device: str) -> PeopleNetwork:
    """Return a published network that PyTorch runs."""
    from actloc_ros.models.entry import Task
    from actloc_ros.models.published_people.run import PublishedPeople, open_published

    opened, path = open_published(name, device, (Task.DETECTION, Task.POSES))
    network = PublishedPeople(opened)
    has_joints = network.has_joints
    return PeopleNetwork(
        opened.entry.name, network.find, network.threshold, has_joints, files=(path,)
    )


def _open_crops(name: str, device: str, threads: int) -> PeopleNetwork:
    """Return a network that finds boxes, with another one for the joints in them."""
    from actloc_ros.models.entry import Task
    from actloc_ros.models.published_people.run import PublishedJoints, open_published

    front, _, back = name.rpartition(CROPS)
    opened, path = open_published(CROPS[1:] + back, device, (Task.CROPS,))
    joints, boxes = PublishedJoints(opened), open_people(front, device, threads)
    files = (*boxes.files, path)
    whole = f'{boxes.name}+{opened.entry.name}'
    return PeopleNetwork(
        whole, boxes.detect, boxes.threshold, True, joints.refine, files, boxes.least
    )


def _open_people_n(name: str, device: str, providers: Providers, threads: int) -> PeopleNetwork:
    path = _people_n_file(name)
    try:
        session = PeopleSession(path, providers, threads)
    except Exception as error:  # ONNX Runtime's own classes have no common one
        raise WeightsError(f'"{path}" is no {PEOPLE_N}: {one_line(error)}') from error
    joints = _open_joints_n(providers, threads)
    check_used(device, session.providers)
    return _with_joints_n(path, session.find, session.threshold, joints)


def _with_joints_n(
    path: Path, find: Detect, threshold: float, joints: JointsSession
) -> PeopleNetwork:
    """Return a `people_n` whose joints `joints_n` finds."""
    joints_file = find_onnx(JOINTS_N)
    files = (path,) if joints_file is None else (path, joints_file)
    least = CONTINUES * threshold
    return PeopleNetwork(path.stem, find, threshold, True, joints.refine, files, least)


def _open_joints_n(providers: Providers, threads: int) -> JointsSession:
    path = find_onnx(JOINTS_N)
    if path is None:
        places = ', '.join(str(place) for place in onnx_places(JOINTS_N))
        raise WeightsError(f'the weights of {JOINTS_N} are not here (no file {places})')
    try:
        return JointsSession(path, providers, threads)
    except Exception as error:  # ONNX Runtime's own classes have no common one
        raise WeightsError(f'"{path}" is no {JOINTS_N}: {one_line(error)}') from error


def _open_by_torch(name: str, device: str, threads: int) -> PeopleNetwork:
    """Return a `people_n` that PyTorch runs; joints in crops are found on the CPU."""
    from actloc_ros.models.people_n.torch_session import TorchPeopleSession

    path = _people_n_file(name)
    try:
        session = TorchPeopleSession(path, device)
    except ValueError as error:
        raise WeightsError(f'"{path}" is no {PEOPLE_N}: {one_line(error)}') from error
    joints = _open_joints_n((CPU,), threads)
    return _with_joints_n(path, session.find, session.threshold, joints)


def _people_n_file(name: str) -> Path:
    """Return the file of `people_n`, or of one of the user's own.

    Raises:
        WeightsError: That which ships is not here.
    """
    path = find_onnx(PEOPLE_N) if name == PEOPLE_N else Path(name).expanduser()
    if path is None:
        places = ', '.join(str(place) for place in onnx_places(PEOPLE_N))
        raise WeightsError(f'the weights of {PEOPLE_N} are not here (no file {places})')
    return path


def _open_described(path: Path, device: str, providers: Providers, threads: int) -> PeopleNetwork:
    how = read_description(path)
    if how.boxes:
        if how.boxes.endswith(YAML) and read_description(Path(how.boxes)).boxes:
            raise ModelError(f'"{path}" takes boxes from "{how.boxes}", which finds none itself')
        boxes = open_people(how.boxes, device, threads)
        top_down = TopDownNetwork(how, boxes.detect, providers, threads)
        check_used(device, top_down.providers)
        files = (path, Path(how.people), *boxes.files)
        return PeopleNetwork(path.stem, top_down.find, boxes.threshold, True, files=files)
    network = PeopleFileNetwork(how, providers, threads)
    check_used(device, network.providers)
    files = (path, Path(how.people))
    return PeopleNetwork(
        path.stem, network.find, network.threshold, network.has_joints, files=files
    )
