"""From a view model to a response: templates, language, headers, messages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from serving.deps import service
from serving.domain.access import Permission, Principal
from serving.domain.grade import Run
from serving.web.assets import PLOTLY, assets, inline_style_ids
from serving.web.formats import Writer
from serving.web.i18n import COOKIE, match, negotiate
from serving.web.security import content_security_policy
from serving.web.shell import Link, Shell, shell

_NEEDS = {"/": Permission.GRADES_READ, "/reviews": Permission.REVIEWS_READ}
_YEAR_SECONDS = 365 * 24 * 3600

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_templates.globals["static"] = lambda name: assets()[name].address


class Page(Protocol):
    """A view model that a template can print."""

    @property
    def shell(self) -> Shell:
        """What stands around the content."""


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A page that only says something."""

    shell: Shell
    heading: str
    text: str
    link: Link | None


def writer_for(request: Request, currency: str = "") -> Writer:
    """Return the writer for the language that a request wants."""
    language = negotiate(
        request.query_params.get("lang"),
        request.cookies.get(COOKIE),
        request.headers.get("accept-language"),
    )
    return Writer(language, currency)


def respond(
    request: Request, writer: Writer, template: str, page: Page, status: int = 200
) -> HTMLResponse:
    """Print a view model; a language chosen in the address is remembered in a cookie."""
    text = _templates.get_template(template).render(
        page=page,
        t=writer.words,
        visitor=request.scope.get("state", {}).get("identity"),
        navigation=_navigation(request, page),
        plotly_address=assets()[PLOTLY].address,
        inline_style_ids=inline_style_ids(),
    )
    response = HTMLResponse(
        text,
        status_code=status,
        headers={
            "Content-Language": writer.language.value,
            "Content-Security-Policy": content_security_policy(),
            "Vary": "Accept-Language, Cookie",
        },
    )
    if match(request.query_params.get("lang")):
        response.set_cookie(
            COOKIE,
            writer.language.value,
            max_age=_YEAR_SECONDS,
            httponly=True,
            samesite="lax",
            secure=service(request).settings.secure or request.url.scheme == "https",
        )
    return response


def _navigation(request: Request, page: Page) -> list[Link]:
    """Return the links to pages that the reader may see."""
    who: Principal | None = request.scope.get("state", {}).get("principal")
    return [
        link for link in page.shell.navigation if who is not None and who.may(_NEEDS[link.address])
    ]


def message(
    request: Request,
    heading: str,
    text: str,
    *,
    status: int,
    writer: Writer,
    link: Link | None = None,
    here: str = "/",
    run: Run | None = None,
) -> HTMLResponse:
    """Answer with a page that only says something."""
    page = MessagePage(
        shell=shell(writer, heading, here=here, run=run), heading=heading, text=text, link=link
    )
    return respond(request, writer, "message.html", page, status)


def error_page(request: Request, status: int) -> HTMLResponse:
    """Answer an error on an address that is no page of ours, in the reader's language."""
    writer = writer_for(request)
    kind = "not_found_" if status == 404 else ""
    return message(
        request,
        writer.words(f"error.{kind}title"),
        writer.words(f"error.{kind}text", status=status),
        status=status,
        writer=writer,
        link=Link(writer.words("error.home"), "/"),
    )


def wants_page(request: Request) -> bool:
    """Tell whether a person in a browser asks, not a program that wants problem+json."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(
        "/v1"
    )
