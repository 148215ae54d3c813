"""Choose on what ONNX Runtime computes."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import Any

import onnxruntime

from actloc_ros.models.errors import ModelError

CPU = 'CPUExecutionProvider'
CUDA = 'CUDAExecutionProvider'
TENSORRT = 'TensorrtExecutionProvider'
OPENVINO = 'OpenVINOExecutionProvider'
ERRORS = 3  # of ONNX Runtime's levels of logging

DRIVERS = ('/dev/nvidiactl', '/dev/nvhost-gpu')
"""Where a GPU of NVIDIA shows, also on a Jetson."""

Providers = tuple[Any, ...]
"""Names, or names with their options, best first, as ONNX Runtime takes them."""


def choose_providers(device: str) -> Providers:
    """Return the providers that a device means, ending with the CPU's.

    Args:
        device: `cpu`; `cuda` or `tensorrt`, also as `cuda:N`; `openvino`, also as
            `openvino:DEVICE` with one of OpenVINO's own names; or `auto`, which is `cuda` where
            this ONNX Runtime was built for it, else `cpu`.

    Raises:
        ModelError: There is no such device, or this ONNX Runtime was built without it.
    """
    available = onnxruntime.get_available_providers()
    kind, _, which = device.partition(':')
    if kind == 'auto':
        kind = 'cuda' if CUDA in available else 'cpu'
    index = {'device_id': which or '0'}
    chosen: dict[str, Providers] = {
        'cpu': (),
        'cuda': ((CUDA, index),),
        'tensorrt': ((TENSORRT, index), (CUDA, index)),
        'openvino': ((OPENVINO, {'device_type': which or 'CPU'}),),
    }
    if kind not in chosen:
        raise ModelError(f'device "{device}" is none of auto, {", ".join(chosen)}')
    lacking = [name for name, _ in chosen[kind] if name not in available]
    if lacking:
        raise ModelError(
            f'device "{device}" needs {", ".join(lacking)} of ONNX Runtime, which has'
            f' {", ".join(available)} here: install onnxruntime-gpu (cuda, tensorrt) or'
            ' onnxruntime-openvino in place of onnxruntime, or use device cpu'
        )
    return (*chosen[kind], CPU)


def torch_device(device: str) -> str:
    """Return the device on which PyTorch is to run what ONNX Runtime cannot run on a GPU.

    Empty where ONNX Runtime was built for CUDA, no GPU is asked for or there, or PyTorch (with
    ONNX, by which it reads the file) is not installed or does not see one. It is imported only
    where there is a GPU, since that takes long.

    Args:
        device: As for `choose_providers`.
    """
    kind, _, which = device.partition(':')
    if kind not in ('auto', 'cuda') or CUDA in onnxruntime.get_available_providers():
        return ''
    if not any(map(os.path.exists, DRIVERS)):
        return ''
    if any(importlib.util.find_spec(name) is None for name in ('torch', 'onnx')):
        return ''
    import torch

    return f'cuda:{which or "0"}' if torch.cuda.is_available() else ''


def check_used(device: str, used: Sequence[str]) -> None:
    """Refuse that ONNX Runtime fell back to the CPU, as it does where a driver does not load.

    Args:
        device: As given; `auto` may fall back.
        used: Providers of an open session, best first.

    Raises:
        ModelError: It computes on the CPU although another device was asked for.
    """
    if used[0] == CPU and device.partition(':')[0] not in ('auto', 'cpu'):
        raise ModelError(
            f'device "{device}" does not work: ONNX Runtime could not load what it needs'
            ' (its messages say what); use device cpu or auto'
        )


def open_session(
    model: str | bytes, providers: Providers, threads: int
) -> onnxruntime.InferenceSession:
    """Return a session of an ONNX file, given by its path or content, with `threads` of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS
    # Other threads are to find the cores free as soon as a step is done.
    options.add_session_config_entry('session.force_spinning_stop', '1')
    return onnxruntime.InferenceSession(model, options, providers=list(providers))
