"""Annotate recordings of every kind by the command, also such as break off."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from walkers import MODEL, RATE, SECOND, walkers, write_film, write_images, write_mcap

from actloc_ros.cli import annotate as command
from actloc_ros.cli.main import main
from actloc_ros.datasets.readers import DatasetSpec, open_dataset
from actloc_ros.io.sources import open_source
from actloc_ros.recordings.annotate import session
from actloc_ros.recordings.annotate.key_frames import WITHIN
from actloc_ros.recordings.annotate.review import BELOW

ODD = 'a "b" \'c\' <d>&\n走る 🙂.mp4'


def annotate(recording, out, *options):
    return main(['annotate', str(recording), '--out', str(out), '--model', MODEL, *options])


def labelled(folder, name, kind):
    [video] = open_dataset(DatasetSpec(name, kind), folder).annotations.videos
    return sorted(
        (each.label, round(each.start * RATE / SECOND), round(each.end * RATE / SECOND))
        for each in video.instances
    )


EXPECTED = [('green', 6, 12), ('green', 8, 20), ('red', 0, 20)]


def test_the_help_says_what_counts():
    assert set(command.FORMATS) == set(session.FORMATS)
    assert (command.WITHIN, command.BELOW) == (WITHIN, BELOW)


@pytest.mark.parametrize('name', ['a.mp4', ODD])
def test_a_video_of_any_name_comes_back_from_cvat_and_ours(tmp_path, name):
    film = write_film(tmp_path / name, walkers())
    assert annotate(film, tmp_path / 'a.json', '--to', 'actloc') == 0
    assert labelled(tmp_path, 'a.json', 'actloc') == EXPECTED
    if name == ODD:  # no XML holds this name as it is, so it is given
        shutil.copy(film, tmp_path / ' '.join(name.split()))
    assert annotate(film, tmp_path / 'a.xml') == 0
    assert labelled(tmp_path, 'a.xml', 'cvat') == EXPECTED


def test_a_folder_counts_its_broken_images_too(tmp_path):
    folder = write_images(tmp_path / 'cam', walkers())
    (folder / '3.png').write_bytes(b'broken')
    assert annotate(folder, tmp_path / 'a.xml', '--rate', str(RATE)) == 0
    [video] = open_dataset(DatasetSpec('a.xml', 'cvat'), tmp_path).videos
    assert video.frames == 20
    assert video.tracks[0].frames.tolist() == list(range(20))  # 3 is between 2 and 4


def test_a_bag_comes_with_a_video_of_its_frames(tmp_path, capsys):
    bag = write_mcap(tmp_path / 'robot.mcap', walkers())
    assert annotate(bag, tmp_path / 'out' / 'a.xml') == 0
    assert 'open no bags' in capsys.readouterr().err
    assert labelled(tmp_path / 'out', 'a.xml', 'cvat') == EXPECTED
    shown = list(open_source(tmp_path / 'out' / 'a.mp4'))
    assert len(shown) == 20
    assert np.abs(shown[5].image.astype(int) - walkers()[5].image).mean() < 5
    assert annotate(bag, tmp_path / 'mot', '--to', 'mot') == 0
    assert (tmp_path / 'mot' / 'robot.mp4').exists()


def test_what_was_found_before_a_recording_breaks_off_is_kept(tmp_path, capsys):
    whole = write_film(tmp_path / 'whole.mkv', walkers(200))
    cut = tmp_path / 'cut.mkv'
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    annotate(cut, tmp_path / 'a.json', '--to', 'actloc')
    [video] = open_dataset(DatasetSpec('a.json'), tmp_path).annotations.videos
    assert 20 < video.frames < 200
    assert labelled(tmp_path, 'a.json', 'actloc')[-1] == ('red', 0, video.frames)
    capsys.readouterr()


def test_a_fault_in_the_middle_is_said_after_writing(tmp_path, capsys, monkeypatch):
    from actloc_ros.io.source import SourceError
    from actloc_ros.io.source_folder import FolderSource

    folder = write_images(tmp_path / 'cam', walkers())
    read = FolderSource.__iter__

    def broken(self):
        for index, frame in enumerate(read(self)):
            if index == 10:
                raise SourceError('the disk is gone')
            yield frame

    monkeypatch.setattr(FolderSource, '__iter__', broken)
    assert annotate(folder, tmp_path / 'a.json', '--to', 'actloc', '--rate', str(RATE)) == 2
    assert capsys.readouterr().err.endswith('actloc: error: the disk is gone\n')
    assert labelled(tmp_path, 'a.json', 'actloc')[-1] == ('red', 0, 10)


def test_what_is_doubtful_comes_first_and_is_listed(tmp_path, capsys):
    film = write_film(tmp_path / 'a.mp4', walkers())
    assert annotate(film, tmp_path / 'a.xml', '--review-first', '--review', '0.7') == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == '20 frames, 2 actors, 3 actions; 1 of 4 stretches to review'
    assert out[1].startswith('  0.80-1.90 s, track 2: green (0.5')
    text = (tmp_path / 'a.xml').read_text()
    assert text.index('<track id="2"') < text.index('<track id="1"')


def test_nobody_at_all(tmp_path):
    frames = list(walkers(5))
    for frame in frames:
        frame.image[:] = 0
    film = write_film(tmp_path / 'a.mp4', frames)
    for kind in session.FORMATS:
        assert annotate(film, tmp_path / f'{kind}.out', '--to', kind) == 0
    content = json.loads((tmp_path / 'coco-video.out').read_text())
    assert content['annotations'] == []


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['x.mp4'], 'give a recording and --out'),
        (['none.mp4', '--out', 'a.xml'], 'does not exist'),
        (['a.mp4', '--out', 'a.xml', '--review', '2'], 'from 0 to 1'),
        (['a.mp4', '--out', 'a.xml', '--within', '-1'], '0 px or more'),
        (['a.mp4', '--out', 'a.mp4', '--model', MODEL], 'is the source'),
        (['a.mp4', '--out', '.', '--model', MODEL], 'is a folder'),
        (['a.mp4', '--agreement', 'a', 'b'], 'give no recording'),
        (['--agreement', 'a.txt', 'b.txt'], 'neither .xml'),
    ],
)
def test_mistakes_are_said_in_one_line(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    write_film(Path('a.mp4'), walkers(3))
    assert main(['annotate', *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_missing_library_says_what_to_install(tmp_path, monkeypatch, capsys):
    film = write_film(tmp_path / 'a.mp4', walkers(3))
    monkeypatch.setitem(sys.modules, 'pympi', None)
    assert annotate(film, tmp_path / 'a.eaf', '--to', 'elan') == 2
    assert 'pip install -r requirements-recordings.txt' in capsys.readouterr().err
