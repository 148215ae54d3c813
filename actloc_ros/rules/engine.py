"""Apply a rules file to scenes of any number of cameras, and make alarms."""

from __future__ import annotations

from collections import Counter

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.frames import nanoseconds
from actloc_ros.rules.camera_rules import CameraRules
from actloc_ros.rules.counts import CountSink
from actloc_ros.rules.file.model import Rules
from actloc_ros.rules.occurrence import MOST_A_MINUTE, Issuer
from actloc_ros.rules.scene import Scene

LATENESS = nanoseconds(0.5)  # what is late by less is out of order; by more, time jumped back
RESTART_GAP = nanoseconds(10.0)  # without key frames after which nothing is known any more


class RuleEngine:
    """Takes the scenes of all cameras, each camera's in the order of their stamps.

    Where a camera's time jumps back, or nothing came from it for 10 s, its open alarms are ended
    first, with their last evidence, and its past is forgotten. A scene that is late by less than
    0.5 s is dropped; one that repeats the stamp before says nothing new.

    Attributes:
        dropped: Scenes that were dropped, by camera.
        restarts: How often a camera's past was forgotten, by camera.
    """

    def __init__(
        self,
        rules: Rules,
        most_a_minute: int = MOST_A_MINUTE,
        counted: CountSink | None = None,
    ) -> None:
        """Begin.

        Args:
            rules: Whose names were checked, by `names.world_faults` too.
            most_a_minute: Alarms that may begin in a minute; what is beyond is counted alone.
            counted: Takes each minute's counts of zones and lines, if they are asked for.
        """
        self._rules, self._counted = rules, counted
        self._issuer = Issuer(most_a_minute)
        self._cameras: dict[str, CameraRules] = {}
        self._elsewhere = 0
        self.dropped: Counter[str] = Counter()
        self.restarts: Counter[str] = Counter()

    @property
    def issued(self) -> int:
        """Alarms that began."""
        return self._issuer.issued

    @property
    def suppressed(self) -> int:
        """Occurrences that made no alarm, since too many began within a minute."""
        return self._issuer.suppressed

    @property
    def open_count(self) -> int:
        """Alarms that are open."""
        return sum(camera.open_count for camera in self._cameras.values())

    @property
    def poses_elsewhere(self) -> int:
        """Poses that came in another frame than zones in m are in, and were not used."""
        return self._elsewhere + sum(c.state.elsewhere for c in self._cameras.values())

    def inside(self, camera: str) -> dict[str, set[int]]:
        """Return who is in which zones of a camera after its newest scene.

        Those who are hidden are left out.

        Returns:
            Track ids by the names of zones, whether rules ask for these or not.
        """
        known = self._cameras.get(camera)
        return {} if known is None else known.inside()

    def frames(self) -> dict[str, str]:
        """Return the frame of positions by camera; empty where none are known."""
        return {name: camera.state.frame for name, camera in self._cameras.items()}

    def step(self, scene: Scene) -> list[Alarm]:
        """Take a scene; return the steps of alarms that follow, in order."""
        camera = self._cameras.get(scene.camera)
        if camera is None:
            camera = self._new(scene.camera)
        alarms: list[Alarm] = []
        if camera.last is not None:
            late = camera.last - scene.stamp
            if late == 0:  # such a message only ends actions, where the localizer starts again
                return []
            if 0 < late < LATENESS or scene.stamp == 0:  # 0 is unset: a driver's fault
                self.dropped[scene.camera] += 1
                return []
            if late > 0 or -late > RESTART_GAP:
                alarms = camera.end_all()
                self.restarts[scene.camera] += 1
                camera = self._new(scene.camera)
        alarms += camera.step(scene)
        camera.last = scene.stamp
        return alarms

    def end_all(self) -> list[Alarm]:
        """End all alarms, each camera's at its last key frame, and forget all."""
        alarms = [alarm for camera in self._cameras.values() for alarm in camera.end_all()]
        self._cameras.clear()
        return alarms

    def _new(self, name: str) -> CameraRules:
        if name in self._cameras:
            self._elsewhere += self._cameras[name].state.elsewhere
        self._cameras[name] = CameraRules(self._rules, name, self._issuer, self._counted)
        return self._cameras[name]
