"""Name the models that part `real` compares, and open them: the default, and what others take."""

from __future__ import annotations

import argparse
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from actloc_ros.localizer import Localizer, LocalizerOptions
from actloc_ros.models.open import open_localizer
from actloc_ros.models.people.open import PEOPLE_N, PeopleNetwork, open_people
from actloc_ros.models.storage import find_onnx
from benchmark.results.common import ResultsError

DESCRIBED = Path(__file__).parents[3] / 'config/people'
OURS, SKELETON = 'pose_n', 'skeleton_n'
OWN_FILES = (PEOPLE_N, 'joints_n', SKELETON)
PEERS = {
    'MultiPose': 'movenet_multipose',
    'RTMDet-nano': 'rtmdet_nano_person',
    'YOLOX-nano': 'yolox_nano',
}
WITHOUT = 'motion'


@dataclass(frozen=True)
class Contender:
    """A model to measure.

    Attributes:
        name: As the tables call it.
        model: What `open_localizer` takes.
        people: What `open_people` takes; empty where it finds nobody in a single image.
        files: Of its weights.
        acts: Whether its actions are measured: without joints they are not.
    """

    name: str
    model: str
    people: str
    files: tuple[Path, ...]
    acts: bool

    def localizer(self) -> Localizer:
        """Return it, on the CPU."""
        return open_localizer(self.model, LocalizerOptions(device='cpu'))

    def network(self) -> PeopleNetwork | None:
        """Return what finds people in single images, or None."""
        return open_people(self.people, 'cpu', 1) if self.people else None

    def hashes(self) -> dict[str, str]:
        """Return the first 8 digits of the SHA-256 of each file, by its name."""
        return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest()[:8] for path in self.files}


def contenders(args: argparse.Namespace) -> list[Contender]:
    """Return the default and what stands beside it.

    Args:
        args: Gives the shared folder, the folder to work in, and `beside`.

    Raises:
        ResultsError: A network's file is missing, or there is no such one.
    """
    own = [path for path in map(find_onnx, OWN_FILES) if path is not None]
    chosen = [Contender(OURS, OURS, PEOPLE_N, tuple(own), acts=True)]
    for name in args.beside:
        if name == WITHOUT:
            chosen.append(Contender(name, name, '', (), acts=False))
        elif name in PEERS:
            chosen.append(_peer(name, args.shared / 'teacher/models', args.work / 'people'))
        else:
            known = ', '.join((*PEERS, WITHOUT))
            raise ResultsError(f'--beside {name}: there is no such model; there are {known}')
    return chosen


def _peer(name: str, networks: Path, folder: Path) -> Contender:
    """Lay a network beside its description, as a user does, and return it."""
    file = networks / f'{PEERS[name]}.onnx'
    if not file.is_file():
        raise ResultsError(f'there is no network {file}; leave {name} out with --beside')
    folder.mkdir(parents=True, exist_ok=True)
    described = shutil.copy(DESCRIBED / f'{PEERS[name]}.yaml', folder)
    shutil.copy(file, folder)
    skeleton = find_onnx(SKELETON)
    joints = open_people(described, 'cpu', 1).has_joints
    files = (file, skeleton) if joints and skeleton else (file,)
    return Contender(name, f'{described}+{SKELETON}', described, files, acts=joints)
