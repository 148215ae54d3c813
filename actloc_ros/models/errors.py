"""Errors of opening a model or a checkpoint; the text says which, why and what to do."""

from __future__ import annotations


class ModelError(ValueError):
    """A model that cannot be opened; the text says why and what there is."""


class WeightsError(ModelError):
    """A checkpoint that cannot be used; the text says which, why, and what to do."""
