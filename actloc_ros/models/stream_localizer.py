"""Run a streaming network on live cameras: one frame's cost a frame."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions
from actloc_ros.models.actor_following import Following, Seen
from actloc_ros.models.actor_history import History
from actloc_ros.models.clip_localizer import in_full, to_detections
from actloc_ros.models.loading import OpenedNetwork
from actloc_ros.models.preprocessing import preprocess, upload
from actloc_ros.models.runtime import (
    choose_device,
    choose_precision,
    one_thread,
    prepare_untraced,
)
from actloc_ros.models.stream import REACH, Looks, StreamNet, place_levels
from actloc_ros.models.stream_decode import choose, scored
from actloc_ros.models.stream_heads import StreamOutput
from actloc_ros.models.stream_session import StreamSession
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
        # On the CPU in single precision on any device: many small steps for a few actors.
        self._memory = copy.deepcopy(opened.network.memory).eval()
        self._blank = self._memory.blank
        how = entry.preprocessing
        self._network = self._running(opened.network.eval(), how)
        self._state = self._network.initial_state(0, how.height, how.width)
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
        with torch.inference_mode(), self._threads():
            cameras = torch.tensor([self._slot(frame.camera) for frame in frames])
            keep = torch.tensor([self._is_due(frame) for frame in frames])
            batch = torch.stack([self._prepare(frame) for frame in frames])
            self.preprocess_time = time.perf_counter() - began
            outputs, looks = self._network.step_closely(
                batch, self._state, cameras.to(self._device), keep.to(self._device)
            )
            dense = StreamOutput(*in_full(outputs))
            return [
                self._find(i, frame, bool(keep[i]), dense, looks) for i, frame in enumerate(frames)
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

    def _running(self, network: StreamNet, how: Preprocessing) -> StreamNet | StreamSession:
        """Return the network in the form that runs fastest on its device."""
        if self._device.type == 'cpu' and self._dtype == torch.float32:
            return StreamSession(network, how.height, how.width)
        prepare_untraced(network, self._device, self._dtype)
        return network

    def _threads(self) -> AbstractContextManager[None]:
        """Return how many threads PyTorch is to have within a step.

        Its own stay busy for a while after they have done something, and would then be in the way
        of the session's; and its numbers are the same on any number of cores this way.
        """
        return one_thread if isinstance(self._network, StreamSession) else nullcontext()

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

    def _find(
        self, i: int, frame: Frame, due: bool, dense: StreamOutput, looks: Looks
    ) -> Detections:
        """Return what the i-th frame shows, with what the actors' memories make of it."""
        info = self._note(frame, due)
        place = choose(dense.boxes[i], dense.actor[i], self._entry)
        boxes, actor, actions = (x[i, place].cpu() for x in dense)
        if not self._blank or self.history is not None:
            features = looks.at(i, place).cpu().float()
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
