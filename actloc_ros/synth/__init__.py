"""Render articulated people over moving backgrounds, with exact ground truth."""

from actloc_ros.synth.scene import ActorTruth, SynthFrame, render
from actloc_ros.synth.script import LABELS, Action

__all__ = ['LABELS', 'Action', 'ActorTruth', 'SynthFrame', 'render']
