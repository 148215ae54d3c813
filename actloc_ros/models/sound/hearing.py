"""Score what is heard beside each camera, by the stamps of its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import ClipInfo, LocalizerOptions
from actloc_ros.models.errors import ModelError

Listen = Callable[[str, int, int], np.ndarray | None]
"""`SideInputs.sound`."""


class SoundClassifier(Protocol):
    """What scores the newest sound.

    Attributes:
        labels: Names of sounds.
        window: Length in s of the sound that it takes.
        period: Least time in s between two scores; in between the last ones hold.
    """

    labels: tuple[str, ...]
    window: float
    period: float

    def score(self, sound: np.ndarray) -> np.ndarray:
        """Return float32 (C,) in [0, 1] for float32 (N,), mono at `SOUND_RATE`.

        From 0.5 on a sound counts as heard in the newest part of the window.
        """
        ...


@dataclass(frozen=True, eq=False)
class Heard:
    """What is heard up to a key frame.

    Attributes:
        scores: float32 (C,) in [0, 1], by the classifier's labels.
        clip: The sound behind the scores: from when to when.
    """

    scores: np.ndarray
    clip: ClipInfo


class Hearing:
    """A classifier, what is reported of it, and the newest scores of each camera.

    Attributes:
        labels: Of the sounds that are reported.
    """

    def __init__(
        self, classifier: SoundClassifier, listen: Listen, wanted: Sequence[str] = ()
    ) -> None:
        """Prepare.

        Args:
            classifier: Scores sound.
            listen: Gives it.
            wanted: Labels to report; none for all.

        Raises:
            ModelError: The classifier does not know one of them.
        """
        known = classifier.labels
        unknown = [label for label in wanted if label not in known]
        if unknown:
            raise ModelError(
                f'sound.labels names "{unknown[0]}", which the model does not know; it knows'
                f' {", ".join(known[:20])}{", …" if len(known) > 20 else ""}'
            )
        self.labels = tuple(wanted) or known
        self._rows = [known.index(label) for label in self.labels]
        self._classifier, self._listen = classifier, listen
        self._window = nanoseconds(classifier.window)
        self._period = nanoseconds(classifier.period)
        self._newest: dict[str, Heard] = {}

    def hear(self, frame: Frame) -> Heard:
        """Return what is heard up to a frame's stamp; where there is no sound, all scores are 0."""
        last = self._newest.get(frame.camera)
        if last is not None and 0 <= frame.stamp - last.clip.end < self._period:
            return last
        start = frame.stamp - self._window
        sound = self._listen(frame.camera, start, frame.stamp)
        scores = np.zeros(len(self.labels), np.float32)
        if sound is not None:
            scores = self._classifier.score(sound)[self._rows]
        heard = Heard(scores, ClipInfo(start, frame.stamp))
        self._newest[frame.camera] = heard
        return heard

    def reset(self, camera: str | None = None) -> None:
        """Forget the scores of one camera, or of all."""
        for name in list(self._newest) if camera is None else [camera]:
            self._newest.pop(name, None)


def listener(model: str, options: LocalizerOptions) -> Listen:
    """Return what gives sound.

    Raises:
        ModelError: The host gives none.
    """
    if options.side_inputs is None:
        raise ModelError(
            f'the model "{model}" hears, and nothing gives it sound here: run it by `actloc run`'
            ' on a recording with sound, or in the node'
        )
    return options.side_inputs.sound
