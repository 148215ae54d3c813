"""Name the evaluation protocols of the field, each with its own conventions."""

from __future__ import annotations

from dataclasses import dataclass

from actloc_ros.truth.boxes import EvaluationError

VIDEO_THRESHOLDS = (0.2, 0.5, 0.75)
RANGE_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


@dataclass(frozen=True)
class Protocol:
    """How figures with this name are computed.

    Attributes:
        name: The protocol's name.
        origin: Whose evaluation it is.
        keyframes_only: Detections in frames without ground truth are left
            out; else they are false.
        pixel: What is added to boxes' widths and heights, see `boxes.area`.
        frame_average: How frame-AP is averaged, a key of `precision.AVERAGES`.
        video_average: How video-AP is averaged.
        frame_second_choice: See `matching.match_pairs`, for boxes.
        video_second_choice: The same for tubes.
        reversed_ties: Equal scores rank as NumPy's `argsort(scores)[::-1]` has them; else in
            the order of the file.
        max_boxes: Most boxes a frame, the best; 0 for no limit.
        trimmed: Whether tubes that are linked here are trimmed in time, unless the user chooses.
    """

    name: str
    origin: str
    keyframes_only: bool
    pixel: float
    frame_average: str
    video_average: str
    frame_second_choice: bool
    video_second_choice: bool
    reversed_ties: bool = False
    max_boxes: int = 0
    trimmed: bool = False

    def describe(self) -> str:
        """Return the conventions in a line."""
        frames = 'frames with ground truth' if self.keyframes_only else 'all frames'
        size = '+1-pixel boxes' if self.pixel else 'plain boxes'
        average = f'{self.frame_average} AP'
        if self.video_average != self.frame_average:
            average += f' ({self.video_average} for tubes)'
        ties = 'ties by argsort(scores)[::-1]' if self.reversed_ties else 'ties in file order'
        limit = f', {self.max_boxes} boxes a frame' if self.max_boxes else ''
        return f'{frames}, {size}, {average}, {ties}{limit} ({self.origin})'


def _act(name: str, trimmed: bool) -> Protocol:
    return Protocol(
        name=name,
        origin='ACT, Kalogeiton et al. 2017',
        keyframes_only=False,
        pixel=1.0,
        frame_average='trapezoid',
        video_average='trapezoid',
        frame_second_choice=True,
        video_second_choice=True,
        trimmed=trimmed,
    )


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        _act('ucf24-act', trimmed=True),
        Protocol(
            name='ucf24-yowo',
            origin='YOWO, Köpüklü et al. 2019',
            keyframes_only=True,
            pixel=1.0,
            frame_average='envelope',
            video_average='envelope',
            frame_second_choice=False,
            video_second_choice=True,
        ),
        _act('jhmdb', trimmed=False),
        Protocol(
            name='ava-official',
            origin='AVA, Gu et al. 2018',
            keyframes_only=True,
            pixel=0.0,
            frame_average='envelope',
            video_average='envelope',
            frame_second_choice=False,
            video_second_choice=False,
            reversed_ties=True,
            max_boxes=50,
        ),
    )
}


def find_protocol(name: str) -> Protocol:
    """Return the protocol called `name`.

    Raises:
        EvaluationError: There is none.
    """
    if name not in PROTOCOLS:
        raise EvaluationError(f'there is no protocol {name!r}; there are {", ".join(PROTOCOLS)}')
    return PROTOCOLS[name]
