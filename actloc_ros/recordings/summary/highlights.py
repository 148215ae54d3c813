"""List chosen moments, with what they reach of the best possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actloc_ros.recordings.summary.clock import Clock
from actloc_ros.recordings.summary.interest import Events
from actloc_ros.recordings.summary.markdown import escaped, table
from actloc_ros.recordings.summary.moments import Moment
from actloc_ros.recordings.summary.objective import Choice
from actloc_ros.recordings.summary.statistics import place_json
from actloc_ros.recordings.summary.tables import Tables


def highlights_markdown(
    moments: Sequence[Moment], choice: Choice, tables: Tables, events: Events, clock: Clock
) -> str:
    """Return a section on the moments, in their order."""
    rows = []
    for number, moment in enumerate(moments, 1):
        view = tables.views[moment.view]
        when = clock.text(moment.start, view.origin)
        what = ', '.join(escaped(kind) for kind in _kinds(moment, events))
        rows.append(
            (str(number), f'{when} {escaped(view.title)}', f'{moment.duration:.1f} s', what)
        )
    total = sum(moment.duration for moment in moments)
    return (
        f'## Highlights\n\n{len(moments)} moments, {total:.1f} s. They reach at least '
        f'{100 * choice.bound:.0f} % of the most that the objective allows in this length.\n\n'
        + table(('', 'begin', 'length', 'what'), rows)
        + '\n'
    )


def highlights_json(
    moments: Sequence[Moment], choice: Choice, tables: Tables, events: Events, clock: Clock
) -> dict[str, Any]:
    """Return the moments as JSON's values, in their order."""
    return {
        'value': round(choice.value, 4),
        'bound': round(choice.bound, 4),
        'moments': [
            place_json(tables, moment.view, moment.start, clock)
            | {'duration': round(moment.duration, 3), 'what': _kinds(moment, events)}
            for moment in moments
        ],
    }


def _kinds(moment: Moment, events: Events) -> list[str]:
    """Return what begins in a moment, the most interesting first."""
    places = sorted(range(moment.first, moment.last), key=lambda n: -events.interest[n])
    return list(dict.fromkeys(events.kinds[events.kind[n]] for n in places))
