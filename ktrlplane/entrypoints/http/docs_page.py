"""The API document as a page: Swagger UI, with all that it needs in the page itself."""

import hashlib
from base64 import b64encode
from functools import cache
from importlib import resources
from typing import Final

from attrs import frozen

_START: Final = """
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  // Left out, browsers would fetch a badge from elsewhere and tell it where this is.
  validatorUrl: null,
});
"""
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>KtrlPlane API</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<div id="swagger-ui"></div>
<script>{bundle}</script>
<script>{start}</script>
</body>
</html>
"""
_POLICY: Final = (
    "default-src 'none'",
    "connect-src 'self'",
    "img-src 'self' data:",
    # Swagger UI sets the style of single elements.
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)


@frozen
class DocsPage:
    """``policy`` lets the scripts of ``content`` run, and nothing be fetched from elsewhere."""

    content: bytes
    policy: str


@cache
def docs_page() -> DocsPage:
    bundle, style = _swagger("swagger_bundle.js"), _swagger("swagger_style.css")
    allowed = " ".join(map(_digest, (bundle, _START)))
    content = _PAGE.format(style=style, bundle=bundle, start=_START).encode()
    return DocsPage(content, "; ".join((*_POLICY, f"script-src {allowed}")))


def _swagger(name: str) -> str:
    return (resources.files("offapi") / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
