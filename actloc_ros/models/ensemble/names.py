"""Read the names of ensembles: `ensemble(A,B,…)`.

A member is a model's name as users give it alone, also another ensemble, and `NAME@WEIGHTS` gives
its checkpoint: `ensemble(pose_n,stream_n@mine.safetensors)`.
"""

from __future__ import annotations

from dataclasses import dataclass

from actloc_ros.models.errors import ModelError

BEGIN, END = 'ensemble(', ')'
EXAMPLE = 'as in ensemble(pose_n,stream_n)'


@dataclass(frozen=True)
class MemberName:
    """A member as users name it.

    Attributes:
        model: Its model.
        weights: Path or name of its checkpoint; empty for the model's own.
    """

    model: str
    weights: str = ''

    def __str__(self) -> str:
        """Return it as users write it."""
        return f'{self.model}@{self.weights}' if self.weights else self.model


def is_ensemble(model: str) -> bool:
    """Return whether `model` is meant as an ensemble."""
    return model.startswith(BEGIN) and model.endswith(END)


def members_of(model: str) -> tuple[MemberName, ...]:
    """Return the members of the ensemble called `model`, in order.

    Raises:
        ModelError: There are fewer than two, one is twice there, or parentheses do not match.
    """
    names = tuple(_member(part) for part in _parts(model))
    if len(names) < 2:
        raise ModelError(f'an ensemble has two members or more, {EXAMPLE}, not "{model}"')
    if len(set(names)) < len(names):
        raise ModelError(f'"{model}" has a member twice; each adds something only once')
    return names


def _parts(model: str) -> list[str]:
    """Return the texts between commas that stand in no further parentheses."""
    parts, depth = [''], 0
    for character in model.removeprefix(BEGIN).removesuffix(END):
        depth += (character == '(') - (character == ')')
        if depth < 0:
            break
        if character == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += character
    if depth:
        raise ModelError(f'the parentheses of "{model}" do not match; write it {EXAMPLE}')
    return [part.strip() for part in parts]


def _member(text: str) -> MemberName:
    model, _, weights = (text, '', '') if is_ensemble(text) else text.partition('@')
    if not model:
        raise ModelError(f'an ensemble has an empty member; write it {EXAMPLE}')
    return MemberName(model, weights)
