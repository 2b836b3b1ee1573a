"""The search itself: Optuna's study, its storage, and the loop over trials."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import FitError, TrainingError
from training.recipe import Recipe, parse_recipe
from training.recipe_text import Value, flat, with_fields
from training.tuning.court import Court
from training.tuning.results import Budget, Standing, Trial
from training.tuning.space import SearchSpace, relative

if TYPE_CHECKING:
    import optuna

Follow = Callable[[Standing], None]
"""Called with where the search stands, before the first trial and after each."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is searched: a base recipe, its space, the judge and the inner days."""

    recipe: Recipe
    space: SearchSpace
    court: Court
    days: tuple[date, ...]


class Search:
    """One study in a SQLite file, taken up where an earlier run of the same key stopped.

    Raises
    ------
    TrainingError
        If Optuna is not installed.
    """

    def __init__(self, file: Path, key: str, task: Task) -> None:
        self._optuna = _optuna()
        self._states = self._optuna.trial.TrialState
        self._task = task
        self._storage = f"sqlite:///{file.resolve()}"
        # Medians say something from the third trial on, and after the first origin already.
        pruner = self._optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=0)
        self._study: optuna.Study = self._optuna.create_study(
            storage=self._storage, study_name=key, load_if_exists=True, pruner=pruner
        )
        # The seed moves on with the study, or a resumed one would draw the same values again.
        seed = task.recipe.seed + len(self._study.get_trials(deepcopy=False))
        self._study.sampler = self._optuna.samplers.TPESampler(seed=seed)

    def run(self, budget: Budget, follow: Follow | None = None) -> None:
        """Try recipes until the budget is spent; what was tried before counts as tried."""
        deadline = time.monotonic() + 60.0 * budget.minutes
        self._take_up()
        base = self._base()

        def tell(last: Trial | None) -> int:
            ended = [trial for trial in self.trials() if trial.state != "failed"]
            best = self.best()
            left = max(0.0, deadline - time.monotonic())
            if follow:
                figure = float("nan") if best is None else best.value
                follow(Standing(len(ended), budget.trials, figure, last, left))
            return len(ended)

        finished = tell(None)
        while finished < budget.trials and time.monotonic() < deadline:
            trial = self._study.ask()
            fields = _suggest(trial, self._task)
            state, means = self._run(trial, changed(self._task.recipe, fields), base, deadline)
            if state == self._states.COMPLETE:
                self._study.tell(trial, means[-1])
            else:
                self._study.tell(trial, state=state)
                if state == self._states.FAIL and time.monotonic() >= deadline:
                    self._study.enqueue_trial(trial.params)  # the next run tries it first
            finished = tell(self.trials()[-1])

    def trials(self) -> tuple[Trial, ...]:
        """Return every trial that ended, by number."""
        states = self._states
        names = {states.COMPLETE: "complete", states.PRUNED: "pruned", states.FAIL: "failed"}
        found = []
        for trial in self._study.get_trials(deepcopy=False, states=tuple(names)):
            values = tuple(value for _, value in sorted(trial.intermediate_values.items()))
            found.append(
                Trial(
                    number=trial.number,
                    state=names[trial.state],
                    value=values[-1] if values else float("nan"),
                    values=values,
                    fields=dict(trial.user_attrs.get("fields", {})),
                    seconds=trial.duration.total_seconds() if trial.duration else float("nan"),
                )
            )
        return tuple(found)

    def best(self) -> Trial | None:
        """Return the complete trial with the least value; None if there is none."""
        complete = [trial for trial in self.trials() if trial.state == "complete"]
        return min(complete, key=lambda trial: trial.value, default=None)

    def looked(self) -> int:
        """Count one look at the held-out origins; return how many the file's studies have had."""
        self._study.set_user_attr("looks", int(self._study.user_attrs.get("looks", 0)) + 1)
        summaries = self._optuna.get_all_study_summaries(self._storage)
        return sum(int(each.user_attrs.get("looks", 0)) for each in summaries)

    def _take_up(self) -> None:
        """Queue again what a killed run was at."""
        for stale in self._study.get_trials(deepcopy=False, states=(self._states.RUNNING,)):
            self._study.tell(stale.number, state=self._states.FAIL)
            self._study.enqueue_trial(stale.params)

    def _base(self) -> dict[str, dict[str, float]]:
        """Return the base recipe's figures of each inner day; measured once in a study."""
        known: dict[str, dict[str, float]] | None = self._study.user_attrs.get("base")
        if known is None:
            known = {str(day): self._figures(self._task.recipe, day) for day in self._task.days}
            self._study.set_user_attr("base", known)
        return known

    def _figures(self, recipe: Recipe, day: date) -> dict[str, float]:
        judged = self._task.court.judge(recipe, day)
        return {name: judged.figure(name) for name in self._task.space.weights}

    def _run(
        self,
        trial: optuna.Trial,
        recipe: Recipe,
        base: Mapping[str, Mapping[str, float]],
        deadline: float,
    ) -> tuple[Any, list[float]]:
        """Judge a trial day by day; it ends early when it is pruned or the time is over."""
        losses: list[float] = []
        means: list[float] = []
        for step, day in enumerate(self._task.days):
            if time.monotonic() >= deadline:
                return self._states.FAIL, means
            try:
                found = self._figures(recipe, day)
            except FitError:
                return self._states.FAIL, means
            losses.append(_objective(self._task.space.weights, found, base[str(day)]))
            means.append(float(np.mean(losses)))
            if not np.isfinite(means[-1]):
                return self._states.FAIL, means
            trial.report(means[-1], step)
            if step + 1 < len(self._task.days) and trial.should_prune():
                return self._states.PRUNED, means
        return self._states.COMPLETE, means


def changed(recipe: Recipe, fields: Mapping[str, Value]) -> Recipe:
    """Return the recipe with fields changed in its text."""
    return parse_recipe(with_fields(recipe.text, fields), origin=f"{recipe.id}, changed")


def _objective(
    weights: Mapping[str, float], found: Mapping[str, float], base: Mapping[str, float]
) -> float:
    return sum(weight * relative(name, found[name], base[name]) for name, weight in weights.items())


def _suggest(trial: optuna.Trial, task: Task) -> dict[str, Value]:
    now = flat(task.recipe.model_dump())
    found: dict[str, Value] = {}
    for field, values in task.space.search.items():
        if values.choices:
            found[field] = trial.suggest_categorical(field, values.choices)
            continue
        assert values.low is not None
        assert values.high is not None
        if isinstance(now[field], int):
            step = int(values.step or 1)
            found[field] = trial.suggest_int(
                field, int(values.low), int(values.high), step=step, log=values.log
            )
        else:
            drawn = trial.suggest_float(
                field, values.low, values.high, step=values.step, log=values.log
            )
            found[field] = float(f"{drawn:.4g}")  # a recipe is read by people
    trial.set_user_attr("fields", found)
    return found


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise TrainingError(
            "Tuning needs Optuna, which is not installed.",
            hint="Install the extra: pip install 'tierwise[experiments]'.",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
