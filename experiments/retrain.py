# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Retrain a world's models
#
# Load a world, look at its data, change a recipe field, backtest, compare with the champion, look
# at what moves the predictions, register a challenger. Open this file in Jupyter (with jupytext,
# *Open as notebook*), in VS Code, or run it as it is:
#
#     TIERWISE_WORLD=journey .venv/bin/python experiments/retrain.py
#
# The world must have been ingested: `tierwise demo`, or `tierwise features ingest` with your own
# data.

# %%
import os
from pathlib import Path

import pandas as pd

from features.parquet import read_frame
from features.schema import CATALOGUE
from features.sources import open_sources
from tiering.scheme import load_scheme
from training import comparison, comparison_page, pipeline
from training.card.evidence import swarms
from training.card.plots import beeswarm
from training.evaluation.tables import metric_table
from training.fitting import fit_bundle
from training.recipe import load_recipe, parse_recipe, recipe_names
from training.recipe_text import flat, with_fields
from training.registry.registry import Registry, model_name
from training.report_page import as_markdown

HOME = Path(os.environ.get("TIERWISE_HOME", "var"))
WORLD = os.environ.get("TIERWISE_WORLD", "journey")
RECIPE = os.environ.get("TIERWISE_RECIPE", WORLD if WORLD in recipe_names() else "default")
try:
    from IPython.display import display as show
except ImportError:  # run as a script
    show = print
# Nothing is written to the registry before you say so.
REGISTER = os.environ.get("TIERWISE_REGISTER", "no") == "yes"


def frame(table: list[list[str]]) -> pd.DataFrame:
    """Return a table of text, header first, as a data frame."""
    return pd.DataFrame(table[1:], columns=table[0])


# %% [markdown]
# ## The data

# %%
sources = open_sources(HOME / WORLD / "sources")
info = sources.info
print(f"{WORLD}: {info.first_day} to {info.last_day}, {info.currency}, simulated: {info.simulated}")

# %% [markdown]
# ## The recipe, and the field you want to try
#
# Every number of a training run is in the recipe (docs/how-to-write-a-recipe.md). `with_fields`
# changes the text and keeps its comments. Give it an `id` of its own.

# %%
base = load_recipe(RECIPE)
changes = {"id": f"{base.id}-more-patient", "lightgbm.ltv.learning_rate": 0.02}
recipe = parse_recipe(with_fields(base.text, changes), origin="notebook")
scheme = load_scheme("default")
fields = flat(base.model_dump())
show(pd.DataFrame({"base": {name: fields[name] for name in changes}, "here": changes}))

# %% [markdown]
# ## Snapshots
#
# Indicators are computed as of each snapshot day, from what was known then. The last day is the
# one that is served; its outcomes lie in the future.

# %%
material = pipeline.prepare(sources, HOME / WORLD, recipe)
plan, data = material.plan, material.data
print(f"{len(plan.days)} snapshot days, {len(data):,} rows, {data.eligible.mean():.0%} eligible")
closed = data.on(plan.final.ltv.train_days)
by_day = pd.DataFrame(
    {
        "day": closed.as_of[closed.eligible],
        "churned": closed.churned[closed.eligible],
        "net value": closed.net_value[closed.eligible],
    }
)
show(by_day.groupby("day").agg(["size", "mean"]))

# %%
last = read_frame(HOME / WORLD / "published" / "indicators" / f"{plan.serve_day}.parquet")
indicators = pd.DataFrame(last.values, columns=list(last.columns), index=last.customer_id)
known = indicators.notna().mean().sort_values()
print(
    f"{(known == 0).sum()} of {len(known)} indicators are unknown for everybody (no source table)"
)
show(indicators.loc[:, known > 0.5].describe().T)

# %% [markdown]
# ## Backtest
#
# Rolling origins, everything fitted anew at each, beside the baselines. Changing the recipe until
# the backtest looks well flatters the backtest: `tierwise tune` holds the last origins out.

# %%
report = pipeline.backtest(material, recipe, scheme)
show(frame(metric_table(report, "churn")))
show(frame(metric_table(report, "ltv")))

# %% [markdown]
# ## Against the champion
#
# Ranked only if both were judged on the same data, origins, horizons and customers.

# %%
registry = Registry(f"sqlite:///{(HOME / 'mlflow.db').resolve()}", HOME / "mlartifacts")
champion = registry.champion(model_name(WORLD))
here = comparison.Run("here", report, flat(recipe.model_dump()))
if champion is None:
    print("There is no champion yet: the baselines above are what there is to beat.")
else:
    runs = [*comparison.of_versions(registry, model_name(WORLD), [champion.version]), here]
    print(as_markdown(comparison_page.report(comparison.compare(runs))))

# %% [markdown]
# ## What moves the predictions
#
# Exact Shapley values of the trees, and the baseline's own part, for the customers of the last
# day. They describe the model, not causes.

# %%
bundle = fit_bundle(data, plan.final, recipe, scheme, material.provenance)
serve = data.on(plan.serve_day)
found = swarms(bundle, serve.values[serve.eligible])
for target, swarm in found.items():
    weight = pd.Series(abs(swarm.phi).mean(axis=0), index=list(swarm.names), name=target)
    show(weight.sort_values(ascending=False).head(10))

# %%
labels = {name: indicator.label_en for name, indicator in CATALOGUE.items()}
swarm = found["ltv"]
figure = beeswarm(
    swarm.names, swarm.phi, swarm.values, labels, title="LTV", x="contribution to the log"
)
figure.write_html(HOME / WORLD / "ltv_bees.html")
print(f"{HOME / WORLD / 'ltv_bees.html'} (in a notebook, `figure` shows it here)")

# %% [markdown]
# ## Register a challenger
#
# The same road as `tierwise train`: backtest, fit, stress test, gates, model card, registry. It
# becomes the *challenger*; `tierwise promote` decides about the champion, and the gates with it.

# %%
if REGISTER:
    outcome = pipeline.train(sources, HOME / WORLD, recipe, scheme, registry)
    print(f"{outcome.version.model} version {outcome.version.version} is the challenger")
    for check in outcome.gates.failed:
        print(f"failed gate: {check.summary()}")
else:
    print("Not registered: set TIERWISE_REGISTER=yes, or REGISTER = True above.")
