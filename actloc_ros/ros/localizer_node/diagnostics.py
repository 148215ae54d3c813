"""Say on /diagnostics how the node and each camera are."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from actloc_ros.ros.localizer_node.camera_input import SILENCE, CameraInput
from actloc_ros.ros.localizer_node.timing import LatencyWindow, percentiles
from actloc_ros.ros.localizer_node.worker import Counters

MEGABYTE = 1e6
LOST_SHARE = 0.1  # of the frames that came, from which losses are a fault
LOST_ADVICE = 'give the middleware more memory (config/fastdds.xml, config/zenoh.json5)'
FAULT_SHOWN = 10.0  # s for which a broken or lost frame is the state of its camera
BACKLOG = 100  # waiting frames from which a replay is too fast for the model


@dataclass(frozen=True)
class NodeHealth:
    """How the node as a whole is.

    Attributes:
        state: The lifecycle state.
        enabled: Whether frames are processed while active.
        fault: Why it does not work; empty if it does.
        model: The localizer's name; empty without one.
        labels: How many actions it knows.
        device: The device that was asked for.
        waiting: Frames in the mailbox.
        progress: What takes long just now; empty if nothing does.
        hints: What around the node is to be changed.
    """

    state: str
    enabled: bool
    fault: str
    model: str
    labels: int
    device: str
    waiting: int
    progress: str
    hints: Sequence[str]


def node_status(name: str, health: NodeHealth) -> DiagnosticStatus:
    """Return the status of the node called `name`."""
    values = {
        'state': health.state,
        'enabled': health.enabled,
        'model': health.model,
        'labels': health.labels,
        'device': health.device,
        'frames waiting': health.waiting,
        **device_memory(),
    }
    if health.fault:
        level, text = DiagnosticStatus.ERROR, health.fault
    elif health.progress:
        level, text = DiagnosticStatus.OK, health.progress
    elif health.waiting > BACKLOG:
        level, text = DiagnosticStatus.WARN, 'frames come faster than the model takes them'
    elif health.state != 'active':
        level, text = DiagnosticStatus.OK, health.state
    else:
        level, text = DiagnosticStatus.OK, 'localizing' if health.enabled else 'disabled'
    if health.hints:
        level = max(level, DiagnosticStatus.WARN)
    return status(level, f'{name}: localizer', '; '.join([text, *health.hints]), name, values)


def camera_status(
    name: str,
    camera: CameraInput,
    counters: Counters,
    facts: Mapping[str, object],
    timings: LatencyWindow,
    fault: str,
) -> DiagnosticStatus:
    """Return the status of one camera of the active node called `name`.

    Args:
        name: The node's.
        camera: Its input.
        counters: What became of its frames in the worker.
        facts: Further figures.
        timings: Of its results.
        fault: What is wrong with the messages that accompany its images; empty if nothing is.
    """
    level, text = _camera_state(camera, counters)
    if fault and level == DiagnosticStatus.OK:
        level, text = DiagnosticStatus.WARN, fault
    values = {
        'topic': camera.topic,
        'frames in': camera.received,
        'frames lost on the way': camera.lost,
        'frames processed': counters.processed,
        'frames limited by max_rate': counters.limited,
        'rate in Hz': f'{camera.rate():.1f}',
        **facts,
    }
    values |= {f'frames broken ({kind})': n for kind, n in sorted(counters.broken.items())}
    times = timings.percentiles(50, 99)
    if camera.callback_times:
        times['callback'] = percentiles(list(camera.callback_times), 50, 99)
    for part, (p50, p99) in times.items():
        values[f'{part} p50 in ms'] = f'{p50:.3f}'
        values[f'{part} p99 in ms'] = f'{p99:.3f}'
    label = f'camera {camera.camera}' if camera.camera else 'camera'
    return status(level, f'{name}: {label}', text, name, values)


def _camera_state(camera: CameraInput, counters: Counters) -> tuple[bytes, str]:
    if camera.silent_for() > SILENCE:
        return (
            DiagnosticStatus.WARN,
            f'no frames on {camera.topic}, because {camera.why_silent()}',
        )
    if not camera.received:
        return DiagnosticStatus.OK, 'waiting for the first frame'
    recently = time.monotonic() - FAULT_SHOWN
    if counters.fault_time > recently:
        return DiagnosticStatus.WARN, f'broken frames are skipped; the last: {counters.fault}'
    if camera.lost_at > recently and camera.lost > LOST_SHARE * camera.received:
        advice = f'offer them reliable, or {LOST_ADVICE}' if camera.best_effort else LOST_ADVICE
        text = f'{camera.lost} frames were lost on the way and {camera.received} came: {advice}'
        return DiagnosticStatus.WARN, text
    return DiagnosticStatus.OK, f'{camera.rate():.1f} Hz'


def status(
    level: bytes, name: str, text: str, hardware: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    """Return a status with `values`."""
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(
        level=level, name=name, message=text, hardware_id=hardware, values=pairs
    )


def device_memory() -> dict[str, str]:
    """Return what PyTorch holds on the GPU; nothing where it was not loaded or there is none."""
    torch = _torch_with_device()
    if torch is None:
        return {}
    return {
        'device memory in use in MB': f'{torch.cuda.memory_allocated() / MEGABYTE:.1f}',
        'device memory held in MB': f'{torch.cuda.memory_reserved() / MEGABYTE:.1f}',
    }


def free_kept_memory() -> None:
    """Give back freed memory that is kept for later: by PyTorch on a GPU, and by the C library.

    The C library's holes lie apart, and a model that is opened again fits them badly: without this
    each opening takes some MB more.
    """
    torch = _torch_with_device()
    if torch is not None:
        torch.cuda.empty_cache()
    c_library = ctypes.CDLL(None)
    if hasattr(c_library, 'malloc_trim'):  # of glibc
        c_library.malloc_trim(0)


def _torch_with_device() -> Any:
    """Return PyTorch where it uses a GPU; None too while another thread still imports it."""
    torch = sys.modules.get('torch')
    if torch is None or getattr(torch.__spec__, '_initializing', False):
        return None
    return torch if torch.cuda.is_available() and torch.cuda.is_initialized() else None
