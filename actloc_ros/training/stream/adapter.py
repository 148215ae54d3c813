"""Train a streaming network: every frame of a clip is a key frame."""

from __future__ import annotations

from torch import Tensor, nn

from actloc_ros.models.entry import Entry
from actloc_ros.models.ops.grid import location_centres
from actloc_ros.models.stream.network import STRIDES, StreamNet
from actloc_ros.training.adapter import DensePredictions, TrainableAdapter
from actloc_ros.training.stream.keypoint_head import StreamWithKeypoints


class StreamAdapter(TrainableAdapter):
    """Every frame of a clip is a key frame; the learner predicts poses where there are keypoints.

    Args:
        network: The weights to train.
        entry: Its preprocessing, labels and thresholds.
        keypoints: Points of a body that the recordings give; 0 for none.
    """

    key_frames = slice(None)
    orthogonal = True

    def __init__(self, network: nn.Module, entry: Entry, keypoints: int = 0) -> None:
        assert isinstance(network, StreamNet)
        super().__init__(network, entry)
        if keypoints:
            self.learner = StreamWithKeypoints(network, keypoints)

    @property
    def span(self) -> int:
        """Frames, the newest among them, that a result depends on."""
        return StreamNet.receptive_field

    def action_biases(self, network: nn.Module) -> list[Tensor]:
        """Return those of the heads; see `TrainableAdapter.action_biases`."""
        return [head.actions.bias for head in network.heads]  # type: ignore[union-attr]

    def predict(self, clips: Tensor, network: nn.Module) -> DensePredictions:
        """Run the network; see `TrainableAdapter.predict`."""
        centres = location_centres(clips.shape[-2], clips.shape[-1], STRIDES, clips)
        if self.learner is self.network:
            output, pose = network(clips), None
        else:
            output, pose = network(clips)
            pose = pose.flatten(0, 1)
        boxes, actor, actions = (x.flatten(0, 1) for x in output)
        return DensePredictions(boxes, actor, actions, centres, pose)
