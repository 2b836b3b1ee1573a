"""Start the container image as it is deployed and hold it to what the documents promise.

``make image-check`` runs it (docs/how-to-deploy.md). It needs docker or podman and the standard
library alone; requests are made inside the container, so no network is needed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

# What production asks for; the key is nobody's.
PRODUCTION = {
    "TIERWISE_ENVIRONMENT": "production",
    "TIERWISE_WORLD": "journey",
    "TIERWISE_PUBLIC_URL": "https://tierwise.example.com",
    "TIERWISE_TRUSTED_PROXIES": "10.0.0.0/8",
    "TIERWISE_PUSH_KEY": "no-secret-" * 4,
}
# As Kubernetes and compose run it.
CLOSED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
# Runs in the container: waits for an answer, then tells what it sees.
PROBE = """
import json, os, sys, time, urllib.error, urllib.request
path, patience = sys.argv[1], float(sys.argv[2])
ticks, until = os.sysconf("SC_CLK_TCK"), time.monotonic() + patience
status = None
while status != 200 and time.monotonic() < until:
    try:
        status = urllib.request.urlopen("http://127.0.0.1:8000" + path, timeout=60).status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError:
        pass
    time.sleep(0.02)
uptime = float(open("/proc/uptime").read().split()[0])
process = open("/proc/1/stat").read().rsplit(")", 1)[1].split()
memory = [line for line in open("/proc/1/status") if line.startswith("VmRSS")]
def writable(folder):
    try:
        open(folder + "/.probe", "w").close()
        os.remove(folder + "/.probe")
    except OSError:
        return False
    return True
print(json.dumps({
    "status": status,
    "ready_s": round(uptime - int(process[19]) / ticks, 2),
    "processor_s": (int(process[11]) + int(process[12])) / ticks,
    "memory_mb": int(memory[0].split()[1]) // 1024,
    "user": os.getuid(),
    "group": os.getgid(),
    "writable": [f for f in ("/", "/app", "/data", "/cache", "/tmp") if writable(f)],
}))
"""


def main() -> int:
    """Start the image twice, the second time with what the first compiled, and judge both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("image")
    parser.add_argument("--engine", default="docker", help="docker or podman")
    parser.add_argument("--world", type=Path, help="folder of a graded world, copied first")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="processor time until ready, second start"
    )
    parser.add_argument("--megabytes", type=int, default=250, help="memory then")
    arguments = parser.parse_args()
    engine, name = arguments.engine, f"tierwise-check-{int(time.time())}"
    volumes = [f"{name}-data:/data", f"{name}-cache:/cache"]
    mounts = [f"--volume={volume}" for volume in volumes]
    faults: list[str] = []
    try:
        if arguments.world:
            _fill(engine, arguments.image, mounts, arguments.world)
        for start in ("first", "second"):
            seen, stopped = _once(engine, arguments.image, name, mounts, bool(arguments.world))
            _say(f"{start} start: {json.dumps(seen)}, stopped with {json.dumps(stopped)}")
            faults += [f"{start} start: {fault}" for fault in _judge(seen, stopped)]
        if arguments.world and seen["processor_s"] > arguments.seconds:
            faults.append(
                f"{seen['processor_s']} s of a processor until ready, not {arguments.seconds}"
            )
        if arguments.world and seen["memory_mb"] > arguments.megabytes:
            faults.append(f"{seen['memory_mb']} MB, not {arguments.megabytes}")
    finally:
        _engine(engine, "rm", "--force", name, check=False)
        _engine(engine, "volume", "rm", *(v.partition(":")[0] for v in volumes), check=False)
    for fault in faults:
        _say(f"FAULT {fault}")
    return 1 if faults else 0


def _once(
    engine: str, image: str, name: str, mounts: list[str], graded: bool
) -> tuple[dict[str, object], dict[str, object]]:
    settings = [f"--env={key}={value}" for key, value in PRODUCTION.items()]
    _engine(engine, "run", "--detach", f"--name={name}", *CLOSED, *settings, *mounts, image)
    path = "/readyz" if graded else "/healthz"
    seen = json.loads(_engine(engine, "exec", name, "python", "-c", PROBE, path, "180"))
    asked = _engine(engine, "inspect", "--format={{json .Config.Healthcheck.Test}}", name)
    seen["healthcheck"] = _answers(engine, name, json.loads(asked)[1:])
    began = time.monotonic()
    _engine(engine, "stop", "-t", "40", name)
    code = _engine(engine, "inspect", "--format={{.State.ExitCode}}", name).strip()
    stopped = {"status": int(code), "seconds": round(time.monotonic() - began, 1)}
    _engine(engine, "rm", name)
    return seen, stopped


def _judge(seen: dict[str, object], stopped: dict[str, object]) -> list[str]:
    wanted = {
        "status": 200,
        "user": 10001,
        "group": 10001,
        "writable": ["/data", "/cache", "/tmp"],
        "healthcheck": True,
    }
    faults = [
        f"{key} is {seen[key]}, not {want}" for key, want in wanted.items() if seen[key] != want
    ]
    return faults + ([] if stopped["status"] == 0 else [f"SIGTERM ends with {stopped['status']}"])


def _fill(engine: str, image: str, mounts: list[str], world: Path) -> None:
    """Copy a world into the volume, and bring its store up to this version's schema."""
    copy = ["--user=0", *mounts, f"--volume={world.resolve()}:/from:ro", image]
    script = "cp -a /from /data/journey && chown -R 10001:10001 /data"
    _engine(engine, "run", "--rm", *copy, "sh", "-c", script)
    _engine(engine, "run", "--rm", *CLOSED, *mounts, image, "tierwise", "access", "user", "list")


def _answers(engine: str, name: str, command: list[str]) -> bool:
    return not subprocess.run([engine, "exec", name, *command], capture_output=True).returncode


def _engine(engine: str, *arguments: str, check: bool = True) -> str:
    done = subprocess.run([engine, *arguments], capture_output=True, text=True)
    if check and done.returncode:
        raise SystemExit(f"{engine} {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
