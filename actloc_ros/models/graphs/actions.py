"""Score what tracked people do, by graph networks over their joints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.joints import COCO_JOINTS
from actloc_ros.models.entry import Activation, Entry, Sampling, SkeletonInput
from actloc_ros.models.errors import ModelError
from actloc_ros.models.graphs.costgcn import ContinualState, CoSTGCN
from actloc_ros.models.graphs.history import JointHistory
from actloc_ros.models.graphs.inputs import make_clips
from actloc_ros.models.graphs.layouts import LAYOUTS, OPENPOSE_JOINTS, Layout
from actloc_ros.models.graphs.streams import KNOWN
from actloc_ros.models.loading import OpenedNetwork
from actloc_ros.models.ops.runtime import choose_device

FORGET = 3 * NANOSECONDS  # after which a track that was not given is forgotten
WINDOW = 100  # frames that a clip is chosen of: about as long as NTU RGB+D's recordings
FIRST_ROWS = 4
KINECT = np.array([-1, -1, 1], np.float32)
BATCH = 16  # clips classified at once: bounds memory
PROBABILITY_WEIGHTS = {'j': 2.0, 'b': 2.0, 'jm': 1.0, 'bm': 1.0}
"""Of streams' probabilities, as PYSKL fuses them."""
LOGIT_WEIGHTS = {'j': 0.6, 'b': 0.6, 'jm': 0.4, 'bm': 0.4}
"""Of streams' logits, as CTR-GCN fuses them."""


def fuse(
    logits: Mapping[str, Tensor], by_logits: bool, activation: Activation = Activation.SOFTMAX
) -> Tensor:
    """Return the scores (N, C) in [0, 1] of the logits (N, C) of one or more streams.

    Args:
        logits: By stream.
        by_logits: Whether logits are added, as CTR-GCN's authors do, or probabilities.
        activation: Softmax, or sigmoid, whose probabilities are always added.
    """
    sigmoid = activation is Activation.SIGMOID
    if by_logits and not sigmoid:
        return torch.stack([LOGIT_WEIGHTS[s] * x for s, x in logits.items()]).sum(0).softmax(-1)
    total = sum(PROBABILITY_WEIGHTS[stream] for stream in logits)
    chances = {s: x.sigmoid() if sigmoid else x.softmax(-1) for s, x in logits.items()}
    parts = [PROBABILITY_WEIGHTS[s] / total * x for s, x in chances.items()]
    return torch.stack(parts).sum(0)


def for_layout(joints: np.ndarray, layout: Layout) -> np.ndarray:
    """Return what people's joints are for a layout: (..., V, 3).

    Args:
        joints: COCO's (..., 17, 3) in pixels; for NTU RGB+D its own (..., 25, 3) in m in an optical
            frame. Kinect's axes point to the left and up where that frame's point to the right and
            down.
        layout: Of the network.
    """
    given = np.asarray(joints, np.float32)
    return from_coco(given, layout) if layout.confident else given * KINECT


def from_coco(joints: np.ndarray, layout: Layout) -> np.ndarray:
    """Return COCO's joints (..., 17, 3) in another flat layout (..., V, 3).

    OpenPose's neck is the middle of the shoulders, as sure as the less sure one.
    """
    if layout.joints != OPENPOSE_JOINTS:
        return joints
    left, right = (joints[..., COCO_JOINTS.index(f'{s}_shoulder'), :] for s in ('left', 'right'))
    neck = (left + right) / 2
    neck[..., 2] = np.minimum(left[..., 2], right[..., 2])
    rows = [COCO_JOINTS.index(name) if name in COCO_JOINTS else -1 for name in layout.joints]
    return np.concatenate([joints, neck[..., None, :]], -2)[..., rows, :]


class GraphActions:
    """One or more networks whose scores are fused, each of another stream of the same joints.

    Attributes:
        labels: Action names.
        threshold: Score in [0, 1] from which an action counts as detected.

    Args:
        opened: The networks; all of one layout, with the same labels.
        device: As `choose_device` has it.
        classify_rate: How often in Hz the clip of a track is classified, by stamps.
        files: That the weights were read from.

    Raises:
        ModelError: They cannot be fused, or the rate is 0 Hz or less.
    """

    def __init__(
        self,
        opened: Sequence[OpenedNetwork],
        device: str,
        classify_rate: float,
        files: tuple[Path, ...] = (),
    ) -> None:
        if not classify_rate > 0:
            raise ModelError(f'classify_rate is {classify_rate} Hz; it must be above 0 Hz')
        _refuse_mixed(opened)
        self.entry, self.files = opened[0].entry, files
        self.labels, self.threshold = self.entry.labels, self.entry.threshold
        self.how = _how(opened[0])
        self.layout = LAYOUTS[self.how.layout]
        self.period = nanoseconds(1 / classify_rate)
        self._device = choose_device(device)
        self.networks = {_how(o).stream: o.network.to(self._device) for o in opened}

    def follow(self) -> ClipActions | ContinualActions:
        """Return what scores the people of one camera."""
        if all(isinstance(network, CoSTGCN) for network in self.networks.values()):
            return ContinualActions(self)
        return ClipActions(self)

    @torch.inference_mode()
    def classify(self, recordings: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
        """Return the scores (N, C) of N recordings of joints, each (T, V, 3)."""
        logits = {}
        for stream, network in self.networks.items():
            how = self.stream_input(stream)
            clips = [make_clips(r[None], how, self.entry.frames, size)[0] for r in recordings]
            batches = [clips[begin : begin + BATCH] for begin in range(0, len(clips), BATCH)]
            parts = [network(self.tensor(np.stack(batch))) for batch in batches]
            logits[stream] = torch.cat(parts)
        return self.scores(logits)

    def scores(self, logits: Mapping[str, Tensor]) -> np.ndarray:
        """Return the fused scores, float32 (N, C) in [0, 1]."""
        scores = fuse(logits, self.how.fuse_logits, self.entry.activation)
        fused: np.ndarray = scores.float().cpu().numpy()
        return fused

    def stream_input(self, stream: str) -> SkeletonInput:
        """Return how joints go into the network of a stream."""
        return replace(self.how, stream=stream)

    def tensor(self, values: np.ndarray) -> Tensor:
        """Return numbers on the device."""
        return torch.from_numpy(values).float().to(self._device)


def _how(opened: OpenedNetwork) -> SkeletonInput:
    assert opened.entry.skeleton is not None
    return opened.entry.skeleton


def _refuse_mixed(opened: Sequence[OpenedNetwork]) -> None:
    first = opened[0].entry
    for other in opened[1:]:
        entry = other.entry
        same = (
            entry.labels == first.labels
            and _how(other).layout == _how(opened[0]).layout
            and _how(other).fuse_logits == _how(opened[0]).fuse_logits
            and entry.frames == first.frames
            and entry.activation == first.activation
            and isinstance(other.network, CoSTGCN) == isinstance(opened[0].network, CoSTGCN)
        )
        if not same:
            raise ModelError(
                f'{first.name} and {entry.name} cannot be fused: labels, joints, frames, kind'
                ' of scores and kind of network must be the same'
            )
    streams = [_how(o).stream for o in opened]
    if len(set(streams)) < len(streams):
        raise ModelError(
            f'{", ".join(o.entry.name for o in opened)} take the stream {streams[-1]} twice'
        )


@dataclass(frozen=True)
class Window:
    """The last frames of a track, of which a clip is made, at the network's own rate.

    Attributes:
        frames: How many, at most.
        step: From one to the next, in ns.
        whole: Whether all of them are taken as they come; zeros then follow what is shorter.
    """

    frames: int
    step: int
    whole: bool

    @classmethod
    def of(cls, entry: Entry) -> Window:
        """Return the window of a network that takes clips."""
        assert entry.skeleton is not None
        whole = entry.skeleton.sampling is Sampling.ALL
        return cls(entry.frames if whole else WINDOW, nanoseconds(1 / entry.rate), whole)

    @property
    def length(self) -> int:
        """Time in ns that it reaches back."""
        return self.frames * self.step

    def read(self, history: JointHistory, stamp: int) -> np.ndarray:
        """Return the joints of a track up to a stamp in ns: (T, V, 3), oldest first."""
        count = min(self.frames, (stamp - history.first) // self.step + 1)
        joints = history.at(stamp - self.step * np.arange(count - 1, -1, -1))
        if self.whole:
            missing = self.frames - len(joints)
            joints = np.concatenate([joints, np.zeros((missing, *joints.shape[1:]), np.float32)])
        return joints


def shows(joints: np.ndarray) -> bool:
    """Return whether any joint (..., 3) is known."""
    return bool((joints[..., 2] > KNOWN).any())


@dataclass(eq=False)
class _Track:
    """What is kept of a track.

    Attributes:
        history: Its joints.
        last: Stamp at which it was last given, in ns.
        due: When its clip is classified next, or its next frame is stepped, in ns.
        scores: float32 (C,): as last scored; zeros before.
        row: In the state of continual networks.
        first: Its joints (1, V, 3) in the first frame that a continual network took.
    """

    history: JointHistory
    last: int
    due: int
    scores: np.ndarray
    row: int = -1
    first: np.ndarray | None = None


class _Tracks:
    """The tracks of one camera, each with its joints."""

    def __init__(self, actions: GraphActions, length: int) -> None:
        self._actions, self._length = actions, length
        self._tracks: dict[int, _Track] = {}

    @property
    def thresholds(self) -> np.ndarray:
        """For each label, from which score on it is reported, float32 (C,)."""
        return np.full(len(self._actions.labels), self._actions.threshold, np.float32)

    def memory(self, tracks: np.ndarray) -> None:
        """Return nothing: these networks keep no memory of a track that could be compared."""

    def _follow(self, stamp: int, tracks: np.ndarray, joints: np.ndarray) -> list[_Track]:
        """Add the joints of a frame, and return its tracks in order."""
        for track_id in [i for i, t in self._tracks.items() if stamp - t.last > FORGET]:
            self._release(self._tracks.pop(track_id))
        given = for_layout(joints, self._actions.layout)
        followed = []
        for track_id, body in zip(tracks.tolist(), given, strict=True):
            if track_id not in self._tracks:
                self._tracks[track_id] = self._begin(stamp)
            track = self._tracks[track_id]
            track.history.add(stamp, body)
            track.last = stamp
            followed.append(track)
        return followed

    def _begin(self, stamp: int) -> _Track:
        history = JointHistory(self._length, self._actions.layout.confident)
        return _Track(history, stamp, stamp, np.zeros(len(self._actions.labels), np.float32))

    def _release(self, track: _Track) -> None:
        """Forget a track."""

    def _scores(self, tracks: Sequence[_Track]) -> np.ndarray:
        if not tracks:
            return np.zeros((0, len(self._actions.labels)), np.float32)
        return np.stack([track.scores for track in tracks])


class ClipActions(_Tracks):
    """What the people of one camera do, by clips of each track's last frames.

    A clip is about 3.3 s, or what the network's entry says, at its own rate, whatever the camera's.
    Each track is classified in its second frame, and then `classify_rate` times a second.
    """

    def __init__(self, actions: GraphActions) -> None:
        self._window = Window.of(actions.entry)
        super().__init__(actions, self._window.length)

    def update(
        self,
        stamp: int,
        size: tuple[int, int],
        tracks: np.ndarray,
        boxes: np.ndarray,
        joints: np.ndarray,
    ) -> np.ndarray:
        """Take a frame; see `skeleton_n.actions.SkeletonActions.update`."""
        followed = self._follow(stamp, tracks, joints)
        due = [track for track in followed if stamp >= track.due and track.history.first < stamp]
        recordings = [self._window.read(track.history, stamp) for track in due]
        known = [index for index, recording in enumerate(recordings) if shows(recording)]
        if known:
            scores = self._actions.classify([recordings[index] for index in known], size)
            for index, row in zip(known, scores, strict=True):
                due[index].scores = row
                due[index].due = stamp + self._actions.period
        return self._scores(followed)


class ContinualActions(_Tracks):
    """What the people of one camera do, frame by frame, at the network's own rate.

    A frame costs one step of the network for each 1/30 s since the last one, whose joints are
    interpolated. A track has no scores before as many frames as the network was trained on.
    """

    def __init__(self, actions: GraphActions) -> None:
        super().__init__(actions, nanoseconds(1))
        self._step = nanoseconds(1 / actions.entry.rate)
        self._networks: dict[str, nn.Module] = dict(actions.networks)
        self._states: dict[str, ContinualState] = {
            stream: network.initial_state(FIRST_ROWS)  # type: ignore[operator]
            for stream, network in self._networks.items()
        }
        self._free = list(range(FIRST_ROWS - 1, -1, -1))
        self._rows = FIRST_ROWS

    def update(
        self,
        stamp: int,
        size: tuple[int, int],
        tracks: np.ndarray,
        boxes: np.ndarray,
        joints: np.ndarray,
    ) -> np.ndarray:
        """Take a frame; see `skeleton_n.actions.SkeletonActions.update`."""
        followed = self._follow(stamp, tracks, joints)
        while late := [track for track in followed if track.due <= stamp]:
            self._advance(late, size)
        return self._scores(followed)

    @torch.inference_mode()
    def _advance(self, tracks: Sequence[_Track], size: tuple[int, int]) -> None:
        """Take one step of these tracks, each at the time when it is due."""
        actions = self._actions
        bodies = [track.history.at(np.array([track.due])) for track in tracks]
        rows = torch.tensor([track.row for track in tracks], device=self._device)
        logits: dict[str, Tensor] = {}
        given = torch.ones(len(tracks), dtype=torch.bool, device=self._device)
        for stream, network in self._networks.items():
            frames = np.stack(
                [self._frame(t, body, stream, size) for t, body in zip(tracks, bodies, strict=True)]
            )
            step = network.forward_step
            logits[stream], given = step(  # type: ignore[operator]
                actions.tensor(frames), self._states[stream], rows
            )
        scores = actions.scores(logits)
        for track, row, new in zip(tracks, scores, given.tolist(), strict=True):
            track.due += self._step
            if new:
                track.scores = row

    def _frame(
        self, track: _Track, body: np.ndarray, stream: str, size: tuple[int, int]
    ) -> np.ndarray:
        """Return one frame (3, V, M) of the joints (1, V, 3), as seen in the track's first one."""
        how = self._actions.stream_input(stream)
        if not shows(body):
            return np.zeros((3, body.shape[1], how.persons), np.float32)
        if track.first is None:
            track.first = body
        both = np.concatenate([track.first, body])
        return make_clips(both[None], how, 2, size)[0, :, 1]

    @property
    def _device(self) -> torch.device:
        return next(iter(self._states.values())).received.device

    def _begin(self, stamp: int) -> _Track:
        if not self._free:
            self._free = list(range(2 * self._rows - 1, self._rows - 1, -1))
            self._rows *= 2
            for state in self._states.values():
                state.grow(self._rows)
        track = super()._begin(stamp)
        track.row = self._free.pop()
        return track

    def _release(self, track: _Track) -> None:
        for state in self._states.values():
            state.reset(track.row)
        self._free.append(track.row)
