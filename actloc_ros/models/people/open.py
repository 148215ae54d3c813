"""Open a network that finds people, by its name or by a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.onnx_runtime import Providers, check_used, choose_providers, torch_device
from actloc_ros.models.people.description import read_description
from actloc_ros.models.people.file_network import PeopleFileNetwork
from actloc_ros.models.people.top_down import TopDownNetwork
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.people_n.session import PeopleSession
from actloc_ros.models.storage import find_onnx, onnx_places

PEOPLE_N = 'people_n'
YAML, ONNX = ('.yaml', '.yml'), '.onnx'


@dataclass(frozen=True, eq=False)
class PeopleNetwork:
    """A network that finds people in single images.

    Attributes:
        name: Short, for messages.
        find: An image, uint8 (H, W, 3) in RGB, and the least score -> the people in it, with COCO's
            17 joints; where the network has none, their confidence is 0.
        threshold: Score from which a person is reported.
        has_joints: Whether it finds joints.
    """

    name: str
    find: Callable[[np.ndarray, float], FoundPeople]
    threshold: float
    has_joints: bool


def names_people(name: str) -> bool:
    """Return whether `open_people` opens what is called so."""
    return name == PEOPLE_N or name.endswith((*YAML, ONNX))


def open_people(name: str, device: str, threads: int) -> PeopleNetwork:
    """Return the network called `name`, ready to run.

    Args:
        name: `people_n`; the path of an ONNX file that `actloc` made of your own `people_n`; or the
            path of a YAML file that describes any other network, see `description.PeopleFile`.
        device: As for `choose_providers`.
        threads: Of the CPU.

    Raises:
        ModelError: There is no such network, its file is not here or does not fit, or the device
            does not work.
    """
    path = Path(name).expanduser()
    if names_people(name) and not name.endswith(YAML) and (gpu := torch_device(device)):
        return _open_by_torch(name, gpu)
    providers = choose_providers(device)
    if name.endswith(YAML):
        network = _open_described(path, device, providers, threads)
    elif names_people(name):
        network = _open_people_n(name, device, providers, threads)
    else:
        raise ModelError(
            f'there is no people network "{name}"; there are {PEOPLE_N}, FILE.yaml for any network'
            ' that the file describes, and FILE.onnx for a people_n of your own'
        )
    return network


def _open_people_n(name: str, device: str, providers: Providers, threads: int) -> PeopleNetwork:
    path = _people_n_file(name)
    try:
        session = PeopleSession(path, providers, threads)
    except Exception as error:  # ONNX Runtime's own classes have no common one
        raise WeightsError(f'"{path}" is no {PEOPLE_N}: {error}') from error
    check_used(device, session.providers)
    return PeopleNetwork(path.stem, session.find, session.threshold, has_joints=True)


def _open_by_torch(name: str, device: str) -> PeopleNetwork:
    """Return a `people_n` that PyTorch runs."""
    from actloc_ros.models.people_n.torch_session import TorchPeopleSession

    path = _people_n_file(name)
    try:
        session = TorchPeopleSession(path, device)
    except ValueError as error:
        raise WeightsError(f'"{path}" is no {PEOPLE_N}: {error}') from error
    return PeopleNetwork(path.stem, session.find, session.threshold, has_joints=True)


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
        top_down = TopDownNetwork(how, boxes.find, providers, threads)
        check_used(device, top_down.providers)
        return PeopleNetwork(path.stem, top_down.find, boxes.threshold, has_joints=True)
    network = PeopleFileNetwork(how, providers, threads)
    check_used(device, network.providers)
    return PeopleNetwork(path.stem, network.find, network.threshold, network.has_joints)
