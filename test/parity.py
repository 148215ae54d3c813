"""Check this package against reference numbers: `python test/parity.py DIR…`, a line for each.

DIR holds NAME.json (a state dict's keys and shapes), for some NAME.npz (batch-norm statistics and
the reference's outputs), and fill.py, which makes all other weights and the input. Each reference
is written as a checkpoint in its published layout, imported as a user's file would be, and run in
float64. Without NAME.npz, names, order, shapes and the number of parameters are checked. A
reference of a `kind` has no network: its arrays or files are the input of a function here, and
without NAME.npz there is nothing to compare. The last line counts them. `parity_skeletons` and its
neighbours in test/support say what is compared with which output.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / 'support'))  # where pytest has it too

import numpy as np
import parity_detectors
import parity_online
import parity_people
import parity_skeletons
import parity_sound
import parity_time
import parity_words
import torch
from parity_case import Case, Compute

from actloc_ros.models import registry
from actloc_ros.models.architecture import Architecture, load_network, skeleton
from actloc_ros.models.checkpoints import read_checkpoint
from actloc_ros.models.entry import Entry, Task
from actloc_ros.models.loading import OpenedNetwork

TOLERANCE = 1e-5
NETWORKS: dict[Task, Compute] = {
    Task.SKELETONS: parity_skeletons.network,
    Task.DETECTION: parity_detectors.detector,
    Task.CROPS: parity_detectors.crops,
    Task.POSES: parity_detectors.poses,
    Task.SEGMENTS: parity_words.recordings,
    Task.SOUND: parity_sound.network,
    Task.WORDS: parity_words.words,
}
"""What gives a network's outputs where it takes no clip of images, by its task."""
KINDS: dict[str, Compute] = {
    'streams': parity_skeletons.streams,
    'temporal_nms': parity_time.suppressed,
    'temporal_eval': parity_time.segments,
    'boxes_fusion': parity_time.fused,
    'online_frames': parity_online.frames,
    'online_starts': parity_online.starts,
    'oks_ap': parity_people.similarities,
    'heatmap_decode': parity_people.heatmaps,
}
"""What gives the outputs of a reference without a network, by the beginning of its name."""


@dataclass(frozen=True)
class Result:
    """What one reference showed.

    Attributes:
        name: Of the reference.
        parameters: Of its network; 0 where it has none.
        error: Largest difference of its outputs; None where it has none.
        faults: What disagrees.
        compared: Whether there was anything to compare.
    """

    name: str
    parameters: int
    error: float | None
    faults: tuple[str, ...]
    compared: bool = True

    def __str__(self) -> str:
        """Return the line to print."""
        error = 'keys and shapes only' if self.error is None else f'{self.error:.2e}'
        verdict = 'ok' if not self.faults else 'DISAGREES: ' + '; '.join(self.faults)
        if not self.compared:
            error, verdict = 'no outputs here', 'NOT COMPARED'
        return f'{self.name:32} {self.parameters:>12,} parameters  {error:>20}  {verdict}'


def check_file(path: Path) -> float:
    """Return how far the outputs of one reference are off, at most.

    Raises:
        AssertionError: They are too far off, or it has none.
    """
    result = check(path, load_fill(path.parent))
    assert not result.faults, str(result)
    assert result.error is not None, f'{path} has no outputs'
    return result.error


def check(path: Path, fill: ModuleType) -> Result:
    """Check the reference described by one JSON file."""
    reference = json.loads(path.read_text())
    numbers = path.with_suffix('.npz')
    if not numbers.exists():
        return check_layout(reference)
    if 'kind' in reference:
        with np.load(numbers) as arrays:
            return check_kind(Case(reference, arrays, fill, path.parent))
    with np.load(numbers) as arrays, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'checkpoint.pth'
        state = make_state(reference, arrays, fill)
        torch.save(as_published(state, reference), file)
        del state
        return check_outputs(Case(reference, arrays, fill, path.parent), file)


def check_layout(reference: dict[str, Any]) -> Result:
    """Check names, order, shapes and the number of parameters."""
    if 'kind' in reference:
        return Result(reference['name'], 0, None, (), compared=False)
    state = {key: empty(key, shape) for key, shape in reference['state_dict']}
    found = choose(reference, state)
    if found is None:
        return Result(reference['name'], 0, None, ('no architecture fits',))
    network = skeleton(*found)
    return Result(reference['name'], *layout_faults(reference, found[0], network))


def check_kind(case: Case) -> Result:
    """Compare all that a reference without a network knows."""
    name = case.reference['name']
    compute = next((found for begin, found in KINDS.items() if name.startswith(begin)), None)
    if compute is None:
        return Result(name, 0, None, ('nothing here computes it',))
    return compare(case, compute(case), 0, ())


def choose(
    reference: dict[str, Any], state: dict[str, torch.Tensor]
) -> tuple[Architecture, Entry] | None:
    """Return the architecture that a state dict fits, and the entry that the reference is like.

    Where networks of the same weights differ in what they do, the reference says which it is.
    """
    mod = 'Mod' in reference.get('graph', '')
    found = [(a, e) for a, e in registry.fitting(state) if ('_mod_' in a.name) == mod]
    if not found:
        return None
    architecture, entry = found[0]
    if entry.skeleton is not None:
        entry = parity_skeletons.like(entry, reference)
    return architecture, entry


def layout_faults(
    reference: dict[str, Any], architecture: Architecture, network: torch.nn.Module
) -> tuple[int, None, tuple[str, ...]]:
    """Return the number of parameters and what is wrong with the network's state dict."""
    faults = []
    wanted = [architecture.rename(key) for key, _ in reference['state_dict']]
    if list(network.state_dict()) != [key for key in wanted if key is not None]:
        faults.append('keys or their order differ')
    parameters = sum(p.numel() for p in network.parameters())
    if parameters not in (reference['parameters'], reference.get('parameters_inference')):
        faults.append(f'{reference["parameters"]:,} parameters expected')
    return parameters, None, tuple(faults)


def check_outputs(case: Case, file: Path) -> Result:
    """Import the checkpoint, run it in float64 and compare all that the reference knows."""
    name = case.reference['name']
    state = read_checkpoint(file).state
    found = choose(case.reference, state)
    if found is None:
        return Result(name, 0, None, ('no architecture fits',))
    architecture, entry = found
    network = load_network(architecture, entry, state).double()
    parameters, _, faults = layout_faults(case.reference, architecture, network)
    opened = replace(case, opened=OpenedNetwork(architecture, entry, network))
    with torch.inference_mode():
        mine = NETWORKS.get(architecture.task, of_clips)(opened)
    return compare(case, mine, parameters, faults)


def compare(
    case: Case, mine: Mapping[str, Any], parameters: int, faults: tuple[str, ...]
) -> Result:
    """Compare outputs with all that the reference knows."""
    wanted = [key for key in case.arrays.files if not key.startswith(('stats/', 'in_'))]
    wanted = [key for key in wanted if key not in case.given]
    errors = {key: relative_error(mine.get(key), case.arrays[key]) for key in wanted}
    allowed = TOLERANCE if case.tolerance is None else case.tolerance
    bad = tuple(f'{key} off by {e:.1e}' for key, e in errors.items() if not e <= allowed)
    return Result(case.reference['name'], parameters, max(errors.values()), faults + bad)


def of_clips(case: Case) -> dict[str, torch.Tensor]:
    """Return the outputs of a network that takes clips of images."""
    assert case.opened is not None
    architecture, entry = case.opened.architecture, case.opened.entry
    outputs = run(case.opened.network, case.input())
    mine = dict(zip(architecture.outputs, outputs, strict=True))
    return mine | detections(architecture, entry, outputs)


def run(network: torch.nn.Module, clip: np.ndarray) -> list[torch.Tensor]:
    """Run the network in float64."""
    outputs = network(torch.from_numpy(clip).double())
    return [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)


def detections(
    architecture: Architecture, entry: Entry, outputs: list[torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return what the reference's own code would report, best first."""
    if architecture.published is None:
        return {}
    return architecture.published(outputs, entry)


def relative_error(mine: Any, theirs: np.ndarray) -> float:
    """Return the largest difference as a share of the largest value; whole numbers are equal."""
    if mine is None:
        return float('inf')
    mine = np.asarray(mine)
    if mine.shape != theirs.shape:
        return float('inf')
    if not theirs.size:
        return 0.0
    if np.issubdtype(theirs.dtype, np.integer):
        return 0.0 if np.array_equal(mine, theirs) else float('inf')
    difference = np.abs(mine.astype(np.float64) - theirs).max()
    return float(difference / max(np.abs(theirs).max(), np.finfo(np.float64).tiny))


def make_state(reference: dict[str, Any], arrays: Any, fill: ModuleType) -> dict[str, torch.Tensor]:
    """Return the reference's weights: measured statistics, all else by `fill`."""
    state = {}
    for key, shape in reference['state_dict']:
        stats = f'stats/{key}'
        value = arrays[stats] if stats in arrays else fill.fill(key, tuple(shape))
        state[key] = torch.from_numpy(np.asarray(value))
    return state


def empty(key: str, shape: list[int]) -> torch.Tensor:
    """Return a tensor without memory, of the type that checkpoints have at `key`."""
    dtype = torch.int64 if key.endswith('num_batches_tracked') else torch.float32
    return torch.empty(shape, dtype=dtype, device='meta')


def as_published(state: dict[str, torch.Tensor], reference: dict[str, Any]) -> dict[str, Any]:
    """Wrap a state dict as the reference's fields `checkpoint` and `checkpoint_prefix` say."""
    layout = reference['checkpoint']
    prefix = reference.get('checkpoint_prefix', 'module.' if "'module.'" in layout else '')
    state = {f'{prefix}{key}': value for key, value in state.items()}
    if "'model'" in layout:
        return {'model': state}
    if "'state_dict'" in layout:
        return {'epoch': 1, 'state_dict': state, 'optimizer': {'state': {}}, 'score': 0.5}
    return state


def load_fill(folder: Path) -> ModuleType:
    """Import the fill.py that lies beside the references, or the shared one."""
    shared = Path(os.environ.get('ACTLOC_SHARED', '../shared')) / 'parity'
    path = next((p for p in (folder / 'fill.py', shared / 'fill.py') if p.exists()), None)
    if path is None:
        raise FileNotFoundError(f'there is no fill.py in {folder} or {shared}')
    spec = importlib.util.spec_from_file_location('parity_fill', path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Check folders; return 1 if anything disagrees, 2 if there is nothing to check."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folders', type=Path, nargs='+', metavar='DIR')
    parser.add_argument('--only', default='', metavar='TEXT', help='names that hold this text')
    arguments = parser.parse_args()
    results = []
    for folder in arguments.folders:
        references = sorted(p for p in folder.glob('*.json') if arguments.only in p.stem)
        if not references:
            print(f'no references (NAME.json) in {folder}', file=sys.stderr)
            return 2
        fill = load_fill(folder)
        for path in references:
            results.append(check(path, fill))
            print(results[-1], flush=True)
    print(tally(results))
    return 1 if any(result.faults for result in results) else 0


def tally(results: Sequence[Result]) -> str:
    """Return how many references agree, and in what."""
    agree = [result for result in results if result.compared and not result.faults]
    outputs = sum(result.error is not None for result in agree)
    return (
        f'{len(results)} references: {outputs} agree in their outputs, {len(agree) - outputs} in '
        f'keys and shapes; {sum(not result.compared for result in results)} were not compared, '
        f'{sum(bool(result.faults) for result in results)} disagree'
    )


if __name__ == '__main__':
    sys.exit(main())
