"""Hold all motions and footage that may teach, apart from what is held out to validate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from actloc_ros.training.skeleton_n.labels import LABELS, YES
from actloc_ros.training.skeleton_n.made.behaviours import make_motion
from actloc_ros.training.skeleton_n.made.physical import make_falls
from actloc_ros.training.skeleton_n.made.script import FALLS, HELD_FALLS, RATE
from actloc_ros.training.skeleton_n.motion_data import (
    Footage,
    Motion,
    read_footage,
    read_motions,
    read_teacher_footage,
)
from actloc_ros.training.skeleton_n.own_footage import read_own_footage
from actloc_ros.training.skeleton_n.stills import read_stills
from actloc_ros.training.skeleton_n.synthetic import SyntheticScene, make_scene

OWN, STILLS = 'own_footage.npz', 'stills.npz'
CAPTURED = ('cmu', 'deepmimic', 'kaykit')
# Held out: subjects and clips as the sources name them.
HELD_SUBJECTS = frozenset({'cmu06', 'cmu86'})
HELD_CLIPS = frozenset(
    {
        'run', 'walk', 'stealthy_walk0', 'kick', 'train_directing_traffic_4',
        'train_basketball_signal_5', '135_07', '135_09', '02_05',
        'Sit_Chair_Down', 'Sit_Floor_Idle', 'Lie_Down', 'Death_A',
        'assist_adl_02_walking_quickly', 'assist_adl_04_jogging_quickly',
        'assist_adl_08_low_chair_sitting_slowly', 'assist_adl_12_sitting_laying_down_quickly',
        'assist_adl_14_bending_wo_knees', 'assist_adl_16_jumping_reaching',
        'assist_fall_07_fall_to_knees_forward', 'assist_imm_02_imm_stomach',
        'asl_again', 'asl_help', 'asl_walk', 'asl_yes', 'asl_sorry',
    }
)  # fmt: skip
# The people video shows one person after another: from here on they are held out.
PEOPLE_VIDEO, PEOPLE_HELD_FROM = 'people_one_by_one', 87.5  # seconds
SCENE_SECONDS = 12.0


@dataclass(eq=False)
class Library:
    """What there is to draw from.

    Attributes:
        captured: Motion capture.
        made: Motions of `made.behaviours`.
        scenes: Synthetic scenes of several people.
        footage: Joints of real footage.
        falls: Motions of `made.physical`.
        stills: Joints in shaken photographs.
    """

    captured: list[Motion] = field(default_factory=list)
    made: list[Motion] = field(default_factory=list)
    scenes: list[SyntheticScene] = field(default_factory=list)
    footage: list[Footage] = field(default_factory=list)
    falls: list[Motion] = field(default_factory=list)
    stills: list[Footage] = field(default_factory=list)


def read_captured(real: Path) -> list[Motion]:
    """Read all motion capture under shared/real that may teach."""
    return [motion for name in CAPTURED for motion in read_motions(real / 'mocap' / f'{name}.npz')]


def read_real(real: Path, own: Path) -> list[Footage]:
    """Read all joints of real footage under shared/real that may teach, by each network.

    Args:
        real: The folder shared/real.
        own: File of what `people_n` finds; see `own_footage`.
    """
    clips = [half for clip in read_footage(real / 'mocap' / 'real2d.npz') for half in _halves(clip)]
    taught = read_teacher_footage(real / 'video' / 'teach_labels.jsonl', clips)
    return clips + taught + read_own_footage(real / 'video', own, clips)


def _halves(clip: Footage) -> list[Footage]:
    """Cut the people video between two people; leave other clips whole."""
    if clip.name != PEOPLE_VIDEO:
        return [clip]
    cut = int(np.searchsorted(clip.times, PEOPLE_HELD_FROM))
    return [
        _part(clip, slice(0, cut), clip.name),
        _part(clip, slice(cut, len(clip.times)), f'{clip.name}_held'),
    ]


def _part(clip: Footage, frames: slice, name: str) -> Footage:
    return Footage(
        name,
        clip.subject,
        clip.source,
        clip.size,
        clip.times[frames],
        clip.joints[frames],
        clip.boxes[frames],
        clip.found[frames],
        clip.targets[frames],
    )


def is_held(clip: Motion | Footage, real_held: frozenset[str] = HELD_CLIPS) -> bool:
    """Return whether a clip is held out to validate."""
    return (
        clip.subject in HELD_SUBJECTS
        or clip.name in real_held
        or clip.name == f'{PEOPLE_VIDEO}_held'
        or clip.name.startswith('test_')
    )


def build_library(
    real: Path, found: Path, seed: int, counts: dict[str, int], held: bool = False
) -> Library:
    """Return what teaches, or what is held out.

    Args:
        real: The folder shared/real.
        found: Folder of what `people_n` finds in it; files are made where they are not there.
        seed: Of made motions and scenes; held ones never share a seed with the others.
        counts: How many motions (`made`), falls by physics (`falls`) and synthetic scenes
            (`scenes`) to make.
        held: Whether to return the held-out part.
    """
    captured = [motion for motion in read_captured(real) if is_held(motion) == held]
    footage = [clip for clip in read_real(real, found / OWN) if is_held(clip) == held]
    starts = upright_starts(captured)
    side = int(held)
    falls = HELD_FALLS if held else FALLS
    motions = [
        make_motion(np.random.default_rng([seed, side, index]), f'made{index}', starts, falls)
        for index in range(counts.get('made', 0))
    ]
    first = (10_000 * seed + 5_000 * side) * 10
    scenery = [make_scene(first + index, SCENE_SECONDS) for index in range(counts.get('scenes', 0))]
    rng = np.random.default_rng([seed, 2 + side])
    tumbles = make_falls(rng, 'made', starts, counts.get('falls', 0))
    stills = [] if held else read_stills(real / 'photos', found / STILLS)
    return Library(captured, motions, scenery, footage, tumbles, stills)


def upright_starts(motions: Sequence[Motion]) -> list[np.ndarray]:
    """Return captured walks and stands, from which made motions may go on."""
    wanted = [LABELS.index('walking'), LABELS.index('standing')]
    return [
        motion.joints
        for motion in motions
        if motion.rate == RATE
        and motion.source == 'cmu'
        and len(motion.joints) > 40
        and (motion.targets[:, wanted] == YES).any(axis=1).mean() > 0.95
    ]
