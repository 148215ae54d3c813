"""Print how fast a page of many actions is in a browser: first paint, scrolling, filters, zoom."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from actloc_ros.cli.main import main as actloc
from actloc_ros.recordings.index.model import (
    INSTANCES,
    TRACKS,
    IndexedModel,
    IndexedRecording,
    IndexedView,
    rows,
)
from actloc_ros.recordings.index.store import publish, write_recording

LABELS = ('falling', 'lying', 'running', 'sitting', 'standing', 'walking', 'waving')
CHANCES = (0.01, 0.02, 0.05, 0.2, 0.3, 0.4, 0.02)
START = 1_772_352_000 * 10**9  # ns: a day in March 2026
HOUR = 3600 * 10**9
CAMERAS, PEOPLE = 4, 400  # of each recording
NAMES = ('chromium', 'chromium-browser', 'google-chrome')
SCROLL = """() => new Promise(done => {
    const list = document.getElementById('list'), times = [];
    let before = performance.now(), left = 120;
    const step = () => {
        const now = performance.now();
        times.push(now - before);
        before = now;
        list.scrollTop += 4000;
        if (--left) requestAnimationFrame(step); else done(times);
    };
    requestAnimationFrame(step);
})"""
ACT = """name => new Promise(done => {
    const before = performance.now(), rows = document.getElementById('rows');
    if (name === 'filter') document.querySelector('#labels button').click();
    else rows.dispatchEvent(new KeyboardEvent('keydown', { key: '+' }));
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - before)));
})"""


def main() -> None:
    parser = argparse.ArgumentParser(prog='python -m benchmark.speed.report', description=__doc__)
    parser.add_argument('--actions', type=int, default=50_000, help='default: %(default)s')
    args = parser.parse_args()
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        parser.error('there is no browser; apt-get install chromium')
    with tempfile.TemporaryDirectory(prefix='actloc_report_') as folder:
        page = make_page(Path(folder), args.actions)
        measure(page, program)


def make_page(folder: Path, count: int) -> Path:
    """Write an index of made-up recordings, and its page without clips."""
    rng = np.random.default_rng(0)
    index, page = folder / 'index', folder / 'report.html'
    write_recording(index, made_up(rng, count))
    publish(index)
    began = time.monotonic()
    actloc(['report', str(index), '--out', str(page), '--clips', 'none'])
    print(f'page: {page.stat().st_size / 1e6:.1f} MB, made in {time.monotonic() - began:.1f} s')
    return page


def made_up(rng: np.random.Generator, count: int) -> IndexedRecording:
    """Return a recording of an hour with so many actions."""
    views = []
    for number in range(CAMERAS):
        own = count // CAMERAS
        start = START + np.sort(rng.integers(0, HOUR - 60 * 10**9, own))
        table = np.zeros(own, INSTANCES)
        table['instance'] = np.arange(1, own + 1)
        table['track'] = np.arange(own) * PEOPLE // own + 1
        table['label'] = rng.choice(len(LABELS), own, p=CHANCES)
        table['start'] = start
        table['end'] = start + (rng.exponential(4, own) * 1e9 + 3e8).astype(np.int64)
        table['score'] = rng.uniform(0.4, 1, own)
        table['x1'], table['y1'] = rng.uniform(0, 0.8, own), rng.uniform(0, 0.4, own)
        table['x2'], table['y2'] = table['x1'] + 0.15, table['y1'] + 0.5
        tracks = [(track, START, START + HOUR, 0.9, 0) for track in range(1, PEOPLE + 1)]
        views.append(
            IndexedView(
                number=number,
                camera=f'camera {number}',
                start=START,
                end=START + HOUR,
                frames=36_000,
                width=640,
                height=480,
                tracks=rows(TRACKS, tracks),
                instances=table,
            )
        )
    model = IndexedModel('made_up', labels=LABELS)
    return IndexedRecording('made_up.mcap', '0' * 64, 1, 0, model, tuple(views))


def measure(page: Path, program: str) -> None:
    """Open the page, use it, and print times in ms."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=['--no-sandbox'])
        opened = browser.new_page(viewport={'width': 1440, 'height': 900})
        opened.goto(page.as_uri())
        paint = opened.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        print(f'first paint: {paint:.0f} ms')
        times = opened.evaluate(SCROLL)
        print(
            f'scrolling: {np.median(times):.0f} ms a frame, p99 {np.quantile(times, 0.99):.0f} ms'
        )
        for name in ('filter', 'zoom'):
            taken = [opened.evaluate(ACT, name) for _ in range(10)]
            print(f'{name}: {np.median(taken):.0f} ms to the next frame, most {max(taken):.0f} ms')
        browser.close()


if __name__ == '__main__':
    main()
