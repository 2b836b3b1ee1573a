"""The peers: each in an environment of its own, serving the same booster one row a request."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.serving.bench_load import Asked
from tests.benchmarks.serving.bench_servers import CALM, Cell, Right, Server, close
from tests.benchmarks.serving.bench_worlds import World, as_json, body

PEERS = Path(__file__).with_name("peers")


def peers(world: World, kept: Path) -> tuple[list[Server], dict[str, str]]:
    """Return the peers that can be had, and why the others cannot."""
    found, missing = [], {}
    for name, make in _PEERS.items():
        try:
            found.append(make(world, _environment(name, kept)))
        except subprocess.CalledProcessError as error:
            told = (error.stderr or "").strip().split("\n")[-1]
            missing[name] = f"could not be installed or made: {told[:200]}"
    return found, missing


def _environment(name: str, kept: Path) -> Path:
    """Return the folder of a peer's programs, installed anew when its requirements changed."""
    listed = PEERS / f"{name}.txt"
    folder = kept / "venvs" / name
    mark, digest = folder / "made-from", hashlib.sha256(listed.read_bytes()).hexdigest()
    if not mark.is_file() or mark.read_text("utf-8") != digest:
        shutil.rmtree(folder, ignore_errors=True)
        calls = [
            [sys.executable, "-m", "venv", str(folder)],
            [
                *(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"),
                *("--require-hashes", "-r", str(listed)),
            ],
        ]
        if (uv := Path(sys.executable).with_name("uv")).exists():
            calls = [
                [str(uv), "venv", "--quiet", "--python", sys.executable, str(folder)],
                [
                    *(str(uv), "pip", "install", "--quiet", "--compile-bytecode"),
                    *("--python", str(folder / "bin" / "python")),
                    *("--require-hashes", "-r", str(listed)),
                ],
            ]
        for call in calls:
            subprocess.run(call, check=True, capture_output=True, text=True, timeout=900)
        mark.write_text(digest, "utf-8")
    return folder / "bin"


def _bare(world: World, programs: Path) -> Server:
    plain = [as_json(body(row[None])) for row in world.rows]
    return Server(
        "bare FastAPI",
        [str(programs / "uvicorn"), "bare_app:app", "--port", "{port}", "--no-access-log"],
        PEERS,
        [
            Cell("predict", [Asked("POST", "/predict", each) for each in plain], _first(world)),
            Cell(
                "pred_contrib",
                [Asked("POST", "/contrib", each) for each in plain],
                lambda number, answer: close(
                    1.0 / (1.0 + math.exp(-math.fsum(answer[0]))), world.expected[number]
                ),
            ),
        ],
        {"BENCH_MODEL": str(world.folder / "model.txt")},
    )


def _mlflow(world: World, programs: Path) -> Server:
    saved = world.folder / "mlflow-model"
    shutil.rmtree(saved, ignore_errors=True)
    subprocess.run(
        [str(programs / "python"), str(PEERS / "log_mlflow.py")]
        + [str(world.folder / each) for each in ("model.txt", "rows.npy", "mlflow-model")],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | CALM,
        timeout=300,
    )
    names = _names(world)
    asked = [
        Asked(
            "POST",
            "/invocations",
            as_json({"dataframe_split": {"columns": names, "data": [row.tolist()]}}),
        )
        for row in world.rows
    ]
    return Server(
        "mlflow models serve",
        [
            *(str(programs / "mlflow"), "models", "serve", "-m", str(saved), "-p", "{port}"),
            *("--env-manager", "local", "--workers", "1", "--host", "127.0.0.1"),
        ],
        world.folder,
        [
            Cell(
                "predict, with signature",
                asked,
                lambda number, answer: close(answer["predictions"][0], world.expected[number]),
            )
        ],
        {"PATH": f"{programs}:{os.environ['PATH']}"},
    )


def _bentoml(world: World, programs: Path) -> Server:
    plain = [as_json(body(row[None])) for row in world.rows]
    return Server(
        "BentoML",
        [
            *(str(programs / "bentoml"), "serve", "bentoml_app:Scorer"),
            *("--host", "127.0.0.1", "--port", "{port}"),
        ],
        PEERS,
        [Cell("predict", [Asked("POST", "/predict", each) for each in plain], _first(world))],
        {
            "BENCH_MODEL": str(world.folder / "model.txt"),
            "BENTOML_HOME": str(world.folder / "bentoml"),
            "PATH": f"{programs}:{os.environ['PATH']}",
        },
    )


def _mlserver(world: World, programs: Path) -> Server:
    folder = world.folder / "mlserver"
    folder.mkdir(exist_ok=True)
    model = {
        "name": "churn",
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": str(world.folder / "model.txt")},
    }
    (folder / "model-settings.json").write_text(json.dumps(model), "utf-8")

    def settle(port: int) -> None:
        # No parallel workers: in the process is its fastest with one worker.
        settings = {
            "host": "127.0.0.1",
            "http_port": port,
            "grpc_port": port + 1 if port < 65_000 else port - 1,
            "metrics_endpoint": None,
            "parallel_workers": 0,
            "debug": False,
        }
        (folder / "settings.json").write_text(json.dumps(settings), "utf-8")

    asked = []
    for row in world.rows:
        tensor = {"name": "x", "shape": [1, len(row)], "datatype": "FP64", "data": row.tolist()}
        asked.append(Asked("POST", "/v2/models/churn/infer", as_json({"inputs": [tensor]})))
    return Server(
        "MLServer",
        [str(programs / "mlserver"), "start", str(folder)],
        folder,
        [
            Cell(
                "predict, lightgbm runtime",
                asked,
                lambda number, answer: close(
                    answer["outputs"][0]["data"][0], world.expected[number]
                ),
            )
        ],
        {"PATH": f"{programs}:{os.environ['PATH']}"},
        settle,
    )


_PEERS: dict[str, Callable[[World, Path], Server]] = {
    "mlflow": _mlflow,
    "bentoml": _bentoml,
    "mlserver": _mlserver,
    "bare": _bare,
}


def _names(world: World) -> list[str]:
    for line in (world.folder / "model.txt").read_text("utf-8").split("\n"):
        if line.startswith("feature_names="):
            return line.partition("=")[2].split()
    raise ValueError("a model text without names")


def _first(world: World) -> Right:
    return lambda number, answer: close(answer[0], world.expected[number])
