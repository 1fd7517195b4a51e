"""A page that is whole in one file: its content security policy forbids every request, whatever it shows.

Only the page's own style and script run; they are named by their digests.
"""

import base64
import hashlib

from emobridge.visualization.markup import Markup, element, joined, trusted


def document(title: str, style: str, *body: str, script: str = "", class_: str | None = None) -> str:
    """Return a page as text, from ``<!DOCTYPE html>`` on.

    Args:
        title: of the window.
        style, script: from this package, kept as they are.
        body: texts, which are escaped, and markup, which is not.
        class_: of the root element.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        trusted("style", style),
    )
    ending = trusted("script", script) if script else Markup("")
    root = element("html", head, element("body", joined(*body), ending), lang="en", class_=class_)
    return "<!DOCTYPE html>\n" + root + "\n"


def _policy(style: str, script: str) -> str:
    allowed = {"style-src": style} | ({"script-src": script} if script else {})
    digests = {
        name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for name, text in allowed.items()
    }
    directives = [f"{name} 'sha256-{digest}'" for name, digest in digests.items()]
    media = ["media-src data: blob:"] if script else []
    return "; ".join(["default-src 'none'", *directives, *media, "base-uri 'none'", "form-action 'none'"])
