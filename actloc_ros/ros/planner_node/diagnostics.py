"""Say on /diagnostics what the node knows of people, and why it does not."""

from __future__ import annotations

from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus

from actloc_ros.planners.people import PeopleMemory
from actloc_ros.ros.localizer_node.diagnostics import status
from actloc_ros.ros.planner_node.inputs import LocalizerInput
from actloc_ros.ros.planner_node.outputs import Scene
from actloc_ros.ros.planner_node.placing import Placer


def bridge_status(
    name: str,
    fault: str,
    active: bool,
    scene: Scene | None,
    inputs: Sequence[LocalizerInput],
    memory: PeopleMemory,
    placer: Placer | None,
) -> DiagnosticStatus:
    """Return the status of the node called `name`.

    Args:
        name: The node's.
        fault: Why it could not be configured; empty if it could.
        active: Whether it is.
        scene: Its last cycle's.
        inputs: What it takes reports from.
        memory: What it made of them.
        placer: What placed people.
    """
    values: dict[str, object] = {'active': active}
    for each in inputs:
        values[f'reports on {each.topic}'] = each.received
    values['reports out of order'] = memory.ignored
    values['jumps of time'] = memory.restarts
    values['people without a place'] = placer.unplaced if placer else 0
    if scene is not None:
        values['people'] = len(scene.movers)
        values['people who meet the robot'] = 0 if scene.met is None else int(scene.met.meets.sum())
    level, text = _state(fault, active, scene)
    return status(level, f'{name}: planner bridge', text, name, values)


def _state(fault: str, active: bool, scene: Scene | None) -> tuple[bytes, str]:
    if fault:
        return DiagnosticStatus.ERROR, fault
    if not active or scene is None:
        return DiagnosticStatus.OK, 'active' if active else 'inactive'
    if scene.faults:
        return DiagnosticStatus.ERROR, f'blind: {"; ".join(scene.faults)}'
    if scene.unplaced:
        return (
            DiagnosticStatus.WARN,
            f'{scene.unplaced} people are detected whose place is not known',
        )
    return DiagnosticStatus.OK, 'people are known'
