"""The pages: index.html at their real paths, and the built files that it loads.

Everything is read from `ui/dist`, which `make ui` builds; it needs no login, for it holds nothing of anybody. The page
finds its API by its `<base>`, which is set here: so it works under any prefix that the application is mounted at.
"""

from __future__ import annotations

import asyncio
import gzip
import html
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Request, Response, Router, get
from litestar.params import FromPath

from fivapp_whatsapp.settings import Settings

from .auth import PUBLIC
from .errors import RouteNotFound
from .origins import origin_of

DIST = Path(__file__).parent.parent / "ui" / "dist"
PATHS = ("/login", "/conversations", "/conversations/{conversation_id:str}", "/whatsapp-settings", "/automations")
WORKER = "/service-worker.js"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")
_BASE = b'<base href="/" />'
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
}
_COMPRESSED = frozenset({".css", ".js", ".svg"})
# Names that hold a hash of their content are kept; the few whose address must stay are asked for anew.
_HASHED = re.compile(r".*-[A-Za-z0-9_-]{8}\.[a-z0-9]+")
_FOR_EVER = "public, max-age=31536000, immutable"
_ANEW = "no-cache"
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>fivapp-whatsapp</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><h1>The pages are not built yet</h1>
<p>Run <code>make ui</code> in the clone, then load this page again. An installed wheel has them already.</p>
<p>As páginas ainda não foram construídas: rode <code>make ui</code> e recarregue.</p></html>"""


def page_router(settings: Settings, dist: Path = DIST) -> Router:
    """Return the routes of the pages, of their files and of their service worker."""
    policy = _policy(settings)
    behind = urlsplit(settings.public_url).path.rstrip("/")

    def home(request: Request[Any, Any, Any]) -> str:
        """Return the path below which everything of ours lies: the mount's prefix, else that of the public URL."""
        return f"{request.scope.get('root_path', '').rstrip('/') or behind}/"

    @get(list(PATHS), opt=PUBLIC)
    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Return index.html, with the prefix that the application is mounted at."""
        request.scope["fivapp.policy"] = policy  # type: ignore[typeddict-unknown-key]  # known to the frame
        index = dist / "index.html"
        if not index.is_file():
            return Response(_NOT_BUILT.encode(), status_code=503, media_type="text/html")
        content = index.read_bytes().replace(_BASE, f'<base href="{html.escape(home(request))}" />'.encode())
        return Response(content, media_type="text/html", headers={"Cache-Control": _ANEW})

    @get("/assets/{name:str}", opt=PUBLIC)
    async def asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        """Return a built file. Raises RouteNotFound."""
        if not _NAME.fullmatch(name):
            raise RouteNotFound
        cache = _FOR_EVER if _HASHED.fullmatch(name) else _ANEW
        return await asyncio.to_thread(_file, dist / "assets" / name, request.headers, cache)

    @get(WORKER, opt=PUBLIC)
    async def worker(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Return the service worker, which all pages below the prefix may use. Raises RouteNotFound."""
        request.scope["fivapp.policy"] = policy  # type: ignore[typeddict-unknown-key]
        reply = await asyncio.to_thread(_file, dist / WORKER[1:], request.headers, _ANEW)
        reply.headers["Service-Worker-Allowed"] = quote(home(request), safe="/%")
        return reply

    return Router("/", route_handlers=[page, asset, worker], include_in_schema=False)


def _policy(settings: Settings) -> str:
    """Return the Content-Security-Policy: only our own scripts and styles, media also of the connection service."""
    service = origin_of(settings.connection_service_url)
    media = f"'self' blob: data: {service}" if service else "'self' blob: data:"
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": media,
        "media-src": media,
        "font-src": "'self'",
        "connect-src": "'self'",
        "worker-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _file(path: Path, headers: Mapping[str, str], cache: str) -> Response[bytes]:
    media_type = _TYPES.get(path.suffix)
    if media_type is None or not path.is_file():
        raise RouteNotFound
    plain, packed = _content(path, path.stat().st_mtime_ns)
    answer = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
    if packed is None or "gzip" not in headers.get("accept-encoding", ""):
        return Response(plain, media_type=media_type, headers=answer)
    return Response(packed, media_type=media_type, headers={**answer, "Content-Encoding": "gzip"})


@lru_cache(maxsize=256)
def _content(path: Path, _changed: int) -> tuple[bytes, bytes | None]:
    content = path.read_bytes()
    return content, gzip.compress(content, mtime=0) if path.suffix in _COMPRESSED else None
