"""What the documentation names is there: commands, options, links, files, addresses, variables.

Each fact is read out of the pages and held against the thing itself: a command line against the
parser that would take it, a link against the file and its headings, an address against the routes.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from fastapi.routing import iter_route_contexts

from features.schema import CATALOGUE
from serving.app import create_app
from serving.domain.access import Role
from serving.governance.policy import packaged_governance
from serving.settings import PushSettings, Settings
from tiering.panel.policy_file import packaged_panel
from tiering.scheme import load_scheme, scheme_names
from tierwise import cli

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (".", "docs", "docs/*", "docs/examples/*", "experiments", "experiments/*")
PAGES = {
    page.relative_to(ROOT).as_posix(): page.read_text("utf-8")
    for folder in FOLDERS
    for page in sorted(ROOT.glob(f"{folder}/*.md"))
    if page.name != "CHANGELOG.md"  # it tells what was, not what is
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROSE = {name: FENCE.sub("", text) for name, text in PAGES.items()}
COMMAND = re.compile(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?tierwise\s+([^>]+)")


def _spans() -> Iterator[tuple[str, str]]:
    for name, prose in PROSE.items():
        for span in re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", prose):
            yield name, span


def _typed() -> Iterator[tuple[str, list[str]]]:
    """Yield the words of every command that a page gives to type in."""
    for name, text in PAGES.items():
        for language, block in FENCE.findall(text):
            if language in {"", "sh", "bash", "console"}:
                for line in block.replace("\\\n", " ").splitlines():
                    for part in re.split(r"&&|\|", re.split(r"(?:^|\s)#", line)[0]):
                        if found := COMMAND.match(part):
                            yield name, shlex.split(found[1])


@cache
def _loaded(name: str) -> Any:
    return cli.load(name)


def _command(words: list[str]) -> tuple[Any, list[str]]:
    """Return the innermost command that the words name, and the words behind it."""
    assert words[0] in cli.COMMANDS, words
    command, words = _loaded(words[0]), words[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def _refused(words: list[str]) -> str:
    command, left = _command(words)
    if hasattr(command, "commands"):
        return "no such command"
    try:
        taken, unused, _ = command.make_parser(typer.Context(command)).parse_args(list(left))
    except Exception as error:  # typer keeps its classes to itself
        return str(error)
    lacking = [p.name for p in command.params if p.required and taken.get(p.name) is None]
    twice = [
        p.name
        for p in command.params
        if sum(left.count(option) for option in p.opts) > 1 and not p.multiple
    ]
    if twice:
        return f"only the last counts of {twice}"
    return f"unused {unused}" if unused else f"lacks {lacking}" if lacking else ""


def test_the_parser_takes_the_commands_of_the_pages() -> None:
    commands = list(_typed())
    assert len(commands) > 100
    refused = {(name, *words): _refused(words) for name, words in commands}
    assert {line: why for line, why in refused.items() if why} == {}


def test_weights_are_applied_under_a_version_that_is_not_the_schemes_own() -> None:
    """That is refused; the example has to move on with the scheme."""
    applied = [words for _, words in _typed() if words[:2] == ["weights", "apply"]]
    assert applied
    for words in applied:
        assert words[words.index("--version") + 1] != load_scheme().version


def test_a_command_in_a_sentence_is_there_with_its_options() -> None:
    for name, span in _spans():
        if not (found := COMMAND.fullmatch(span)) or found[1].startswith("-"):
            continue
        command, left = _command(found[1].split())
        if hasattr(command, "commands"):  # "weights delphi, blend": several of a group, or none
            several = re.split(r"[,|\s]+", " ".join(left))
            assert {one for one in several if one.isalpha()} <= set(command.commands), (name, span)
            continue
        known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        assert {word for word in left if word.startswith("-")} <= known, (name, span)


def test_counts_of_indicators_and_schemes_are_those_there_are() -> None:
    kinds = {
        r"(\d+) (?:indicators|个指标)": len(CATALOGUE),
        r"\[(\d+) schemes\]": len(scheme_names()),
        r"\[(\d+) 套方案": len(scheme_names()),
    }
    for name in ("README.md", "README.zh-CN.md"):
        for kind, count in kinds.items():
            assert {int(one) for one in re.findall(kind, PAGES[name])} <= {count}, (name, kind)
        assert f"{len(CATALOGUE)} " in PAGES[name]


def test_links_lead_somewhere() -> None:
    broken = []
    for name, prose in PROSE.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", prose):
            path, _, anchor = link.partition("#")
            to = ((ROOT / name).parent / path) if path else ROOT / name
            if not link.startswith("http") and not (to.exists() and _has(to, anchor)):
                broken.append((name, link))
    assert broken == []


def _has(page: Path, anchor: str) -> bool:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE) if anchor else []
    return not anchor or anchor in {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings
    }


def test_files_in_sentences_are_there() -> None:
    folders = (
        r"(?:features|tiering|training|serving|tierwise\w*|tests|deploy|docs|experiments/\d\S+)"
    )
    gone = [
        (name, span)
        for name, span in _spans()
        if re.fullmatch(rf"{folders}/[\w./*-]+", span) and not list(ROOT.glob(span.rstrip("/")))
    ]
    assert gone == []


def test_addresses_are_answered_by_the_service(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, database_url=None, environment="test"))
    app.state.database.dispose()
    paths = {context.path for context in iter_route_contexts(app.routes) if context.path}
    known = [re.sub(r"\\{\w+(?::\w+)?\\}", r"[^/]+", re.escape(path)) for path in paths]
    said = {
        (name, address.rstrip(".:"))
        for name, text in PAGES.items()
        for address in re.findall(r"(?:localhost|127\.0\.0\.1):8000(/[\w/:.-]*)", text)
        + re.findall(r"(?<![\w.>-])(/(?:v1/[\w/{}:.-]+|healthz|readyz|metrics))", text)
    }
    assert len(said) > 60
    answered = {
        one
        for one in said
        if any(re.fullmatch(path, one[1]) for path in known)
        or any(path.startswith(f"{one[1]}/") for path in paths)  # "below /v1/access"
    }
    assert said - answered == set()


def test_snippets_of_python_import_what_is_there() -> None:
    imports = [
        (name, node)
        for name, text in PAGES.items()
        for language, block in FENCE.findall(text)
        if language == "python"
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and node.module
    ]
    assert imports
    for name, node in imports:
        module = import_module(str(node.module))
        assert [each.name for each in node.names if not hasattr(module, each.name)] == [], name


def test_variables_are_read_somewhere() -> None:
    settings = [f"TIERWISE_{name}".upper() for name in Settings.model_fields]
    settings += [f"TIERWISE_PUSH_{name}".upper() for name in PushSettings.model_fields]
    folders = ("features", "training", "serving", "tierwise", "tierwise_client", "tests", "docs")
    read = "\n".join(
        path.read_text("utf-8")
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    )
    said = {one for text in PAGES.values() for one in re.findall(r"\bTIERWISE_\w+[A-Z]\b", text)}
    unread = {one for one in said if one not in settings and not re.search(rf"\b{one}\b", read)}
    assert unread == set()


def test_what_is_installed_comes_from_the_checkout() -> None:
    """There is no package of that name to fetch; somebody else might put one there."""
    installs = [
        (name, line)
        for name, text in PAGES.items()
        for line in re.findall(r"pip install [^`\n]*", text)
        if "experiments/" not in name
    ]
    assert installs
    assert [each for each in installs if re.search(r"\btierwise\b(?!/bin)", each[1])] == []


def test_reasons_and_seats_of_the_review_page_are_those_of_the_policy() -> None:
    panel = packaged_panel()
    page = PAGES["docs/how-to-review-grades.md"]
    said = set(re.findall(r"`(\w+)`", page[page.index("`reason` is one of") :].split("\n\n")[0]))
    wanted = {each.id for each in panel.reasons} | {each.id for each in panel.seats}
    assert said - {"reason", "seat", "confidence"} == wanted


def test_the_roles_of_the_access_page_are_those_there_are() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| .* \| (\w+) \|$", PAGES["docs/how-to-control-access.md"], re.M
    )
    policy = packaged_governance()
    assert {role for role, _ in rows} == {role.value for role in Role}
    assert dict(rows) == {role.value: policy.clearance[role] for role in Role}
