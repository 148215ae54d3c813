"""Time a streaming network's step for several cameras at once, eager and as a CUDA graph."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from actloc_ros.models.ops.runtime import prepare_untraced
from actloc_ros.models.stream.network import StreamNet
from actloc_ros.models.stream.state import StreamState

CAMERAS = 1, 4, 16
PRECISIONS = torch.float32, torch.float16
STEPS = 300
WARM_UP = 3
Step = Callable[[], object]


@dataclass(frozen=True)
class CamerasRow:
    """What a step took of the network alone, whose frames are on the device already.

    Attributes:
        cameras: How many, each with one new frame.
        precision: Of all numbers.
        graph: Whether a CUDA graph was replayed; else PyTorch called each operator.
        p50_ms: Median in ms.
        p99_ms: 99th percentile in ms.
    """

    cameras: int
    precision: str
    graph: bool
    p50_ms: float
    p99_ms: float


@torch.inference_mode()
def measure_cameras(
    network: StreamNet,
    height: int,
    width: int,
    device: torch.device,
    cameras: Sequence[int] = CAMERAS,
    steps: int = STEPS,
) -> list[CamerasRow]:
    """Time the network in single and half precision; graphs on a GPU alone, the current one."""
    rows = []
    for dtype in PRECISIONS:
        runs = copy.deepcopy(network).eval()
        prepare_untraced(runs, device, dtype)
        for count in cameras:
            step, _ = make_step(runs, count, height, width)
            for graph in [False, True] if device.type == 'cuda' else [False]:
                p50, p99 = percentiles(as_graph(step) if graph else step, device, steps)
                rows.append(CamerasRow(count, str(dtype).split('.')[1], graph, p50, p99))
    return rows


def make_step(
    network: StreamNet, cameras: int, height: int, width: int
) -> tuple[Step, StreamState]:
    """Return a step of cameras that show noise, and their past, which each step changes."""
    like = next(network.parameters())
    frames = torch.randn(cameras, 3, height, width).to(like)
    state = network.initial_state(cameras, height, width)
    indices = torch.arange(cameras, device=like.device)
    keep = torch.ones(cameras, dtype=torch.bool, device=like.device)
    return lambda: network.forward_step(frames, state, indices, keep), state


def as_graph(step: Step) -> Step:
    """Return a function that replays the step as a CUDA graph; it returns nothing."""
    # Libraries choose their algorithms in the first runs, which no graph may hold.
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def percentiles(step: Step, device: torch.device, steps: int) -> tuple[float, float]:
    """Return the median and the 99th percentile of a step's time in ms."""
    times = []
    for i in range(WARM_UP + steps):
        began = time.perf_counter()
        step()
        if device.type == 'cuda':
            torch.cuda.synchronize(device)
        if i >= WARM_UP:
            times.append(1000 * (time.perf_counter() - began))
    p50, p99 = np.percentile(times, [50, 99])
    return float(p50), float(p99)


def table(name: str, rows: Sequence[CamerasRow]) -> str:
    """Return lines of text: one a row."""
    lines = []
    for row in rows:
        cameras = f'{row.cameras} camera{"s" if row.cameras > 1 else ""}'
        how = 'CUDA graph' if row.graph else 'eager'
        times = f'{row.p50_ms:8.2f} ms p50 {row.p99_ms:8.2f} ms p99'
        lines.append(f'{name:20} {cameras:>10}  {row.precision:8} {how:10} {times}')
    return '\n'.join(lines)
