"""Read parameters that name a topic of each camera."""

from __future__ import annotations

from collections.abc import Sequence


def topics_by_camera(parameter: str, texts: Sequence[str]) -> dict[str, str]:
    """Return the topics by the camera's name.

    Args:
        parameter: Its name, for the error.
        texts: Each TOPIC, for the camera without a name, or CAMERA=TOPIC; empty ones are left out.

    Raises:
        ValueError: A camera has two topics.
    """
    topics: dict[str, str] = {}
    for text in filter(None, texts):
        camera, _, topic = text.rpartition('=')
        if camera in topics:
            raise ValueError(f'{parameter} names two topics of camera "{camera}"; give one')
        topics[camera] = topic
    return topics
