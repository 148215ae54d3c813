"""Say what a rules file asks for beside alarms: evidence of each rule, and who is notified."""

from __future__ import annotations

from actloc_ros.alarms.channels import Channel, read_channel
from actloc_ros.alarms.evidence_options import Capture, EvidenceOptions
from actloc_ros.rules.file.model import EVIDENCE_DURATION, Rule, Rules

LEAST_HISTORY = 10.0  # s of frames that are kept before an alarm


def evidence_options(rules: Rules, lossless: bool = False) -> EvidenceOptions:
    """Return what evidence is kept; see `EvidenceOptions` for `lossless`."""
    return EvidenceOptions(
        captures={
            name: Capture(
                pre_capture=rule.pre_capture,
                post_capture=rule.post_capture,
                max_length=rule.max_length,
                snapshot=rule.snapshot,
            )
            for name, rule in rules.enabled.items()
        },
        history=max(LEAST_HISTORY, *(_history(rule) for rule in rules.enabled.values())),
        lossless=lossless,
    )


def channels(rules: Rules) -> list[Channel]:
    """Return the channels of the file."""
    return [read_channel(name, values) for name, values in rules.notify.items()]


def routes(rules: Rules) -> dict[str, tuple[str, ...]]:
    """Return the names of each rule's channels."""
    return {name: rule.notify for name, rule in rules.enabled.items()}


def _history(rule: Rule) -> float:
    """Return for how many s frames are kept, so that a clip begins before its alarm's evidence."""
    waits = [rule.dwell, *(part.within for part in (rule, *rule.any) if part.sequence)]
    own = EVIDENCE_DURATION if rule.min_duration is None else rule.min_duration
    return min(rule.pre_capture + sum(waits) + own, rule.max_length)
