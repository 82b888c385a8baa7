"""
In the process that trains: say before the first step what would go wrong, and stop when something does.

- `LossGuard`: a callback for Hugging Face's Trainer that reads what it logs, and stops (or warns) with the
  diagnosis of `envcheck diagnose` once the records prove that nothing is being learned any more.
- `check_param_groups(model, optimizer)`: is every expert parameter trained, marked, and in a group that
  DeepSpeed takes for one of experts?
- `check_trainable(model, patterns)`: do the patterns of a `--train_modules`-like option mean anything in
  this model?

Nothing here needs torch, transformers or DeepSpeed to be imported: what is passed in is only asked for
`named_parameters()` and the like. All that is raised on purpose is an `envcheck.EnvcheckError`.
"""

from __future__ import annotations

from envcheck.errors import TrainingError
from envcheck.training.alert import Alert
from envcheck.training.experts import ParamGroups, check_param_groups
from envcheck.training.filters import Trainable, check_trainable
from envcheck.training.guard import LossGuard
from envcheck.training.problem import Problem
from envcheck.training.weights import Weights

__all__ = [
    "Alert",
    "LossGuard",
    "ParamGroups",
    "Problem",
    "Trainable",
    "TrainingError",
    "Weights",
    "check_param_groups",
    "check_trainable",
]
