"""The page that lists every route, made from the OpenAPI document. It needs no script and no network."""

from html import escape
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()

_STYLE: Final = """
:root { color-scheme: light dark; --line: light-dark(#e4e1da, #33312d); --soft: light-dark(#625e56, #aaa59b); }
body { max-width: 46rem; margin: 3rem auto; padding: 0 1.25rem; line-height: 1.5; font-family: system-ui, sans-serif;
       color: light-dark(#1d1b18, #f1eee8); background: light-dark(#faf9f6, #161513); }
h2 { margin-top: 2.5rem; font-size: 1rem; }
code, pre { font: 0.875rem ui-monospace, monospace; }
pre { overflow-x: auto; padding: 1rem; border: 1px solid var(--line); border-radius: 8px; }
dl { margin: 0; border-top: 1px solid var(--line); }
dt { margin-top: 0.75rem; overflow-wrap: anywhere; }
dd { margin: 0 0 0.75rem; color: var(--soft); }
dd + dt { border-top: 1px solid var(--line); padding-top: 0.75rem; }
"""
_RULES: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_EXAMPLE: Final = """curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -d '{{"workflow": "text-to-image", "values": {{"prompt": "a red circle on white"}}}}' \\
  {base}api/jobs"""


@router.get("/api", include_in_schema=False, response_class=HTMLResponse)
def page(request: Request) -> HTMLResponse:
    """Every route with its description and query parameters."""
    document, url = request.app.openapi(), request.url
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            groups.setdefault(next(iter(route.get("tags", ())), "Studio"), []).append(_route(method, path, route))
    listed = "".join(f"<h2>{escape(group)}</h2><dl>{''.join(routes)}</dl>" for group, routes in groups.items())
    html = (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>HTTP API</title><style>{_STYLE}</style><main><h1>HTTP API</h1>"
        f"<p>Send the token that <code>studio app</code> printed as <code>Authorization: Bearer …</code>. "
        f"Full description: <a href=api/openapi.json>openapi.json</a>.</p>"
        f"<pre tabindex=0>{escape(_EXAMPLE.format(base=f'{url.scheme}://{url.netloc}/'))}</pre>{listed}</main></html>"
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _RULES})


def _route(method: str, path: str, route: dict[str, Any]) -> str:
    query = ", ".join(f"{each['name']} ({each['in']})" for each in route.get("parameters", ()) if each["in"] == "query")
    text = f"{route.get('description', '')} {'Query: ' + query + '.' if query else ''}"
    return f"<dt><code>{method.upper()} {escape(path)}</code></dt><dd>{escape(text)}</dd>"
