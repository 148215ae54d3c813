"""Except a handover's partner from collision checks, in the whole matrix of MoveIt.

As soon as a scene's difference holds any entry, it replaces the whole matrix, and the robot's own
exceptions with it: so the matrix is read, gets a row and a column, and all of it is sent back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class CollisionMatrix:
    """What may touch what; the fields of `moveit_msgs/AllowedCollisionMatrix`.

    Attributes:
        names: Of links and objects.
        allowed: Whether the i-th may touch the j-th; square and symmetric.
        default_names: Of those that have a default.
        default_allowed: Whether they may touch what no entry speaks of.
    """

    names: tuple[str, ...]
    allowed: tuple[tuple[bool, ...], ...]
    default_names: tuple[str, ...] = ()
    default_allowed: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.names)
        if len(self.allowed) != count or any(len(row) != count for row in self.allowed):
            raise ValueError(
                f'the collision matrix has {count} names and rows of'
                f' {[len(row) for row in self.allowed]}: it must be square'
            )

    def with_exception(self, name: str, links: Sequence[str]) -> CollisionMatrix:
        """Return it with `name` allowed to touch `links`, and nothing else.

        Raises:
            ValueError: A link is not in the matrix.
        """
        missing = sorted(set(links) - set(self.names))
        if missing:
            raise ValueError(
                f'moveit.handover_links holds {", ".join(missing)}, which the collision matrix does'
                f' not; it has {", ".join(self.names)}'
            )
        rest = self.without(name)
        column = [other in links for other in rest.names]
        rows = [(*row, touches) for row, touches in zip(rest.allowed, column, strict=True)]
        return replace(rest, names=(*rest.names, name), allowed=(*rows, (*column, False)))

    def without(self, name: str) -> CollisionMatrix:
        """Return it without what it says of `name`."""
        kept = [index for index, other in enumerate(self.names) if other != name]
        return replace(
            self,
            names=tuple(self.names[i] for i in kept),
            allowed=tuple(tuple(self.allowed[i][j] for j in kept) for i in kept),
        )
