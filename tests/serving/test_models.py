"""The bundle that serves, and how it is swapped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving.errors import NotReadyError
from serving.models import ModelHolder
from training.bundle import Bundle
from training.errors import BundleError


def test_nothing_serves_before_the_first_bundle(tmp_path: Path) -> None:
    holder = ModelHolder(tmp_path / "none")
    with pytest.raises(NotReadyError):
        _ = holder.bundle
    with pytest.raises(NotReadyError, match="no model bundle"):
        holder.refresh()


def test_a_bundle_is_swapped_only_when_it_changed(tmp_path: Path, bundle: Bundle) -> None:
    folder = tmp_path / "bundle"
    bundle.save(folder)
    holder = ModelHolder(folder)
    assert holder.refresh()
    first = holder.bundle
    assert not holder.refresh()
    assert holder.bundle is first
    scheme = bundle.scheme.model_copy(update={"version": "2.0.0"})
    changed = Bundle(
        bundle.columns,
        bundle.churn,
        bundle.ltv,
        bundle.reference,
        scheme,
        bundle.recipe,
        bundle.meta,
    )
    shutil.rmtree(folder)
    changed.save(folder)
    assert holder.refresh()
    assert holder.bundle.scheme.version == "2.0.0"


def test_a_damaged_bundle_leaves_the_old_one_serving(tmp_path: Path, bundle: Bundle) -> None:
    folder = tmp_path / "bundle"
    bundle.save(folder)
    holder = ModelHolder(folder)
    holder.refresh()
    serving = holder.bundle
    (folder / "churn.odds.lgb.txt").write_text("half")
    with pytest.raises(BundleError):
        holder.refresh()
    assert holder.bundle is serving
