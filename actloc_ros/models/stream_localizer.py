"""Run a streaming network on live cameras: one frame's cost a frame."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions
from actloc_ros.models.actor_following import Following, Seen
from actloc_ros.models.actor_history import History
from actloc_ros.models.clip_localizer import in_full, to_detections
from actloc_ros.models.loading import OpenedNetwork
from actloc_ros.models.preprocessing import preprocess, upload
from actloc_ros.models.runtime import channels_last, choose_device, choose_precision
from actloc_ros.models.stream import REACH, StreamNet, place_levels
from actloc_ros.models.stream_decode import choose, scored
from actloc_ros.models.stream_heads import StreamOutput
from actloc_ros.models.weights import Preprocessing

EARLY = 0.25  # of the network's own period: so long before its time a frame may enter the past


class StreamLocalizer(Localizer):
    """A streaming network with the past of each camera in a state of fixed size.

    Every frame gives a result. A frame of a camera that is faster than the network's rate is
    looked at with the past as it is, and enters the past only when its time has come: on the beat
    of the network's rate, with which it learnt how fast things move. Where the network has learnt
    to remember actors, what single frames say is corrected by what each has done before.

    Attributes:
        history: Where whom frames show is kept, also by a network that remembers nobody; None
            keeps nothing.
    """

    def __init__(self, opened: OpenedNetwork, options: LocalizerOptions) -> None:
        """Move the network to the device, in the precision that the options ask for."""
        assert isinstance(opened.network, StreamNet)
        entry = opened.entry
        self.name, self.labels, self.threshold = entry.name, entry.labels, entry.threshold
        self._entry = entry
        self._device = choose_device(options.device)
        self._dtype = choose_precision(options.precision, self._device)
        self._network = opened.network.eval()
        fold_batch_norms(self._network)
        # On the CPU in single precision on any device: many small steps for a few actors.
        self._memory = copy.deepcopy(self._network.memory)
        self._blank = self._memory.blank
        channels_last(self._network.to(device=self._device, dtype=self._dtype))
        if self._device.type == 'cpu':
            multiply_matrices(self._network)
        how = entry.preprocessing
        self._state = opened.network.initial_state(0, how.height, how.width)
        self._slots: dict[str, int] = {}
        self._stamps: dict[str, deque[int]] = {}
        self._due: dict[str, int] = {}
        self._levels = place_levels(how.height, how.width)
        self._following: dict[str, Following] = {}
        self.history: History | None = None

    @property
    def state_bytes(self) -> int:
        """Size of the past of all cameras in bytes, and of the memories of their actors."""
        return self._state.nbytes + sum(each.nbytes for each in self._following.values())

    @property
    def preprocessing(self) -> Preprocessing:
        """How images become the network's input."""
        return self._entry.preprocessing

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        began = time.perf_counter()
        with torch.inference_mode():
            cameras = torch.tensor([self._slot(frame.camera) for frame in frames])
            keep = torch.tensor([self._is_due(frame) for frame in frames])
            batch = torch.stack([self._prepare(frame) for frame in frames])
            self.preprocess_time = time.perf_counter() - began
            outputs, features = self._network.step_closely(
                batch, self._state, cameras.to(self._device), keep.to(self._device)
            )
            dense = StreamOutput(*in_full(outputs))
            [features] = in_full([features])
            return [
                self._find(frame, bool(due), StreamOutput(*(x[i] for x in dense)), features[i])
                for i, (frame, due) in enumerate(zip(frames, keep, strict=True))
            ]

    def keep_all(self) -> bool:
        """Keep what `look_back` needs, about 1 kB an actor and frame; see `Localizer`."""
        if not self._blank:
            self.history = History()
        return not self._blank

    def look_back(self) -> list[Detections]:
        """Look back along all tracks; see `Localizer`."""
        if self.history is None:
            raise RuntimeError('keep_all() comes before look_back()')
        return self.history.look_back(self._memory, self._entry)

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        with torch.inference_mode():
            for name in list(self._slots) if camera is None else [camera]:
                if name in self._slots:
                    self._state.reset(self._slots[name])
                    self._stamps[name].clear()
                    self._due.pop(name, None)
                    if name in self._following:
                        self._following[name].reset()
                    if self.history is not None:
                        self.history.forget(name)

    def close(self) -> None:
        """Free the network and all state."""
        del self._network, self._state, self._following
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()

    def _slot(self, camera: str) -> int:
        if camera not in self._slots:
            self._slots[camera] = len(self._slots)
            self._stamps[camera] = deque(maxlen=REACH)
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

    def _find(self, frame: Frame, due: bool, dense: StreamOutput, features: Tensor) -> Detections:
        """Return what one frame shows, with what the actors' memories make of it."""
        info = self._note(frame, due)
        place = choose(dense.boxes, dense.actor, self._entry)
        boxes, actor, actions, features = (x[place].cpu() for x in (*dense, features))
        if not self._blank or self.history is not None:
            seen = Seen(boxes, actor, actions, features, self._levels[place.cpu()])
            glance, actor, actions = self._follow(frame.camera).look(frame.stamp, seen, due)
            if self.history is not None:
                self.history.add(frame, info, glance)
        return to_detections(scored(boxes, actor, actions), frame, self._entry, info)

    def _follow(self, camera: str) -> Following:
        if camera not in self._following:
            how = self._entry.preprocessing
            self._following[camera] = Following(self._memory, how.width, how.height)
        return self._following[camera]

    def _prepare(self, frame: Frame) -> Tensor:
        image = upload(frame.image, self._device)
        return preprocess(image, self._entry.preprocessing, self._dtype)

    def _note(self, frame: Frame, due: bool) -> ClipInfo:
        stamps = self._stamps[frame.camera]
        info = ClipInfo(
            start=stamps[0] if stamps else frame.stamp,
            end=frame.stamp,
            frames=1 + REACH,
            missing=REACH - len(stamps),
        )
        if due:
            stamps.append(frame.stamp)
        return info


class Pointwise(nn.Module):
    """A 1x1 convolution as a product of matrices.

    On more than one thread of a CPU it takes half the time of the convolution: oneDNN's is made
    for larger maps.
    """

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight.flatten(1).contiguous(), requires_grad=False)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """Map (F, C, H, W) to other channels."""
        cells = functional.linear(x.permute(0, 2, 3, 1), self.weight, self.bias)
        return cells.permute(0, 3, 1, 2)


def multiply_matrices(network: nn.Module) -> None:
    """Replace all 1x1 convolutions."""
    for name, layer in list(network.named_modules()):
        if (
            isinstance(layer, nn.Conv2d)
            and layer.kernel_size == (1, 1)
            and layer.stride == (1, 1)
            and layer.groups == 1
        ):
            network.set_submodule(name, Pointwise(layer))


def fold_batch_norms(network: nn.Module) -> None:
    """Fold each batch norm into the convolution before it, within all sequences of layers."""
    for sequence in network.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for i, (conv, norm) in enumerate(zip(list(sequence), list(sequence)[1:], strict=False)):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[i] = fuse_conv_bn_eval(conv, norm)
                sequence[i + 1] = nn.Identity()
