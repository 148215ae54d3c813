"""Use the page as people do: in a browser."""

import csv
import json
import shutil

import numpy as np
import pytest
from browser import Watched, browser, until  # noqa: F401 - a fixture
from recordings import Act, make_index, write_video

from actloc_ros.cli.main import main

BAD = '</script><script>window.hacked = 1</script>'
LENGTH = 12  # s of the video; its shade says which second it shows
ACTS = [
    Act('walking', 1, 0.5, 3.5, 0.9, BAD),
    Act('falling', 1, 4.0, 5.0, 0.6, BAD, alarm='person_<b>down'),
    Act('lying', 1, 5.0, 9.0, 0.8, BAD),
    Act('walking', 2, 8.0, 11.0, 0.5, BAD),
]


def shade(second):
    return 20 + 18 * second


@pytest.fixture(scope='module')
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp('report')
    images = [np.full((96, 128, 3), shade(n // 10), np.uint8) for n in range(LENGTH * 10)]
    video = write_video(folder / '=1+1 "quoted", <b>.mp4', images)
    other = shutil.copy(video, folder / 'second.mp4')
    acts = {video: ACTS, other: [Act('waving', 7, 2.0, 4.0, 0.95, 'hall')]}
    return make_index(folder / 'index', acts, length=LENGTH - 0.1, thumbnails=True)


@pytest.fixture(scope='module')
def report(index, tmp_path_factory):
    out = tmp_path_factory.mktemp('page') / 'report.html'
    title = f'</title>{BAD}'
    assert main(['report', str(index), '--out', str(out), '--title', title]) == 0
    return out


@pytest.fixture
def watched(report, browser):  # noqa: F811
    with Watched(browser, report) as opened:
        yield opened
        assert opened.faults == []
        assert [url for url in opened.requests if not url.startswith(('data:', 'blob:'))] == [
            report.as_uri()
        ]


def labels(page):
    return [text.split('#')[0].strip() for text in page.locator('.item .name').all_inner_texts()]


def count(page):
    return page.locator('#count').inner_text()


def download(page, button):
    with page.expect_download() as waiting:
        page.click(button)
    return waiting.value.path()


def test_names_are_text(watched):
    page = watched.page
    assert page.evaluate('window.hacked') is None
    assert page.title() == f'</title>{BAD}'
    assert page.locator('h1').inner_text() == f'</title>{BAD}'
    assert BAD in page.locator('.item').first.inner_text()
    page.click('#tab-alarms')
    assert 'person <b>down' in page.locator('.alarm').inner_text()


def test_page_shows_all_that_is_in_the_index(watched):
    page = watched.page
    assert count(page) == '5 of 5 actions'
    assert labels(page) == ['walking', 'waving', 'falling', 'lying', 'walking']
    cells = page.locator('#statistics tr').nth(1).locator('td').all_inner_texts()
    assert cells == ['walking', '2', '2', '6.0 s', '3.0 s', '3.0 s']
    pictures = page.locator('.item .thumb').evaluate_all(
        'all => all.map(e => e.style.backgroundImage.slice(0, 9))'
    )
    assert pictures == ['url("blob'] * 5
    page.click('#tab-places')
    assert page.locator('#places canvas').count() == 3  # two cameras, and when


def shown_shade(page):
    """Return the shade of the middle of what the video shows."""
    return page.evaluate("""() => {
        const video = document.getElementById('video'), canvas = document.createElement('canvas');
        canvas.width = video.videoWidth; canvas.height = video.videoHeight;
        const g = canvas.getContext('2d');
        g.drawImage(video, 0, 0);
        return g.getImageData(3, 3, 1, 1).data[0];
    }""")


@pytest.mark.parametrize('way', ['list', 'alarm', 'keys', 'timeline'])
def test_choosing_an_action_plays_its_clip(watched, way):
    page = watched.page
    if way == 'list':
        page.locator('.item', has_text='lying').click()
    elif way == 'alarm':
        page.click('#tab-alarms')
        page.click('.alarm')
    elif way == 'keys':
        page.focus('#list')
        for key in ('ArrowDown', 'ArrowDown', 'ArrowDown', 'End', 'ArrowUp', 'Enter'):
            page.keyboard.press(key)
    else:
        box = page.locator('#plot').bounding_box()
        # Rows begin at 0 and end with the recordings; lying lasts from 5 to 9 s of 11.9.
        x = box['x'] + 150 + (box['width'] - 162) * 7.5 / (LENGTH - 0.1)
        for down in range(26, 70, 4):
            page.mouse.click(x, box['y'] + down)
            if page.locator('#detail .title').count():
                break
    wanted = {'alarm': ('falling', 4.0)}.get(way, ('lying', 5.0))
    assert page.locator('#detail .title').inner_text().startswith(wanted[0])
    until(page, "document.getElementById('video').readyState >= 2")
    until(page, "!document.getElementById('video').paused")
    before = page.evaluate("document.getElementById('video').currentTime")
    until(page, "before => document.getElementById('video').currentTime > before", before)
    page.evaluate("""start => new Promise(done => {
        const video = document.getElementById('video');
        video.pause();
        video.onseeked = done;
        video.currentTime = start;
    })""", clip_time(page, wanted[1]))  # fmt: skip
    assert abs(shown_shade(page) - shade(int(wanted[1]))) < 9


def clip_time(page, start):
    """Return when a clip shows what began at `start` s, half a second later."""
    clips = page.evaluate("JSON.parse(document.getElementById('data').textContent).clips")
    clip = page.evaluate("Number(document.getElementById('video').dataset.clip)")
    return start - clips[clip]['start'] + 0.5


def test_filters_filter(watched):
    page = watched.page
    page.click('button[data-label=walking]')
    assert count(page) == '3 of 5 actions'
    assert labels(page) == ['waving', 'falling', 'lying']
    page.click('button[data-label=walking]')
    page.select_option('#camera', 'hall')
    assert labels(page) == ['waving']
    page.select_option('#camera', '')
    page.evaluate("""() => {
        const score = document.getElementById('score');
        score.value = 80;
        score.dispatchEvent(new Event('input'));
    }""")
    assert labels(page) == ['walking', 'waving', 'lying']
    page.click('#reset')
    page.fill('#from', '6')
    page.press('#from', 'Enter')
    page.fill('#to', '7.5')
    page.press('#to', 'Enter')
    assert labels(page) == ['lying']
    page.fill('#to', 'noon')
    page.press('#to', 'Enter')
    assert 'bad' in page.get_attribute('#to', 'class')
    page.click('#reset')
    assert count(page) == '5 of 5 actions'
    page.select_option('#order', 'score')
    assert labels(page)[0] == 'waving'
    page.dblclick('button[data-label=falling]')
    assert labels(page) == ['falling']


def test_export_gives_what_is_filtered(watched):
    page = watched.page
    page.click('button[data-label=walking]')
    with open(download(page, '#export-csv'), newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    values = json.loads(download(page, '#export-json').read_text())
    assert [row['label'] for row in rows] == ['waving', 'falling', 'lying']
    assert [value['label'] for value in values] == ['waving', 'falling', 'lying']
    wanted = {'camera': BAD, 'track': 1, 'start': 4.0, 'end': 5.0, 'score': 0.6}
    assert {key: values[1][key] for key in wanted} == wanted
    assert values[1]['recording'].endswith('/=1+1 "quoted", <b>.mp4')
    assert {key: float(rows[1][key]) for key in ('x1', 'y1', 'x2', 'y2')} == pytest.approx(
        {'x1': 0.4, 'y1': 0.2, 'x2': 0.6, 'y2': 0.9}, abs=1e-3
    )
    assert rows[1]['recording'] == values[1]['recording']
    assert rows[1]['camera'] == BAD


def test_timeline_zooms_and_moves_by_keys_and_wheel(watched):
    page = watched.page
    everything = page.evaluate('actloc.visible')
    page.focus('#rows')
    page.keyboard.press('+')
    closer = page.evaluate('actloc.visible')
    assert closer[1] - closer[0] < 0.7 * (everything[1] - everything[0])
    page.keyboard.press('ArrowRight')
    assert page.evaluate('actloc.visible')[0] > closer[0]
    page.keyboard.press('0')
    assert page.evaluate('actloc.visible') == everything
    box = page.locator('#plot').bounding_box()
    page.mouse.move(box['x'] + box['width'] - 20, box['y'] + 40)
    page.mouse.wheel(0, -300)
    until(page, 'all => actloc.visible[0] > all[0]', everything)
    page.click('#visible')
    assert 'waving' not in labels(page)


def test_page_is_dark_or_light_as_asked(report, browser):  # noqa: F811
    with Watched(browser, report, color_scheme='dark') as opened:
        ground = 'getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)'
        assert max(opened.page.evaluate(ground)) < 60
        opened.page.click('#theme')
        assert min(opened.page.evaluate(ground)) > 200


def test_clips_beside_the_page_are_played(index, tmp_path, browser):  # noqa: F811
    out = tmp_path / 'seen 100%.html'
    assert main(['report', str(index), '--out', str(out), '--clips', 'beside']) == 0
    assert len(list((tmp_path / 'seen 100%_clips').iterdir())) == 4
    with Watched(browser, out) as opened:
        opened.page.locator('.item', has_text='lying').click()
        until(opened.page, "document.getElementById('video').currentTime > 0.1")
        assert opened.faults == []


def test_fifty_thousand_actions_are_usable(tmp_path, browser):  # noqa: F811
    rng = np.random.default_rng(1)
    names = ('walking', 'standing', 'sitting', 'falling')
    starts = np.sort(rng.uniform(0, 3590, 50_000)).tolist()
    acts = [
        Act(names[n % 4], n % 40 + 1, start, start + 1.5, 0.5 + n % 50 / 100, f'camera {n % 3}')
        for n, start in enumerate(starts)
    ]
    index = make_index(tmp_path / 'index', {'gone.mp4': acts}, zero=1_772_352_000 * 10**9)
    out = tmp_path / 'report.html'
    arguments = ['report', str(index), '--out', str(out), '--clips', 'none', '--timezone', 'UTC']
    assert main(arguments) == 0
    with Watched(browser, out) as opened:
        page = opened.page
        assert count(page) == '50,000 of 50,000 actions'
        assert page.locator('.item').count() < 40  # only what is visible is in the document
        page.focus('#list')
        page.keyboard.press('End')
        until(page, "document.querySelector('.item[aria-selected=true]')")
        assert page.locator('.item').count() < 40
        assert '2026-03-01 08:59' in page.locator('.item').last.inner_text()
        page.click('button[data-label=walking]')
        assert count(page) == '37,500 of 50,000 actions'
        page.focus('#rows')
        for _ in range(8):
            page.keyboard.press('+')
        page.click('#visible')
        first, last = page.evaluate('actloc.visible')
        assert page.evaluate('actloc.shown') == sum(
            first <= act.end and act.start <= last and act.label != 'walking' for act in acts
        )
        assert opened.faults == []


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (['--out', 'page.txt'], 'end it with .html'),
        (['--out', 'page.html', '--size', '0'], '--size is 0'),
        (['--out', 'page.html', '--camera', 'attic'], 'no recording has a camera "attic"'),
        (['--out', 'page.html', '--model', 'motion'], 'no recording was indexed by motion'),
        (['--out', 'page.html', '--from', '2026-03-01'], 'have no time of day'),
        (['--out', 'page.html', '--timezone', 'Atlantis'], "'Atlantis' is no time zone"),
    ],
)
def test_what_cannot_be_is_refused(index, options, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['report', str(index), *options]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_recordings_that_are_gone_leave_a_page_without_their_clips(tmp_path, capsys):
    index = make_index(tmp_path / 'index', {'gone.mp4': [Act('walking', 1, 1, 2)]})
    out = tmp_path / 'report.html'
    assert main(['report', str(index), '--out', str(out)]) == 0
    said = capsys.readouterr().err
    assert 'no clips: gone.mp4 is not where it was' in said
    assert '1 actions, 0 with a thumbnail, 0 with a clip' in said
