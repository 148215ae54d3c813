"""Write a summary as Markdown that reads well as plain text too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actloc_ros.frames import NANOSECONDS
from actloc_ros.recordings.summary.clock import Clock, duration_text
from actloc_ros.recordings.summary.statistics import Summary
from actloc_ros.recordings.summary.unusual import LEAST_HISTORY, describe

ESCAPED = str.maketrans({c: f'\\{c}' for c in '\\`*_{}[]<>#|!'} | {'\n': ' ', '\r': ' '})
MOST_CAMERAS = 30  # that are listed one by one


def summary_markdown(summary: Summary, clock: Clock) -> str:
    """Return the summary as a document."""
    sections = [
        _head(summary, clock),
        _labels(summary, clock),
        _alarms(summary, clock),
        _unusual(summary),
        _actors(summary, clock),
        _cameras(summary, clock),
    ]
    return '\n\n'.join(section for section in sections if section) + '\n'


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    return text.translate(ESCAPED)


def _head(summary: Summary, clock: Clock) -> str:
    tables = summary.tables
    recordings = len({view.path for view in tables.views.values()})
    begin = min(view.start for view in tables.views.values())
    end = max(view.end for view in tables.views.values())
    when = f', from {clock.text(begin)} to {clock.text(end)}' if tables.wall_clock else ''
    text = (
        f'# What happened\n\n{_count(recordings, "recording")} by '
        f'{_count(len(tables.views), "camera view")}, {duration_text(tables.duration)} in '
        f'all{when}. {_count(summary.actors_in_all, "person", "people")} (tracks) did '
        f'{_count(len(tables.instances), "thing")}, as {escaped(tables.model)} reports them'
    )
    alarms = len(tables.alarms)
    text += f', with {_count(alarms, "alarm")}.' if alarms else '.'
    broken = sum(view.broken for view in tables.views.values())
    return text + (f' {_count(broken, "frame")} could not be decoded.' if broken else '')


def _labels(summary: Summary, clock: Clock) -> str:
    head = ('action', 'times', 'people', 'in all', 'median', 'longest', 'first', 'last')
    rows = [
        (
            escaped(each.label),
            str(each.count),
            str(each.actors),
            duration_text(each.total),
            duration_text(each.median),
            duration_text(each.longest),
            _where(summary, *each.first, clock),
            _where(summary, *each.last, clock),
        )
        for each in summary.labels
    ]
    return '## Who did what\n\n' + (table(head, rows) if rows else 'Nobody did anything.')


def _alarms(summary: Summary, clock: Clock) -> str:
    if not summary.alarms:
        return ''
    head = ('alarm', 'severity', 'begin', 'for', 'people')
    rows = [
        (
            escaped(each.rule),
            escaped(each.severity),
            _where(summary, each.view, each.start, clock),
            duration_text((each.end - each.start) / NANOSECONDS),
            ', '.join(f'#{track}' for track in each.tracks),
        )
        for each in summary.alarms
    ]
    return '## Alarms\n\n' + table(head, rows) + _more(len(summary.tables.alarms), len(rows))


def _unusual(summary: Summary) -> str:
    periods = summary.periods
    title = '## Unusual\n\n'
    if len(periods.names) <= LEAST_HISTORY:
        what = 'days' if periods.by_day else 'recordings'
        return (
            f'{title}Nothing is compared: {len(periods.names)} {what} are there, and '
            f'{LEAST_HISTORY + 1} are needed.'
        )
    lines = describe(summary.unusual, periods.by_day)
    return title + ('\n'.join(f'- {escaped(line)}' for line in lines) or 'Nothing.')


def _actors(summary: Summary, clock: Clock) -> str:
    if not summary.actors:
        return ''
    head = ('who', 'from', 'until', 'what')
    views = summary.tables.views
    rows = [
        (
            f'#{each.track}',
            _where(summary, each.view, each.start, clock),
            clock.text(each.end, views[each.view].origin),
            ', '.join(
                f'{escaped(label)} {count}× {duration_text(total)}'
                for label, count, total in each.actions
            ),
        )
        for each in summary.actors
    ]
    text = '## People whose actions are rarest\n\n' + table(head, rows)
    return text + _more(summary.actors_in_all, len(rows))


def _cameras(summary: Summary, clock: Clock) -> str:
    head = ('recording', 'camera', 'from', 'length', 'actions', 'frames not decoded')
    tables = summary.tables
    counts = dict.fromkeys(tables.views, 0)
    for view in tables.instances.view.tolist():
        counts[view] += 1
    rows = [
        (
            escaped(view.path.name),
            escaped(view.camera),
            clock.text(view.start, view.origin),
            duration_text((view.end - view.start) / NANOSECONDS),
            str(counts[number]),
            str(view.broken),
        )
        for number, view in list(tables.views.items())[:MOST_CAMERAS]
    ]
    return '## Recordings\n\n' + table(head, rows) + _more(len(tables.views), len(rows))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells are escaped already."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def _where(summary: Summary, view: int, stamp: int, clock: Clock) -> str:
    footage = summary.tables.views[view]
    return f'{clock.text(stamp, footage.origin)} {escaped(footage.title)}'


def _more(there: int, listed: int) -> str:
    return f'\n\n{there - listed} more are not listed.' if there > listed else ''


def _count(number: int, one: str, many: str = '') -> str:
    return f'{number:,} {one if number == 1 else many or one + "s"}'
