"""Say on /diagnostics how the monitor is, and how many alarms there were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue


@dataclass(frozen=True)
class MonitorHealth:
    """How the monitor is.

    Attributes:
        rules: Path of the rules file.
        enabled: Rules in use.
        fault: What is wrong with them; empty if nothing is.
        received: Key frames by topic.
        cameras: Whose detections have come.
        missing: Cameras that zones and lines name, and that nothing has come from.
        open: Alarms that are open.
        issued: Alarms that began.
        suppressed: Alarms that were left out, since too many began within a minute.
        dropped: Key frames that were left out, since their stamps do not rise.
        restarts: How often a camera's past was forgotten, since its time jumped.
        elsewhere: Poses in another frame than that of the zones.
        images: Images by topic.
        outcomes: What became of evidence and notifications, by what to call it.
        outcomes_fault: What does not work of them now; empty if nothing is wrong.
    """

    rules: str
    enabled: int
    fault: str
    received: Mapping[str, int]
    cameras: Sequence[str]
    missing: Sequence[str]
    open: int
    issued: int
    suppressed: int
    dropped: int
    restarts: int
    elsewhere: int
    images: Mapping[str, int]
    outcomes: Mapping[str, object]
    outcomes_fault: str


def monitor_status(name: str, health: MonitorHealth) -> DiagnosticStatus:
    """Return the status of the node called `name`."""
    values = {
        'rules': health.rules,
        'rules in use': health.enabled,
        'cameras': ', '.join(health.cameras),
        'alarms open': health.open,
        'alarms begun': health.issued,
        'alarms suppressed': health.suppressed,
        'key frames dropped': health.dropped,
        'restarts': health.restarts,
        'poses in another frame': health.elsewhere,
        **{f'key frames on {topic}': count for topic, count in health.received.items()},
        **{f'images on {topic}': count for topic, count in health.images.items()},
        **health.outcomes,
    }
    level, text = _state(health)
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(
        level=level, name=f'{name}: monitor', message=text, hardware_id=name, values=pairs
    )


def _state(health: MonitorHealth) -> tuple[bytes, str]:
    silent = [topic for topic, count in health.received.items() if not count]
    if health.fault:
        return DiagnosticStatus.ERROR, health.fault
    if silent:
        return DiagnosticStatus.WARN, f'no detections have come on {", ".join(silent)}'
    unseen = [topic for topic, count in health.images.items() if not count]
    if unseen:
        return DiagnosticStatus.WARN, f'no images have come on {", ".join(unseen)}'
    if health.outcomes_fault:
        return DiagnosticStatus.WARN, health.outcomes_fault
    if health.missing:
        return DiagnosticStatus.WARN, (
            f'zones or lines are of camera {", ".join(health.missing)}, and no detections of it '
            'have come'
        )
    if health.elsewhere:
        return DiagnosticStatus.WARN, (
            'poses come in another frame than that of the rules and are not used; set '
            "target_frame of the localizer to the rules' frame"
        )
    if health.suppressed:
        return DiagnosticStatus.WARN, (
            f'{health.suppressed} alarms were left out, since too many began within a minute'
        )
    return DiagnosticStatus.OK, f'{health.open} alarms open'
