"""Count every network again, and compare with the documentation and with what papers publish."""

import subprocess
import sys
from pathlib import Path

import pytest

from actloc_ros.models import registry
from actloc_ros.models.costs import COSTS
from actloc_ros.models.count_costs import Cost, cost

ROOT = Path(__file__).resolve().parents[2]
# Millions of parameters and GMAC of a clip, as the papers and their repositories state them.
PUBLISHED = {
    'yowov2_nano_ucf24': (3.5, 1.3),
    'yowov2_tiny_ucf24': (10.9, 2.9),
    'yowov2_medium_ucf24': (52.0, 12.0),
    'yowov2_large_ucf24': (109.7, 53.6),
    'yowo_resnext101_ucf24': (121.1, 43.5),
    'c3d_sports1m': (80.0, 38.5),
    'c3d_ucf101': (78.4, 38.5),
    'r2plus1d_18_kinetics400': (31.5, 40.5),
    'p3d199_kinetics400': (66.5, None),
}


def counted(name: str) -> Cost:
    entry = registry.find_entry(name)
    return cost(registry.architectures()[entry.architecture], entry)


def test_documentation_shows_the_table():
    made = subprocess.run(
        [sys.executable, ROOT / 'scripts' / 'make_model_table.py'],
        capture_output=True,
        text=True,
        check=True,
    )
    text = (ROOT / 'doc' / 'models.md').read_text()
    shown = text[text.index('| architecture') : text.index('<!-- end -->')]
    assert shown == made.stdout
    for architecture in registry.architectures():
        assert f'| `{architecture}` |' in shown


@pytest.mark.parametrize('name', registry.architectures())
def test_costs_in_the_table_are_those_of_the_network(name):
    entry = registry.find_entry(name)
    found = counted(name)
    parameters, gmac = COSTS[entry.name]
    assert found.parameters == parameters
    assert found.gmac == pytest.approx(gmac, abs=0.001)


@pytest.mark.parametrize('name', PUBLISHED)
def test_costs_are_those_that_were_published(name):
    parameters, gmac = PUBLISHED[name]
    found = counted(name)
    assert round(found.parameters / 1e6, 1) == parameters
    if gmac is not None:
        assert found.gmac == pytest.approx(gmac, rel=0.02)
