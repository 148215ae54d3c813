"""Run a streaming network on live cameras: one frame's cost a frame."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions
from actloc_ros.models.entry import Preprocessing
from actloc_ros.models.loading import OpenedNetwork
from actloc_ros.models.ops.detections import to_detections, to_float32
from actloc_ros.models.ops.preprocessing import preprocess, upload
from actloc_ros.models.ops.runtime import (
    choose_device,
    choose_precision,
    free_memory,
    one_thread,
    prepare_untraced,
)
from actloc_ros.models.stream.decode import decode
from actloc_ros.models.stream.network import StreamNet
from actloc_ros.models.stream.onnx_session import StreamSession

EARLY = 0.25  # of the network's own period: so long before its time a frame may enter the past


class StreamLocalizer(Localizer):
    """A streaming network with the past of each camera in a state of fixed size.

    Every frame gives a result. A frame of a camera that is faster than the network's rate is used
    with the past as it is, and enters the past only when it is due: at the network's rate, for
    which it was trained.
    """

    def __init__(self, opened: OpenedNetwork, options: LocalizerOptions) -> None:
        """Move the network to the device, in the precision that the options ask for."""
        assert isinstance(opened.network, StreamNet)
        entry = opened.entry
        self._reach = opened.network.receptive_field - 1  # frames before the newest
        self.name, self.labels, self.threshold = entry.name, entry.labels, entry.threshold
        self._entry = entry
        self._device = choose_device(options.device)
        self._dtype = choose_precision(options.precision, self._device)
        how = entry.preprocessing
        self._threads = options.threads
        self._network = self._running(opened.network.eval(), how)
        self._state = self._network.initial_state(0, how.height, how.width)
        self._slots: dict[str, int] = {}
        self._stamps: dict[str, deque[int]] = {}
        self._due: dict[str, int] = {}

    @property
    def state_bytes(self) -> int:
        """Size of the past of all cameras in bytes."""
        return self._state.nbytes

    @property
    def preprocessing(self) -> Preprocessing:
        """How images become the network's input."""
        return self._entry.preprocessing

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        began = time.perf_counter()
        with torch.inference_mode(), self._one_thread():
            cameras = torch.tensor([self._slot(frame.camera) for frame in frames])
            keep = torch.tensor([self._is_due(frame) for frame in frames])
            batch = torch.stack([self._prepare(frame) for frame in frames])
            self.preprocess_time = time.perf_counter() - began
            outputs = self._network.forward_step(
                batch, self._state, cameras.to(self._device), keep.to(self._device)
            )
            found = decode(to_float32(outputs), self._entry)
            return [
                to_detections(actors, frame, self._entry, self._note(frame, due))
                for actors, frame, due in zip(found, frames, keep.tolist(), strict=True)
            ]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        with torch.inference_mode():
            for name in list(self._slots) if camera is None else [camera]:
                if name in self._slots:
                    self._state.reset(self._slots[name])
                    self._stamps[name].clear()
                    self._due.pop(name, None)

    def close(self) -> None:
        """Free the network and all state."""
        del self._network, self._state
        free_memory(self._device)

    def _running(self, network: StreamNet, how: Preprocessing) -> StreamNet | StreamSession:
        """Return the network in the form that runs fastest on its device."""
        if self._device.type == 'cpu' and self._dtype == torch.float32:
            return StreamSession(network, how.height, how.width, self._threads)
        prepare_untraced(network, self._device, self._dtype)
        return network

    def _one_thread(self) -> AbstractContextManager[None]:
        """Return the context that sets how many threads PyTorch has within a step.

        Its own threads stay busy for a while after they have worked, and would then compete with
        the session's; and its numbers are the same on any number of cores this way.
        """
        return one_thread if isinstance(self._network, StreamSession) else nullcontext()

    def _slot(self, camera: str) -> int:
        if camera not in self._slots:
            self._slots[camera] = len(self._slots)
            self._stamps[camera] = deque(maxlen=self._reach)
            self._state.add_camera()
        return self._slots[camera]

    def _is_due(self, frame: Frame) -> bool:
        period = nanoseconds(1 / self._entry.rate)
        due = self._due.get(frame.camera, frame.stamp)
        if frame.stamp < due - EARLY * period:
            return False
        late = frame.stamp >= due + period
        self._due[frame.camera] = (frame.stamp if late else due) + period
        return True

    def _prepare(self, frame: Frame) -> Tensor:
        image = upload(frame.image, self._device)
        return preprocess(image, self._entry.preprocessing, self._dtype)

    def _note(self, frame: Frame, due: bool) -> ClipInfo:
        stamps = self._stamps[frame.camera]
        info = ClipInfo(
            start=stamps[0] if stamps else frame.stamp,
            end=frame.stamp,
            frames=1 + self._reach,
            missing=self._reach - len(stamps),
        )
        if due:
            stamps.append(frame.stamp)
        return info
