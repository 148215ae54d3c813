"""Check what the comparison with published code says of references that it cannot compare."""

import json
import subprocess
import sys
from pathlib import Path

PARITY = Path(__file__).parent / 'parity.py'


def test_what_is_not_compared_is_not_called_right(tmp_path):
    (tmp_path / 'fill.py').write_text('')
    cases = {
        'boxes_fusion_9': {'kind': 'boxes'},
        'unknown': {'state_dict': [['no.such.weight', [1, 2, 3]]]},
    }
    for name, case in cases.items():
        (tmp_path / f'{name}.json').write_text(json.dumps({'name': name, **case}))
    command = [sys.executable, PARITY, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    fusion, unknown, tally = done.stdout.splitlines()
    assert fusion.endswith('no outputs here  NOT COMPARED')
    assert unknown.endswith('DISAGREES: no architecture fits')
    assert tally == (
        '2 references: 0 agree in their outputs, 0 in keys and shapes; 1 were not compared, '
        '1 disagree'
    )
    assert done.returncode == 1
