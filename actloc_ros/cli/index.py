"""Index recordings: who did what, where and when, for the tools over hours of footage."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from actloc_ros.io.source import DEFAULT_RATE
from actloc_ros.models.open import open_localizer
from actloc_ros.offline import new_pipeline
from actloc_ros.params_file import read_params
from actloc_ros.recordings.index.discover import hash_file, hash_weights
from actloc_ros.recordings.index.driver import IndexRun, Runner, Summary, lock_index
from actloc_ros.recordings.index.model import IndexedModel
from actloc_ros.recordings.index.processes import run_here
from actloc_ros.recordings.index.work import IndexOptions, Job, WordsOptions
from actloc_ros.rules.file.names import World, world_faults
from actloc_ros.rules.file.rules_file import RulesFile, read_rules
from actloc_ros.settings import Settings, settings_of
from actloc_ros.settings.specs import DEFAULTS

OVERRIDES = ('model', 'weights', 'device')
# Parameters that change what is found; weights count by their hash.
MATTER = ('random_weights', 'precision', 'bridge_gap', 'restart_gap', 'max_lateness')
MATTER_BELOW = ('classify_rate', 'tubes.', 'instances.')
FAULTS = 1  # exit code: some recordings are not, or not wholly, in the index


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'index',
        help='index recordings: who did what, where and when',
        description='Localize actions in recordings as `actloc run` does, and keep what is found '
        'in a folder, for search, summary and report. What is indexed already is left out, so '
        'that a run that was cut short goes on where it was.',
    )
    parser.add_argument(
        'recordings',
        nargs='+',
        metavar='RECORDING',
        help='a video, a folder of images, a bag, or a folder with any of these in it or below',
    )
    parser.add_argument('--into', required=True, metavar='FOLDER', help='the index')
    parser.add_argument('--model', help='the localizer (default: pose_n)')
    parser.add_argument('--weights', help="its checkpoint (default: the model's own)")
    parser.add_argument(
        '--words',
        metavar='MODEL',
        help='a network of images and words, such as clip_vit_b_32, that embeds pictures of '
        'people, for `actloc search --text`',
    )
    parser.add_argument(
        '--words-weights', default='', metavar='FILE', help='its checkpoint (default: its own)'
    )
    parser.add_argument('--device', help='cpu, cuda, cuda:N or auto (default)')
    parser.add_argument('--params', metavar='FILE', help='parameter file of the node')
    parser.add_argument('--rules', metavar='FILE', help='rules whose zones and alarms are kept')
    parser.add_argument(
        '--max-rate',
        type=float,
        default=0.0,
        metavar='HZ',
        help='frames a second that are used at most (default: all)',
    )
    parser.add_argument(
        '--camera',
        default='',
        help='name of the camera of all videos and folders; of bags it is the topic, and of those '
        'with one topic this is the name that rules know',
    )
    parser.add_argument(
        '--rate',
        type=float,
        default=DEFAULT_RATE,
        metavar='HZ',
        help='rate of folders of images (default: %(default)s)',
    )
    parser.add_argument(
        '--processes',
        type=int,
        default=0,
        metavar='N',
        help='recordings that are indexed at once, each on one core (default: one a core)',
    )
    parser.add_argument(
        '--ray',
        metavar='ADDRESS',
        help='index on a cluster of Ray, such as auto or ray://HOST:PORT',
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Index, and say what is wrong with which recording."""
    if not 0 <= arguments.max_rate < float('inf'):
        raise ValueError(f'--max-rate is {arguments.max_rate} Hz; it must be 0 or more')
    if arguments.processes < 0:
        raise ValueError(f'--processes is {arguments.processes}; it must be 1 or more')
    options = _options(arguments)
    folder = Path(arguments.into)
    with lock_index(folder):
        index = IndexRun(folder, options.model, arguments.recordings)
        for fault in index.summary.faults:
            print(f'actloc: {fault}', file=sys.stderr)
        began = time.monotonic()
        if index.jobs:
            _index(index, options, arguments)
        index.finish()
    _summarize(folder, index.summary, time.monotonic() - began)
    return FAULTS if index.summary.faults else 0


def _index(index: IndexRun, options: IndexOptions, arguments: argparse.Namespace) -> None:
    with closing(_Progress(index.jobs)) as progress:
        runner = _runner(options, arguments, progress)
        with closing(runner(index.jobs)) as outcomes:  # type: ignore[type-var]
            for outcome in outcomes:
                fault = index.take(outcome)
                progress.finish(outcome.job, index.summary)
                if fault:
                    progress.write(f'actloc: {fault}')


def _runner(options: IndexOptions, arguments: argparse.Namespace, progress: _Progress) -> Runner:
    if arguments.ray:
        from actloc_ros.recordings.index.cluster import run_on_cluster

        return lambda jobs: run_on_cluster(options, jobs, arguments.ray, progress.update)
    processes = arguments.processes or len(os.sched_getaffinity(0))
    return lambda jobs: run_here(options, jobs, processes, progress.update)


def _options(arguments: argparse.Namespace) -> IndexOptions:
    values = read_params(arguments.params, DEFAULTS) if arguments.params else dict(DEFAULTS)
    given = {name: getattr(arguments, name) for name in OVERRIDES}
    values.update({name: value for name, value in given.items() if value is not None})
    settings = settings_of(values)
    rules = read_rules(arguments.rules) if arguments.rules else None
    words, digest = _words(arguments, settings)
    made_by = None if words is None else [words.name, digest]
    model = _model(settings, rules, _what_matters(arguments, values, rules, made_by))
    if words is not None:
        model = replace(model, words=words.name, words_weights=digest)
    return IndexOptions(
        *(settings, model, arguments.max_rate, arguments.rate, arguments.camera, rules, words)
    )


def _words(arguments: argparse.Namespace, settings: Settings) -> tuple[WordsOptions | None, str]:
    """Open the network of words, which says at once whether it works; return it, and its hash."""
    if not arguments.words:
        if arguments.words_weights:
            raise ValueError('--words-weights are of --words MODEL; name it too')
        return None, ''
    from actloc_ros.models.words.embedder import open_embedder, words_weights

    weights = words_weights(arguments.words, arguments.words_weights)
    embedder = open_embedder(arguments.words, weights, settings.localizer.device)
    return WordsOptions(embedder.name, weights), hash_file(weights)


def _what_matters(
    arguments: argparse.Namespace,
    values: Mapping[str, Any],
    rules: RulesFile | None,
    words: list[str] | None,
) -> str:
    """Return what else than the model and its weights changes the result, as JSON."""
    kept = {n: v for n, v in values.items() if n in MATTER or n.startswith(MATTER_BELOW)}
    own = {'max_rate': arguments.max_rate, 'rate': arguments.rate, 'camera': arguments.camera}
    of_rules = None if rules is None else hash_file(rules.path)
    facts = {'model': values['model'], 'params': kept, **own, 'rules': of_rules}
    return json.dumps(facts | ({'words': words} if words else {}), sort_keys=True)


def _model(settings: Settings, rules: RulesFile | None, matters: str) -> IndexedModel:
    """Open the localizer, which says at once whether it works, and describe it."""
    with closing(open_localizer(settings.model, settings.localizer)) as localizer:
        new_pipeline(localizer, settings)
        if rules is not None:
            rules.refuse(world_faults(rules.rules, World(localizer.labels, None, False)))
        return IndexedModel(
            # Those of users may share a name.
            name=settings.model if ':' in settings.model else localizer.name,
            weights=hash_weights(localizer, settings),
            settings=matters,
            labels=tuple(localizer.labels),
            joint_names=tuple(localizer.joint_names),
            zones=() if rules is None else tuple(rules.rules.zones),
        )


class _Progress:
    """A bar over the bytes of all recordings, with how many times faster than life it is."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._total = sum(job.signature.size for job in jobs)
        self._bar = tqdm(
            total=self._total, unit='B', unit_scale=True, disable=None, dynamic_ncols=True
        )
        self._count = len(jobs)
        self._done = 0
        self._bytes = 0
        self._footage = 0.0
        self._begun: dict[Job, tuple[float, float]] = {}
        self._began = time.monotonic()

    def update(self, job: Job, share: float, footage: float) -> None:
        """Show that a share of a job is done, which is so many s of footage."""
        self._begun[job] = share, footage
        self._show()

    def finish(self, job: Job, summary: Summary) -> None:
        """Show that a job is done."""
        self._begun.pop(job, None)
        self._done += 1
        self._bytes += job.signature.size
        self._footage = summary.seconds
        self._show()

    def write(self, line: str) -> None:
        """Write a line to the error output, above the bar."""
        self._bar.write(line, file=sys.stderr)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()

    def _show(self) -> None:
        begun = self._begun.items()
        partly = sum(job.signature.size * share for job, (share, _) in begun)
        footage = self._footage + sum(footage for _, (_, footage) in begun)
        took = max(time.monotonic() - self._began, 1e-9)
        self._bar.set_postfix_str(
            f'{self._done}/{self._count} recordings, {footage / took:.1f} × real time',
            refresh=False,
        )
        self._bar.n = int(min(self._bytes + partly, self._total))
        self._bar.refresh()


def _summarize(folder: Path, summary: Summary, took: float) -> None:
    pace = ''
    if summary.indexed:
        pace = (
            f': {summary.seconds:.1f} s of footage in {took:.1f} s'
            f' ({summary.seconds / max(took, 1e-9):.1f} × real time)'
        )
    faults = len(summary.faults)
    wrong = f', {faults} with something wrong' if faults else ''
    print(f'{summary.indexed} recordings indexed{pace}, {summary.unchanged} known before{wrong}')
    print(folder)
