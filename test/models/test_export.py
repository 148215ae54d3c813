"""Check that a network of each kind runs in ONNX Runtime as it does here.

`make export-check` does the same for every network in every form.
"""

import pytest

from actloc_ros.models.export import export
from actloc_ros.models.loading import open_network

# One of each family; YOWOv2's is checked with the command itself. Transformers take minutes.
KINDS = ('stream_n', 'yowo_mobilenetv2_1x', 'c3d', 'p3d199', 'mc3_18', 'stgcnpp_coco17')


@pytest.mark.timeout(300)
@pytest.mark.parametrize('name', KINDS)
def test_onnx_runtime_agrees_with_eager(name, tmp_path):
    path = tmp_path / f'{name}.onnx'
    assert export(open_network(name, random_weights=True), 'onnx', path) < 1e-5
    assert path.stat().st_size > 1_000_000
