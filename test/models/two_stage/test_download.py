"""Check that a detector is fetched, checked and then found by its name."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from actloc_ros.cli import download as command
from actloc_ros.cli.main import main
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models import download
from actloc_ros.models.detectors.torchvision_detectors import build_detector, find_detector
from actloc_ros.models.errors import ModelError
from actloc_ros.models.open import open_localizer

DETECTOR = 'ssdlite320_mobilenet_v3_large'


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file of weights that every address serves, with an empty home beside it."""
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    entry = find_detector(DETECTOR)
    assert entry is not None
    path = tmp_path / 'served.pth'
    torch.save(build_detector(entry).state_dict(), path)
    monkeypatch.setattr(download, 'fetch', lambda url, partial: shutil.copy(path, partial))
    return path


def test_a_file_of_another_hash_is_refused(served: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(['download', DETECTOR]) == 2
    assert 'not a79551df' in capsys.readouterr().err
    assert not list(Path.home().rglob('*.pth'))


def test_a_fetched_detector_is_found(
    served: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    entry = find_detector(DETECTOR)
    assert entry is not None
    known = replace(entry, sha256=download.file_hash(served)[:8])
    monkeypatch.setattr(command, 'find_detector', lambda name: known)
    assert main(['download', DETECTOR]) == 0
    assert download.file_hash(served) in capsys.readouterr().out
    # What is missing now is the classifier.
    options = LocalizerOptions(device='cpu')
    with pytest.raises(ModelError, match='weights of mc3_18_kinetics400 are not here'):
        open_localizer(f'{DETECTOR}+mc3_18', options)
    assert main(['models', '--local']) == 0
    assert f'{DETECTOR} (yes)' in capsys.readouterr().out
