"""Run any people network: an ONNX file with a description of what it takes and gives."""

from __future__ import annotations

import numpy as np

from actloc_ros.boxes import clip, has_area
from actloc_ros.files import one_line
from actloc_ros.models.errors import ModelError
from actloc_ros.models.onnx_runtime import Providers, open_session
from actloc_ros.models.people.description import JOINT_NAMES, PeopleFile
from actloc_ros.models.people.inputs import colour, placed
from actloc_ros.models.people.layouts import READERS, LayoutError, Reported
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.vision.placing import Placed

TYPES = {
    'tensor(float)': np.float32,
    'tensor(float16)': np.float16,
    'tensor(int32)': np.int32,
    'tensor(uint8)': np.uint8,
}
BLANK = 128  # grey level of the image on which a network is tried


class OnnxFile:
    """An ONNX file that takes one image, or several of one size.

    Attributes:
        how: Its description.
        providers: Of ONNX Runtime that it uses, best first.

    Raises:
        ModelError: The file cannot be opened, or takes no image.
    """

    def __init__(self, how: PeopleFile, providers: Providers, threads: int) -> None:
        self.how = how
        try:
            self._session = open_session(how.people, providers, threads)
        except Exception as error:  # ONNX Runtime's own classes have no common one
            raise ModelError(
                f'cannot open the people network "{how.people}": {one_line(error)}'
            ) from error
        self.providers: list[str] = self._session.get_providers()
        inputs = self._session.get_inputs()
        shape = list(inputs[0].shape)
        channels = [axis for axis in (1, 3) if len(shape) == 4 and shape[axis] == 3]
        if len(inputs) != 1 or not channels or inputs[0].type not in TYPES:
            raise ModelError(
                f'"{how.people}" takes {[(i.name, i.shape, i.type) for i in inputs]};'
                ' a people network takes one image, (1, 3, h, w) or (1, h, w, 3)'
            )
        self._name, self._type = inputs[0].name, TYPES[inputs[0].type]
        self._channels_first = channels[0] == 1
        self._one_image = shape[0] == 1

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Return the outputs for images, uint8 (B, h, w, 3) in RGB."""
        given = colour(images, self.how, self._type)
        if self._channels_first:
            given = given.transpose(0, 3, 1, 2)
        given = np.ascontiguousarray(given)
        if self._one_image and len(given) > 1:
            each = [self._session.run(None, {self._name: image[None]}) for image in given]
            return [np.concatenate(parts) for parts in zip(*each, strict=True)]
        outputs = self._session.run(None, {self._name: given})
        return [np.asarray(output) for output in outputs]


class PeopleFileNetwork:
    """Finds people in single images by a described network.

    Attributes:
        threshold: Score from which a person is reported.
        has_joints: Whether it finds joints.
        providers: Of ONNX Runtime that it uses, best first.

    Raises:
        ModelError: The file cannot be opened, or does not fit its description.
    """

    def __init__(self, how: PeopleFile, providers: Providers, threads: int) -> None:
        self._file, self._how = OnnxFile(how, providers, threads), how
        self.threshold, self.providers = how.threshold, self._file.providers
        try:
            reported = self._run(np.full((*how.size, 3), BLANK, np.uint8), how.threshold)[0]
        except Exception as error:  # as above; a wrong size shows only here
            raise ModelError(
                f'"{how.people}" does not fit its description: {one_line(error)}'
            ) from error
        self.has_joints = reported.joints.shape[1] > 0

    def find(self, image: np.ndarray, least: float) -> FoundPeople:
        """Return the people in an image, uint8 (H, W, 3), RGB, with scores of `least` or more."""
        reported, given = self._run(image, least)
        corners = given.back(reported.boxes.reshape(-1, 2, 2)).reshape(-1, 4)
        found = FoundPeople(
            clip(corners, image.shape[1], image.shape[0]).astype(np.float32),
            reported.scores.astype(np.float32),
            np.zeros((len(corners), len(JOINT_NAMES), 3), np.float32),
        )
        if self.has_joints:
            places = given.back(reported.joints[..., :2])
            put_joints(found, np.concatenate([places, reported.joints[..., 2:]], -1), self._how)
        return found[has_area(found.boxes)]  # without what lies in the padding

    def _run(self, image: np.ndarray, least: float) -> tuple[Reported, Placed]:
        given = placed(image, self._how)
        outputs = self._file.run(given.pixels[None])
        size = given.pixels.shape[0], given.pixels.shape[1]
        return READERS[self._how.layout](outputs, size, self._how, least), given


def put_joints(found: FoundPeople, joints: np.ndarray, how: PeopleFile) -> None:
    """Put joints (N, K, 3) in a network's own order into `found.joints` in COCO's.

    Raises:
        LayoutError: There are not as many as the description names.
    """
    if joints.shape[1] != len(how.joints):
        raise LayoutError(f'{len(how.joints)} joints are named; there are {joints.shape[1]}')
    known = [name for name in how.joints if name in JOINT_NAMES]
    places = [JOINT_NAMES.index(name) for name in known]
    found.joints[:, places] = joints[:, [how.joints.index(name) for name in known]]
    np.clip(found.joints[..., 2], 0, 1, out=found.joints[..., 2])
