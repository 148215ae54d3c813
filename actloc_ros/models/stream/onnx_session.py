"""Run the steps of a streaming network by ONNX Runtime: on a CPU, in a third of PyTorch's time."""

from __future__ import annotations

import io
import warnings

import torch
from torch import Tensor, nn

from actloc_ros.models.errors import WeightsError
from actloc_ros.models.stream.heads import StreamOutput
from actloc_ros.models.stream.network import DILATIONS, STRIDES, StreamNet
from actloc_ros.models.stream.state import TAPS, ExplicitContext, StreamState

ERRORS = 3  # of ONNX Runtime's levels of logging


class StreamSession:
    """A streaming network on the CPU, in float32, for frames of one size.

    A small network's time in PyTorch goes mostly to the calls of its three hundred operators.

    Args:
        network: Ready for inference.
        height: Of its input.
        width: Of its input.
        threads: Threads of ONNX Runtime, 1 or more.

    Raises:
        WeightsError: ONNX or its runtime is not installed.
    """

    def __init__(self, network: StreamNet, height: int, width: int, threads: int) -> None:
        try:
            import onnx  # noqa: F401 - PyTorch wants it to export
            import onnxruntime
        except ImportError as error:
            raise WeightsError(
                f'a streaming network needs ONNX and ONNX Runtime on a CPU, but {error}: '
                'pip install onnx onnxruntime, or take model:=motion, which needs neither'
            ) from error
        self._layers = [d for _ in STRIDES for d in DILATIONS]
        self._width = network.width
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = ERRORS
        # Other threads are to find the cores free as soon as a step is done.
        options.add_session_config_entry('session.force_spinning_stop', '1')
        self._session = onnxruntime.InferenceSession(
            _as_onnx(network, height, width), options, providers=['CPUExecutionProvider']
        )
        self._inputs = [node.name for node in self._session.get_inputs()]

    def initial_state(self, cameras: int, height: int, width: int) -> StreamState:
        """Return the state of cameras without a past, with rings (N, L, C, H, W)."""
        rings = [
            torch.zeros(cameras, (TAPS - 1) * d, self._width, height // stride, width // stride)
            for stride in STRIDES
            for d in DILATIONS
        ]
        return StreamState(torch.zeros(cameras, dtype=torch.int64), rings)

    def forward_step(
        self, frames: Tensor, state: StreamState, cameras: Tensor, keep: Tensor
    ) -> StreamOutput:
        """Map the newest frames of B cameras, (B, 3, H, W), to predictions (B, A, …).

        See `StreamNet.forward_step`.
        """
        outputs = [
            self._step(frames[i : i + 1], state, camera, kept)
            for i, (camera, kept) in enumerate(zip(cameras.tolist(), keep.tolist(), strict=True))
        ]
        return StreamOutput(*(torch.cat(part) for part in zip(*outputs, strict=True)))

    def _step(self, frame: Tensor, state: StreamState, camera: int, keep: bool) -> list[Tensor]:
        """Return the parts of the output for one camera's frame (1, 3, H, W)."""
        clock = int(state.clock[camera])
        rings = [ring[camera].numpy() for ring in state.rings]
        past = [
            ring[None, (clock + k * dilation) % len(ring)]
            for ring, dilation in zip(rings, self._layers, strict=True)
            for k in range(TAPS - 1)
        ]
        given = dict(zip(self._inputs, [frame.contiguous().numpy(), *past], strict=True))
        outputs = self._session.run(None, given)
        if keep:
            for ring, newest in zip(rings, outputs[-len(rings) :], strict=True):
                ring[clock % len(ring)] = newest[0]
            state.clock[camera] += 1
        return [torch.from_numpy(x) for x in outputs[: -len(rings)]]


class _Step(nn.Module):
    """One frame's step as a function of tensors alone, the past among them."""

    def __init__(self, network: StreamNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, frame: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """Map a frame (1, 3, H, W) and its past to an output and each layer's newest input.

        Args:
            frame: Normalised.
            past: (1, C, h, w) each, as `ExplicitContext` takes them.

        Returns:
            The parts of `StreamOutput`, (1, A, …), then a (1, C, h, w) for each layer.
        """
        given = ExplicitContext(past)
        return (*self.network.predict(frame, given), *given.newest)


def _as_onnx(network: StreamNet, height: int, width: int) -> bytes:
    frame = torch.zeros(1, 3, height, width)
    past = [
        torch.zeros(1, network.width, height // stride, width // stride)
        for stride in STRIDES
        for _ in range(len(DILATIONS) * (TAPS - 1))
    ]
    step = _Step(network).eval()
    file = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that it is deprecated, and that shapes are fixed
        # PyTorch's newer way takes 5 s where this takes half a second, at each start of a node.
        torch.onnx.export(step, (frame, *past), file, dynamo=False)  # type: ignore[arg-type]
    return file.getvalue()
