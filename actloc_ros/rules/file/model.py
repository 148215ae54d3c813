"""Define what a rules file says, as pydantic models; names are checked in `names`.

All times are seconds of message stamps. Coordinates are flat lists x, y, x, y, …: 0 to 1 of the
image from its top left corner, or m where a `frame` is named.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from actloc_ros.alarms.alarm import Severity
from actloc_ros.rules.file.schedule import Schedule, ScheduleField, TimezoneField
from actloc_ros.rules.shapes import Flat, check_ground, check_line, check_polygon

EVIDENCE_DURATION = 0.5  # s of `min_duration` where evidence is needed and nothing is said
HOLD = 3.0  # s for which an unseen track stays where it was, where no zone says otherwise
EXIT_INERTIA = 1.0  # s: likewise, for which conditions may fail within one dwell

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
LARGEST = 1e9  # of any number: such times in ns fit 64 bits
Seconds = Annotated[float, Strict(), Field(ge=0, le=LARGEST)]
Positive = Annotated[float, Strict(), Field(gt=0, le=LARGEST)]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]
Flag = Annotated[bool, Strict()]
Name = Annotated[str, Field(min_length=1)]
Names = tuple[Name, ...]
Anchor = Literal['bottom_center', 'center']


class _Part(BaseModel):
    """A part of the file: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra='forbid', frozen=True)


class _Area(_Part):
    """Where something is: in the image of a camera, or in metres of a frame."""

    camera: Name | None = None
    frame: Name | None = None
    coordinates: Flat

    @model_validator(mode='after')
    def _one_place(self) -> _Area:
        if self.camera is not None and self.frame is not None:
            raise ValueError('it has both camera and frame; give one of them')
        if self.frame is None and not all(0 <= value <= 1 for value in self.coordinates):
            raise ValueError(
                'coordinates without frame are shares of the image, from 0 to 1; divide pixels by '
                "the image's width and height"
            )
        return self


class Zone(_Area):
    """A polygon; a track enters it after `inertia` and leaves it after `exit_inertia`.

    Attributes:
        anchor: The point of a box that counts, where coordinates are of the image.
        inertia: Continuous presence after which a track is inside.
        exit_inertia: Time detected outside after which it has left.
        hold: For how long an unseen track stays inside after its last box.
    """

    anchor: Anchor = 'bottom_center'
    inertia: Seconds = 0.3
    exit_inertia: Seconds = EXIT_INERTIA
    hold: Seconds = HOLD

    @model_validator(mode='after')
    def _simple(self) -> Zone:
        check_polygon(self.coordinates)
        return self


class Line(_Area):
    """A line from A to B that tracks cross.

    Attributes:
        anchor: The point of a box that counts, where coordinates are of the image.
        direction: `in` is from left to right of A to B on the screen: (Bx-Ax)(Py-Ay) -
            (By-Ay)(Px-Ax) goes from below to above 0.
        band: A crossing counts beyond this distance: heights of the image, or m.
    """

    anchor: Anchor = 'bottom_center'
    direction: Literal['in', 'out', 'both'] = 'both'
    band: Seconds | None = None

    @model_validator(mode='after')
    def _two_points(self) -> Line:
        check_line(self.coordinates)
        return self


class Ground(_Part):
    """Points of the ground in the image and in metres of a frame, for a homography."""

    image: Flat
    metres: Flat
    frame: Name = 'map'

    @model_validator(mode='after')
    def _fits(self) -> Ground:
        check_ground(self.image, self.metres)
        return self


class Count(_Part):
    """Least number of distinct tracks at once."""

    min: Annotated[int, Strict(), Field(ge=1, le=LARGEST)] = 1


class Speed(_Part):
    """Range of speed in m/s; either end may be open."""

    min: Seconds | None = None
    max: Seconds | None = None

    @model_validator(mode='after')
    def _range(self) -> Speed:
        if self.min is None and self.max is None:
            raise ValueError('speed needs min or max, in m/s')
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f'speed has min {self.min} above max {self.max}')
        return self


class Relation(_Part):
    """What two tracks have to do with each other; see `relations` for definitions.

    Attributes:
        type: What kind.
        max_distance: In m, for all but near_miss.
        ttc: Greatest time to collision in s; null leaves it out.
        pet: Greatest post-encroachment time in s; null leaves it out.
        with_: Kinds of the other track.
    """

    type: Literal['distance', 'approaching', 'handing_over', 'near_miss']
    max_distance: Positive = 1.5
    ttc: Positive | None = 1.5
    pet: Positive | None = 2.0
    with_: Names = Field(default=('person',), alias='with', min_length=1)

    @model_validator(mode='after')
    def _some_measure(self) -> Relation:
        if self.type == 'near_miss' and self.ttc is None and self.pet is None:
            raise ValueError('near_miss needs ttc or pet; both are null')
        return self


class Traffic(_Part):
    """A measure of traffic and its limits in SI; see `traffic` for definitions and sources.

    Attributes:
        type: The measure.
        deceleration: sudden_braking: a0 in m/s^2.
        min_speed: sudden_braking and wrong_way: slower ones do not count, m/s.
        duration: For how long, in s.
        lateral: swerving: a1 in m/s^2.
        within: swerving: the other way within so many s.
        beyond: lane_change: m beyond the line.
        lines: lane_change: painted lines; wrong_way: lanes' directions, from A to B.
        angle: wrong_way: degrees off the lane's direction.
        distance: wrong_way: m that were driven so.
        min: density: veh/km, or tracks/m^2 with `per: area`; flow: tracks/h.
        per: density and flow: over the zone's length or its area.
        length: density and flow: length of the zone in m along the way; none takes it from the
            zone's outline.
    """

    type: Literal['sudden_braking', 'swerving', 'lane_change', 'wrong_way', 'density', 'flow']
    deceleration: Positive = 3.0
    min_speed: Seconds | None = None
    duration: Seconds | None = None
    lateral: Positive = 2.9
    within: Positive = 3.0
    beyond: Seconds = 0.5
    lines: Names = ()
    angle: Annotated[float, Strict(), Field(gt=0, le=180)] = 120.0
    distance: Seconds = 5.0
    min: Positive | None = None
    per: Literal['length', 'area'] = 'length'
    length: Positive | None = None

    @model_validator(mode='before')
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {'type': value} if isinstance(value, str) else value

    @model_validator(mode='after')
    def _complete(self) -> Traffic:
        if self.type in ('lane_change', 'wrong_way') and not self.lines:
            raise ValueError(f'{self.type} needs lines: names of lines of the file')
        if self.type in ('density', 'flow') and self.min is None:
            raise ValueError(f'{self.type} needs min, the value from which it is an alarm')
        return self


class Conditions(_Part):
    """What one track must fulfil; each key that is given must hold."""

    zones: Names = ()
    zones_not: Names = ()
    lines: Names = ()
    objects: Annotated[Names, Field(min_length=1)] | None = None
    actions: Names = ()
    sequence: Names = ()
    within: Positive = 5.0
    min_score: Share = 0.5
    min_duration: Seconds | None = None
    min_fraction: Share = 0.7
    speed: Speed | None = None

    @model_validator(mode='after')
    def _sequence(self) -> Conditions:
        if self.sequence and self.actions:
            raise ValueError('it has both actions and sequence; give one of them, or use any')
        if len(self.sequence) == 1:
            raise ValueError('sequence needs two labels or more; use actions for one')
        return self


class Rule(Conditions):
    """One rule: conditions, for how long, and what becomes of it."""

    cameras: Names = ()
    any: tuple[Conditions, ...] = ()
    dwell: Seconds = 0.0
    absence: Positive | None = None
    count: Count | None = None
    relation: Relation | None = None
    traffic: Traffic | None = None
    mask: tuple[Flat, ...] = ()
    severity: Severity = Severity.ALERT
    cooldown: Seconds = 30.0
    end_after: Seconds = 5.0
    schedule: ScheduleField = Schedule()
    pre_capture: Seconds = 5.0
    post_capture: Seconds = 5.0
    max_length: Positive = 120.0
    snapshot: Flag = True
    notify: Names = ()
    enabled: Flag = True

    @model_validator(mode='before')
    @classmethod
    def _one_mask(cls, value: Any) -> Any:
        """Take one polygon, a flat list, for a list of one."""
        mask = value.get('mask') if isinstance(value, dict) else None
        if isinstance(mask, list) and mask and not isinstance(mask[0], list):
            return {**value, 'mask': [mask]}
        return value

    @model_validator(mode='after')
    def _fits(self) -> Rule:
        for polygon in self.mask:
            check_polygon(polygon)
        whole = [k for k in ('absence', 'count', 'relation', 'traffic') if getattr(self, k)]
        if len(whole) > 1:
            raise ValueError(f'{" and ".join(whole)} do not go together; write a rule for each')
        if self.dwell and (self.absence or self.traffic):
            raise ValueError(f'dwell does not go with {whole[0]}, which has a time of its own')
        for alternative in self.any:
            twice = alternative.model_fields_set & self.model_fields_set & _ONCE
            if twice:
                raise ValueError(f'{min(twice)} is in the rule and in its any; write it once')
        if (self.lines or any(a.lines for a in self.any)) and (self.dwell or whole):
            other = whole[0] if whole else 'dwell'
            raise ValueError(f'lines are crossed at once and do not go with {other}')
        if not (whole or self.any or self.model_fields_set & _SUBJECTS):
            raise ValueError(f'it has no condition; give one of {", ".join(sorted(_SUBJECTS))}')
        return self


_ONCE = {'zones', 'zones_not', 'lines', 'objects', 'actions', 'sequence', 'speed'}
_SUBJECTS = {'zones', 'zones_not', 'lines', 'objects', 'actions', 'sequence', 'speed'}


class Rules(_Part):
    """A whole rules file.

    Attributes:
        version: Of the file's shape.
        timezone: Of schedules.
        ground: By camera; the empty name is that of the only camera.
        zones: By name.
        lines: By name.
        notify: Channels by name, as `alarms.channels.read_channel` takes them.
        rules: By name.
    """

    version: Literal[1]
    timezone: TimezoneField = 'UTC'
    ground: dict[str, Ground] = {}
    zones: dict[Name, Zone] = {}
    lines: dict[Name, Line] = {}
    notify: dict[Name, dict[str, Any]] = {}
    rules: Annotated[dict[Name, Rule], Field(min_length=1)]

    @model_validator(mode='before')
    @classmethod
    def _one_ground(cls, value: Any) -> Any:
        """Take a ground without a camera's name for that of the only camera."""
        ground = value.get('ground') if isinstance(value, dict) else None
        if isinstance(ground, dict) and 'image' in ground:
            return {**value, 'ground': {'': ground}}
        return value

    @property
    def enabled(self) -> dict[str, Rule]:
        """The rules that are to be used."""
        return {name: rule for name, rule in self.rules.items() if rule.enabled}
