"""Make a localizer of any network that detects actors in a clip."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from actloc_ros.frames import Frame
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions
from actloc_ros.models.clips import ClipBuffer, ClipSpec
from actloc_ros.models.loading import OpenedNetwork
from actloc_ros.models.ops.detections import to_detections, to_float32
from actloc_ros.models.ops.preprocessing import preprocess, upload
from actloc_ros.models.ops.runtime import choose_device, choose_precision, free_memory, prepare


class ClipLocalizer(Localizer):
    """A clip network, with a clip of each camera kept on its device.

    A frame is uploaded, resized and normalized once, when it comes; a step stacks what is there
    and runs the clips of all cameras in one batch.
    """

    def __init__(self, opened: OpenedNetwork, options: LocalizerOptions) -> None:
        """Move the network to the device, in the precision that the options ask for."""
        entry = opened.entry
        self.name, self.labels, self.threshold = entry.name, entry.labels, entry.threshold
        self._entry, self._options = entry, options
        assert opened.architecture.decode is not None, f'{entry.architecture} gives no boxes'
        self._decode = opened.architecture.decode
        self._device = choose_device(options.device)
        self._dtype = choose_precision(options.precision, self._device)
        self._network = prepare(opened.network, self._device, self._dtype)
        self._clips: dict[str, ClipBuffer] = {}

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        began = time.perf_counter()
        with torch.inference_mode():
            clips, infos = zip(*[self._push(frame) for frame in frames], strict=True)
            batch = torch.stack(clips).contiguous(memory_format=torch.channels_last_3d)
            self.preprocess_time = time.perf_counter() - began
            outputs = self._network(batch)
            found = self._decode(
                to_float32([outputs] if isinstance(outputs, Tensor) else outputs), self._entry
            )
        return [
            to_detections(actors, frame, self._entry, info)
            for actors, frame, info in zip(found, frames, infos, strict=True)
        ]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        if camera is None:
            self._clips.clear()
        else:
            self._clips.pop(camera, None)

    def close(self) -> None:
        """Free the network and all clips."""
        self.reset()
        del self._network
        free_memory(self._device)

    def _push(self, frame: Frame) -> tuple[Tensor, ClipInfo]:
        """Add a frame to its camera's clip and return this, (3, K, H, W)."""
        if frame.camera not in self._clips:
            spec = ClipSpec(self._entry.frames, self._entry.rate)
            options = self._options
            buffer = ClipBuffer(spec, options.bridge_gap, options.restart_gap)
            self._clips[frame.camera] = buffer
        clips = self._clips[frame.camera]
        image = upload(frame.image, self._device)
        clips.push(frame.stamp, preprocess(image, self._entry.preprocessing, self._dtype))
        return clips.clip()
