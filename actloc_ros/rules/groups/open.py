"""Open the rules that look at all actors of a camera."""

from __future__ import annotations

from actloc_ros.rules.compiled import CompiledCamera, CompiledRule
from actloc_ros.rules.describe import Describer
from actloc_ros.rules.groups.flow import FlowRule
from actloc_ros.rules.groups.group_rules import AbsenceRule, CountRule, GroupRule, RelationRule
from actloc_ros.rules.groups.traffic import LaneChange, SuddenBraking, Swerving, WrongWay
from actloc_ros.rules.tracks.track_state import TrackState

TRAFFIC = {
    'sudden_braking': SuddenBraking,
    'swerving': Swerving,
    'lane_change': LaneChange,
    'wrong_way': WrongWay,
    'density': FlowRule,
    'flow': FlowRule,
}


def open_group(
    rule: CompiledRule, state: TrackState, describer: Describer, compiled: CompiledCamera
) -> GroupRule | None:
    """Return what applies a rule; None for a rule of each actor alone."""
    if rule.rule.traffic is not None:
        return TRAFFIC[rule.rule.traffic.type](rule, state, describer, compiled)
    if rule.rule.relation is not None:
        return RelationRule(rule, state, describer)
    if rule.rule.absence is not None:
        return AbsenceRule(rule, state, describer)
    if rule.rule.count is not None:
        return CountRule(rule, state, describer)
    return None
