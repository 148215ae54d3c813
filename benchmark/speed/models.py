"""Print what a step of each model costs, and how far its numbers drift in lower precision.

A step takes one new camera frame of 640 x 480 and detects the actors in it. Beside it stands the
plain way: all frames of the clip preprocessed again, and the network run as it is built, in
float32. A classifier's step is one actor's clip. Weights are those that are here, else random
ones, whose drift is larger than that of trained ones. Streaming networks, whose input may have any
size, have the one that the others have. On a GPU they are timed for several cameras at once too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models import registry
from actloc_ros.models.count_costs import count_gmac, known_cost
from actloc_ros.models.entry import Task
from actloc_ros.models.loading import OpenedNetwork, open_network
from actloc_ros.models.open import make_localizer
from actloc_ros.models.ops.detections import to_float32
from actloc_ros.models.ops.preprocessing import preprocess, upload
from actloc_ros.models.ops.runtime import choose_device, choose_precision, prepare
from benchmark.speed.cameras import CamerasRow, measure_cameras, table

SIZE = (480, 640)
STREAM_SIDE = 224
PERIOD = 16  # pictures that are drawn, before anything is timed
LEAST, MOST = 3, 30  # steps that are timed


@dataclass(frozen=True)
class Row:
    """Costs of one model.

    Attributes:
        name: The architecture.
        gmac_per_step: Multiply-accumulates in 10^9.
        ms_per_step: Median time of a step in ms, as the node runs it.
        ms_plain: Median time of the plain way in ms.
        ratio: `ms_plain` by `ms_per_step`.
        drift_float32: Largest difference of float32 from float64, by the largest value.
        drift_half: Likewise, of half precision (bfloat16 on a CPU, float16 on a GPU).
        state_bytes: Size of what is kept of one camera's past, where that is fixed.
        cameras: What several cameras at once cost a streaming network on a GPU.
    """

    name: str
    gmac_per_step: float
    ms_per_step: float
    ms_plain: float
    ratio: float
    drift_float32: float | None
    drift_half: float | None
    state_bytes: int | None
    cameras: list[CamerasRow]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    found = registry.architectures().values()
    names = [a.name for a in found if a.task in (Task.LOCALIZATION, Task.CLASSIFICATION)]
    parser.add_argument('--models', nargs='*', default=names, choices=names, metavar='NAME')
    parser.add_argument('--json', type=Path, metavar='FILE', help='keep the rows here')
    parser.add_argument('--seconds', type=float, default=5.0, help='time for each figure')
    parser.add_argument('--no-drift', action='store_true', help='leave float64 out: it is slow')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--precision', default='auto')
    args = parser.parse_args()
    options = LocalizerOptions(device=args.device, precision=args.precision, random_weights=True)
    device = choose_device(args.device)
    precision = choose_precision(args.precision, device)
    print(f'{device}, {precision}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}')
    for i in range(PERIOD):
        picture(i)
    rows = []
    for name in tqdm(args.models, unit='model', disable=None):
        rows.append(measure(name, options, args.seconds, not args.no_drift))
        tqdm.write(line(rows[-1]) if len(rows) > 1 else f'{heading()}\n{line(rows[-1])}')
    for row in rows:
        if row.cameras:
            print(table(row.name, row.cameras))
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + '\n')
    return 0


def heading() -> str:
    return (
        f'{"model":22}{"GMAC/step":>10}{"ms/step":>10}{"plain ms":>10}{"ratio":>7}'
        f'{"float32":>10}{"half":>9}{"state":>10}'
    )


def line(row: Row) -> str:
    drift = [f'{d:.0e}' if d is not None else '-' for d in (row.drift_float32, row.drift_half)]
    state = '-' if row.state_bytes is None else f'{row.state_bytes / 1e6:.1f} MB'
    return (
        f'{row.name:22}{row.gmac_per_step:10.2f}{row.ms_per_step:10.1f}{row.ms_plain:10.1f}'
        f'{row.ratio:7.2f}{drift[0]:>10}{drift[1]:>9}{state:>10}'
    )


def measure(name: str, options: LocalizerOptions, seconds: float, drift: bool) -> Row:
    """Measure the architecture `name`."""
    opened = open_at_size(name)
    gmac, state = step_gmac(opened), state_bytes(opened)
    device = choose_device(options.device)
    plain = timed(plain_step(opened, device), seconds)
    single, half = drift_of(opened, device) if drift else (None, None)
    cameras = cameras_of(opened, device)
    del opened
    own = timed(own_step(name, options), seconds)
    return Row(name, gmac, own, plain, plain / own, single, half, state, cameras)


def open_at_size(name: str) -> OpenedNetwork:
    """Open a network; give a streaming one the input size of the others."""
    opened = open_network(name, random_weights=True)
    if not opened.architecture.streaming:
        return opened
    how = replace(opened.entry.preprocessing, height=STREAM_SIDE, width=STREAM_SIDE)
    return replace(opened, entry=replace(opened.entry, preprocessing=how))


def state_bytes(opened: OpenedNetwork) -> int | None:
    """Return the size of one camera's past in float32, if it is a streaming network's."""
    if opened.streaming is None:
        return None
    how = opened.entry.preprocessing
    return opened.streaming.initial_state(1, how.height, how.width).nbytes


def cameras_of(opened: OpenedNetwork, device: torch.device) -> list[CamerasRow]:
    """Time several cameras at once, if it is a streaming network on a GPU."""
    if opened.streaming is None or device.type != 'cuda':
        return []
    how = opened.entry.preprocessing
    with torch.cuda.device(device):  # where streams and graphs are made
        return measure_cameras(opened.streaming, how.height, how.width, device)


def step_gmac(opened: OpenedNetwork) -> float:
    """Return the multiply-accumulates of a step: one frame of a streaming network, else a clip."""
    network, how = opened.streaming, opened.entry.preprocessing
    if network is None:
        return known_cost(opened.architecture, opened.entry).gmac
    state = network.initial_state(1, how.height, how.width)
    frame, camera = torch.zeros(1, 3, how.height, how.width), torch.zeros(1).long()
    return count_gmac(lambda: network.forward_step(frame, state, camera))


def own_step(name: str, options: LocalizerOptions) -> Callable[[], object]:
    """Return a function that takes one more frame as the node does."""
    architecture = registry.architectures()[name]
    if architecture.decode is None:
        return own_classification(name, options)
    localizer = make_localizer(open_at_size(name), options)
    rate = registry.find_entry(name).rate
    count = iter(range(10**9))

    def step() -> object:
        i = next(count)
        return localizer.step([Frame('', round(i * NANOSECONDS / rate), picture(i))])

    return step


def own_classification(name: str, options: LocalizerOptions) -> Callable[[], object]:
    """Return a function that classifies one actor's clip, whose frames are on the device."""
    opened = open_network(name, random_weights=True)
    device = choose_device(options.device)
    dtype = choose_precision(options.precision, device)
    clip = clip_of(opened, device).to(dtype)
    network = prepare(opened.network, device, dtype)
    return torch.inference_mode()(lambda: to_float32([network(clip)])[0].cpu())


def plain_step(opened: OpenedNetwork, device: torch.device) -> Callable[[], object]:
    """Return a function that repeats all of a step, without any of the engine's means."""
    network = opened.network.to(device)
    count = iter(range(10**9))

    @torch.inference_mode()
    def step() -> object:
        outputs = network(clip_of(opened, device, next(count)))
        tensors = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        if opened.architecture.decode is None:
            return tensors[0].cpu()
        actors = opened.architecture.decode(tensors, opened.entry)
        return [a.boxes.cpu() for a in actors]

    return step


def clip_of(opened: OpenedNetwork, device: torch.device, begin: int = 0) -> Tensor:
    """Preprocess all frames of a clip: (1, 3, K, H, W)."""
    how, frames = opened.entry.preprocessing, range(begin, begin + opened.entry.frames)
    images = [preprocess(upload(picture(i), device), how, torch.float32) for i in frames]
    return torch.stack(images, dim=1)[None]


def drift_of(opened: OpenedNetwork, device: torch.device) -> tuple[float, float]:
    """Return how far float32 and half precision are from float64."""
    clip = clip_of(opened, device)
    half = torch.float16 if device.type == 'cuda' else torch.bfloat16
    network = opened.network
    single, halved = run(network.float(), clip), run(network.to(half), clip.to(half))
    # Back from half precision the weights are rounded: load the exact ones again.
    exact = run(open_at_size(opened.architecture.name).network.double(), clip)
    return difference(single, exact), difference(halved, exact)


@torch.inference_mode()
def run(network: nn.Module, clip: Tensor) -> list[Tensor]:
    """Run a network in its own precision, on the device of the clip."""
    network = network.to(clip.device)
    outputs = network(clip.to(next(network.parameters()).dtype))
    return [x.double() for x in ([outputs] if isinstance(outputs, Tensor) else outputs)]


def difference(some: list[Tensor], exact: list[Tensor]) -> float:
    """Return the largest difference, by the largest value of each output."""
    pairs = zip(some, exact, strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def picture(i: int) -> np.ndarray:
    """Return the i-th image of a pattern that drifts and comes back."""
    return draw(i % PERIOD)


@cache
def draw(i: int) -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / 40
    shift = 2 * np.pi * i / PERIOD
    waves = [np.sin(x + shift), np.sin(y - shift), np.sin(x + y + 2 * shift)]
    return np.stack([(127 * (1 + w)).astype(np.uint8) for w in waves], axis=-1)


def timed(step: Callable[[], object], seconds: float) -> float:
    """Return the median time of a step in ms."""
    step()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < LEAST or (time.perf_counter() < end and len(times) < MOST):
        began = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


if __name__ == '__main__':
    raise SystemExit(main())
