"""Errors of training, evaluation and release.

The tree below :class:`features.errors.TierwiseError`::

    TrainingError
    ├── RecipeError         a recipe TOML is wrong; every fault is listed
    ├── DatasetError        published frames and outcomes do not fit together
    ├── HistoryError        the data are too short for the recipe's origins
    ├── FitError            a model cannot be estimated from these data
    ├── BundleError         a bundle folder is incomplete, altered or of another format
    ├── GateFailedError     a promotion that the gates forbid
    ├── ApprovalError       a promotion that lacks approvals, or an approval that cannot count
    └── RegistryError       a version, alias or registry that is not there
"""

from __future__ import annotations

from features.errors import TierwiseError


class TrainingError(TierwiseError):
    """A model, backtest, gate or registry that cannot do what was asked."""


class RecipeError(TrainingError):
    """A recipe TOML is missing, unreadable or breaks its own rules."""


class DatasetError(TrainingError):
    """Published frames and outcomes are missing or do not fit together."""


class HistoryError(TrainingError):
    """The data cover too few days for the recipe's horizons and origins."""


class FitError(TrainingError):
    """A model cannot be estimated from these data."""


class BundleError(TrainingError):
    """A bundle folder is incomplete, altered or of another format."""


class GateFailedError(TrainingError):
    """A promotion that the gates forbid; ``context["failed"]`` names them."""


class ApprovalError(TrainingError):
    """A promotion in production mode lacks approvals, or an approval that cannot count."""


class RegistryError(TrainingError):
    """A version, an alias or the registry itself is not there."""
