"""The files one deploys by: every command, setting, address and path in them is real.

No container is built here: `make image image-check` does (docs/how-to-deploy.md). What they run is
what the other tests run; this holds the files to it.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import PushSettings, Settings
from tierwise.cli import app as tierwise
from training.registry.governance import MODE_VARIABLE
from training.registry.location import ARTIFACTS_VARIABLE, URL_VARIABLE

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
KUBERNETES = ROOT / "deploy" / "kubernetes"
UNITS = {path.name: path.read_text("utf-8") for path in (ROOT / "deploy" / "systemd").iterdir()}
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
OBJECTS = [
    each
    for path in sorted(KUBERNETES.glob("*.yaml"))
    for each in yaml.safe_load_all(path.read_text("utf-8"))
]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the pod of everything that runs on Kubernetes."""
    for each in OBJECTS:
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield each["metadata"]["name"], spec["template"]["spec"]


def commands() -> list[list[str]]:
    """Return every command line that starts our program."""
    found = [c["command"] for _, pod in pods() for c in pod["containers"] if "command" in c]
    for service in COMPOSE["services"].values():
        if "image" in service and service["image"].startswith("tierwise"):
            found.append([*service.get("entrypoint", []), *service.get("command", [])])
    found.append(re.findall(r'"([^"]*)"', DOCKERFILE.rsplit("\nCMD", 1)[1]))
    for unit in UNITS.values():
        for line in re.findall(r"^ExecStart=/opt/tierwise/bin/(.*)$", unit, flags=re.MULTILINE):
            found.append(shlex.split(line))
    return [command for command in found if command[:1] == ["tierwise"]]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_is_one_of_ours_with_options_it_knows(command: list[str]) -> None:
    group = typer.main.get_command(tierwise)
    rest, name = command[1:], "tierwise"
    with group.make_context(name, list(rest), resilient_parsing=False) as context:
        while hasattr(group, "resolve_command") and rest:
            name, found, rest = group.resolve_command(context, rest)
            assert found is not None, command
            group = found
        group.make_context(str(name), list(rest))


def variables() -> set[str]:
    """Return the names of all our environment variables in the files."""
    text = "".join(path.read_text("utf-8") for path in KUBERNETES.glob("*.yaml"))
    text += (ROOT / "deploy" / "compose.yaml").read_text("utf-8") + DOCKERFILE
    text += "".join(UNITS.values())
    return set(re.findall(r"\bTIERWISE_[A-Z_]+\b", text))


@pytest.mark.parametrize("variable", sorted(variables()))
def test_every_variable_is_a_setting(variable: str) -> None:
    settings = {f"TIERWISE_{name.upper()}" for name in Settings.model_fields}
    settings |= {f"TIERWISE_PUSH_{name.upper()}" for name in PushSettings.model_fields}
    assert variable in settings | {URL_VARIABLE, ARTIFACTS_VARIABLE, MODE_VARIABLE}


def test_settings_of_the_files_are_accepted_in_production(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (config,) = (o for o in OBJECTS if o["kind"] == "ConfigMap")
    for name, value in config["data"].items():
        monkeypatch.setenv(name, value)
    settings = Settings(host="0.0.0.0", home=tmp_path)
    settings.check()
    assert settings.guarded
    assert settings.secure
    assert settings.log_form == "json"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    built = create_app(Settings(home=tmp_path_factory.mktemp("deployed"), world="none"))
    yield built
    built.state.database.dispose()


def test_probes_ask_what_is_answered(app: FastAPI) -> None:
    asked = {
        probe["httpGet"]["path"]
        for name, pod in pods()
        for container in pod["containers"]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe")
        if (probe := container.get(kind)) and "httpGet" in probe and name != "mlflow"
    }
    assert asked == {"/healthz", "/readyz"}
    with TestClient(app) as client:
        assert {client.get(path).status_code for path in asked} <= {200, 503}
    assert "/healthz" in DOCKERFILE


@pytest.mark.parametrize(
    ("name", "pod"), list(pods()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_nothing_runs_as_root_or_with_more_than_it_needs(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert name == "postgres" or context["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"]["memory"]


def test_the_image_has_what_the_program_is_made_of() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, flags=re.MULTILINE))
    packages = {p.parent.name for p in ROOT.glob("*/__init__.py")}
    assert copied == packages - {"tests"}
    ignored = (ROOT / ".dockerignore").read_text("utf-8")
    assert all(f"!{package}\n" in ignored for package in copied)
    assert re.search(r"^USER 10001$", DOCKERFILE, flags=re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE


def test_the_image_is_what_the_program_needs_and_no_tool() -> None:
    last = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    # Packages change seldom and are large; the program changes with every release and is small.
    assert re.findall(r"^COPY .*$", last, flags=re.MULTILINE) == [
        "COPY --from=packages /app /app",
        "COPY --from=program /tierwise /app",
    ]
    assert "--without-pip /app" in DOCKERFILE
    locked = set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / "locks/runtime.txt").read_text("utf-8"), re.M)
    )
    assert "fastapi" in locked
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extra in ("dev", "demo", "spark", "experiments"):
        names = {
            re.split(r"[^a-z0-9-]", each)[0] for each in project["optional-dependencies"][extra]
        }
        assert not names & locked


def test_the_user_of_the_image_is_the_one_of_the_pods() -> None:
    uid = re.search(r"useradd --uid (\d+) --gid (\d+)", DOCKERFILE)
    assert uid is not None
    for name, pod in pods():
        context = pod["securityContext"]
        if name != "postgres":
            assert [str(context["runAsUser"]), str(context["runAsGroup"])] == list(uid.groups())


def test_what_the_service_compiles_outlives_its_container() -> None:
    found = re.search(r"NUMBA_CACHE_DIR=(\S+)", DOCKERFILE)
    assert found is not None
    folder = found[1]
    assert re.search(rf"install -d -o tierwise .*{folder}\b", DOCKERFILE)
    for name in ("service", "jobs"):
        assert f"cache:{folder}" in COMPOSE["services"][name]["volumes"]
    (pod,) = (pod for name, pod in pods() if name == "tierwise")
    (mount,) = (m for m in pod["containers"][0]["volumeMounts"] if m["mountPath"] == folder)
    assert not mount.get("readOnly")
    (volume,) = (v for v in pod["volumes"] if v["name"] == mount["name"])
    claims = [o["metadata"]["name"] for o in OBJECTS if o["kind"] == "PersistentVolumeClaim"]
    assert volume["persistentVolumeClaim"]["claimName"] in claims
    # Without it a start has to compile: it may take more than a minute.
    probe = pod["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 180


def test_every_file_is_in_the_kustomization() -> None:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert sorted([*listed, "kustomization.yaml"]) == sorted(
        path.name for path in KUBERNETES.glob("*.yaml")
    )


def test_the_registry_answers_to_the_name_it_is_called_by() -> None:
    """MLflow answers 403 to a name in the Host header that it was not told of."""
    (config,) = (o for o in OBJECTS if o["kind"] == "ConfigMap")
    (pod,) = (pod for name, pod in pods() if name == "mlflow")
    for registry, command in (
        (config["data"]["TIERWISE_REGISTRY"], pod["containers"][0]["command"]),
        (
            COMPOSE["services"]["service"]["environment"]["TIERWISE_REGISTRY"],
            COMPOSE["services"]["mlflow"]["command"],
        ),
    ):
        (allowed,) = (w.split("=", 1)[1] for w in command if w.startswith("--allowed-hosts="))
        assert urlsplit(registry).netloc in allowed.split(",")


def test_health_is_asked_of_those_who_answer() -> None:
    """The image's check asks port 8000, which only the service opens."""
    ours = {n: s for n, s in COMPOSE["services"].items() if s["image"].startswith("tierwise")}
    other = {name for name, service in ours.items() if "serve" not in service["command"]}
    assert other == {"mlflow", "deliver", "jobs"}
    assert all("healthcheck" in ours[name] for name in other)


def test_units_are_units(tmp_path: Path) -> None:
    """Checked by systemd itself where it is at hand, with a program that is there."""
    assert {"tierwise.service", "tierwise-batch.service", "tierwise-batch.timer"} <= set(UNITS)
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed")
    units = []
    for name, text in UNITS.items():
        if not name.endswith(".env"):
            units.append(tmp_path / name)
            units[-1].write_text(text.replace("/opt/tierwise/bin/tierwise", "/bin/true"), "utf-8")
    told = subprocess.run([verify, "verify", *units], capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stderr) == (0, "")


def test_the_environment_of_the_units_is_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for line in UNITS["tierwise.env"].splitlines():
        if line and not line.startswith("#"):
            monkeypatch.setenv(*line.split("=", 1))
    settings = Settings(home=tmp_path)
    settings.check()
    assert settings.guarded
    assert settings.secure
    assert settings.log_form == "json"


def test_the_service_stops_before_it_is_killed() -> None:
    (pod,) = (pod for name, pod in pods() if name == "tierwise")
    needed = Settings().drain_seconds + Settings().grace_seconds
    assert pod["terminationGracePeriodSeconds"] > needed
    assert int(COMPOSE["services"]["service"]["stop_grace_period"].rstrip("s")) > needed
    (stop,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNITS["tierwise.service"], flags=re.MULTILINE)
    assert int(stop) > needed


def test_no_secret_is_in_the_files() -> None:
    for name in ("POSTGRES_PASSWORD", "TIERWISE_PUSH_KEY", "TIERWISE_DATABASE_URL"):
        for path in (ROOT / "deploy").rglob("*.yaml"):
            for value in re.findall(rf"{name}: (\S+)", path.read_text("utf-8")):
                assert value.startswith(("${", "postgresql+psycopg://tierwise:${")), (path, value)
