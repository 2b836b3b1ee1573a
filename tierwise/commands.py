"""The commands of ``tierwise``: where each one lives, and what its help says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command lives: module with a Typer ``app``, one line of help, one example.

    ``whole`` mounts the app itself as a group; otherwise the app's command of the same
    name is taken.
    """

    module: str
    help: str
    example: str
    whole: bool = False


PANELS: dict[str, dict[str, Entry]] = {
    "Begin": {
        "demo": Entry(
            "tierwise.demo",
            "The whole road on a real order log, then serve it.",
            "demo --world cdnow --no-serve",
        ),
        "features": Entry(
            "features.cli",
            "Ingest sources, check them, publish indicators.",
            "features ingest --world journey --out var/journey/sources",
            whole=True,
        ),
    },
    "Policy": {
        "recipe": Entry(
            "tierwise.recipes",
            "Print a training recipe, to copy and change.",
            "recipe > mine.toml",
        ),
        "scheme": Entry(
            "training.commands.scheme",
            "List, show, check, diff, dry-run schemes; fit cuts to capacity.",
            "scheme check mine.toml",
            whole=True,
        ),
        "weights": Entry(
            "tierwise.weights.cli",
            "Weights from a panel and from data: ask, blend, sign.",
            "weights delphi answers.csv --out panel.json",
            whole=True,
        ),
    },
    "Models": {
        "train": Entry(
            "training.cli",
            "Train, backtest, stress-test and register a challenger.",
            "train journey",
        ),
        "backtest": Entry(
            "training.cli",
            "Rolling-origin backtest beside the baselines.",
            "backtest journey --out report.json",
        ),
        "stress": Entry(
            "training.cli",
            "Stress scenarios on the champion's tiers.",
            "stress journey --scenario orders_times_10",
        ),
        "certificate": Entry(
            "training.cli",
            "Did automatic grades keep their promise? Exit 1 if not.",
            "certificate journey",
        ),
        "tune": Entry(
            "training.workbench",
            "Search recipe fields by backtest, within a budget.",
            "tune journey --minutes 20 --out tuned.toml",
        ),
        "compare": Entry(
            "training.workbench",
            "Runs side by side: figures, recipes, lineage.",
            "compare journey --versions 3,4",
        ),
    },
    "Release": {
        "approve": Entry(
            "training.cli",
            "Stand for a version: production mode needs two who do.",
            'approve journey --version 4 --by ann --reason "card read"',
        ),
        "promote": Entry(
            "training.cli",
            "Make a version champion if it passes its gates.",
            "promote journey",
        ),
        "rollback": Entry(
            "training.cli",
            "Give the alias back to the previous champion.",
            "rollback journey --reason complaints",
        ),
        "versions": Entry(
            "training.cli",
            "Registered versions with aliases and key figures.",
            "versions journey --at 2026-11-01T12:00",
        ),
        "gates": Entry(
            "training.cli",
            "What was checked when a version was decided on, and by whom.",
            "gates journey --version 4",
        ),
        "shadow": Entry(
            "tierwise.shadow",
            "Let a model grade beside the champion, and compare.",
            "shadow start journey",
            whole=True,
        ),
        "canary": Entry(
            "tierwise.canary",
            "Let a model grade a share of the customers, and compare.",
            "canary start journey --share 5",
            whole=True,
        ),
    },
    "Grades": {
        "batch": Entry(
            "serving.cli",
            "Grade all customers of a published snapshot.",
            "batch journey",
        ),
        "grade": Entry(
            "serving.cli",
            "Grade a snapshot into Parquet, here or on Spark.",
            "grade --published published --bundle bundle --out grades.parquet",
        ),
        "kpi": Entry(
            "training.cli",
            "Targets against what published snapshots show.",
            "kpi journey --out board.json",
        ),
        "attribution": Entry(
            "training.cli",
            "What tier service adds, told apart from the market.",
            "attribution journey --out attribution",
        ),
    },
    "Service": {
        "serve": Entry("serving.cli", "Serve the API and the pages.", "serve journey --port 8000"),
        "migrate": Entry(
            "serving.migrate_cli",
            "Bring the store's schema up to date, as its owner.",
            "migrate journey",
        ),
        "access": Entry(
            "serving.access_cli",
            "Keys of machines, accounts of people.",
            "access key create crm-sync --role crm",
            whole=True,
        ),
        "deliver": Entry(
            "serving.push_cli",
            "Deliver what happened to webhooks.",
            "deliver journey",
        ),
        "webhooks": Entry(
            "serving.push_cli",
            "List webhooks; send again what did not arrive.",
            "webhooks list journey",
        ),
        "openapi": Entry(
            "serving.openapi_cli",
            "Write the API's OpenAPI file.",
            "openapi --out openapi.json",
        ),
    },
    "Evidence": {
        "export": Entry(
            "serving.export_cli",
            "Open a locked export; trace leaked rows to theirs.",
            "export trace leaked.csv",
            whole=True,
        ),
        "backup": Entry(
            "serving.backup_cli",
            "Take, check and set up backups, on either engine.",
            "backup create journey --into backups",
            whole=True,
        ),
        "audit": Entry(
            "serving.audit_cli",
            "Verify the audit trail, prove events, replay grades.",
            "audit verify journey",
            whole=True,
        ),
    },
}
"""Every command, in the order of the road through the house, under the heading of its help."""

COMMANDS = {name: entry for panel in PANELS.values() for name, entry in panel.items()}
