"""Downloads files: resumed where they broke off, and trusted only when their digest matches."""

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from jaxflow.console import bar
from jaxflow.errors import UserError

CHUNK = 1 << 18  # bytes
SCHEMES = ("http", "https")


def download(url: str, destination: Path, sha256: str, max_bytes: int) -> Path:
    """Downloads a file, unless it exists already.

    A download that breaks off leaves `destination` with ".part" appended, and the next call resumes from there.

    Args:
      url: where the file is.
      destination: path of the result, which appears only when complete and checked.
      sha256: the expected digest, in hexadecimal.
      max_bytes: the largest size that is taken.

    Returns:
      `destination`.

    Raises:
      ConnectionError: the network or the server failed; what came so far is kept.
      UserError: what came is not what was expected, and is removed; or the address is none of http or https.
    """
    if destination.exists() and _sha256(destination) == sha256:
        return destination
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = destination.with_name(destination.name + ".part")
    try:
        _fetch(url, part, max_bytes)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise ConnectionError(f"{url}: {getattr(error, 'reason', error)}") from error
    found = _sha256(part)
    if found != sha256:
        part.unlink()
        raise UserError(
            f"{url} has SHA-256 {found[:16]}..., expected {sha256[:16]}...; the file was removed: "
            "try again, or fetch it from a mirror that you trust"
        )
    os.replace(part, destination)
    return destination


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows redirections to http and https, and from https to https alone."""

    def redirect_request(self, *arguments: Any) -> urllib.request.Request | None:
        """Returns the request for the new address."""
        request, address = arguments[0], arguments[-1]
        scheme = urllib.parse.urlsplit(address).scheme.lower()
        if scheme not in SCHEMES or (request.type == "https" and scheme != "https"):
            raise urllib.error.URLError(f"it is redirected to {address}, which is not followed")
        return super().redirect_request(*arguments)


def _fetch(url: str, part: Path, max_bytes: int) -> None:
    if urllib.parse.urlsplit(url).scheme.lower() not in SCHEMES:
        raise UserError(f"{url} is no address of http or https; nothing else is downloaded")
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.build_opener(_SameScheme).open(request, timeout=30)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing left to send: the file is whole
            return
        raise
    with response, bar("MiB") as progress:
        resumed = response.status == 206
        have = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        _check_size(url, part, total or have, max_bytes)
        task = progress.add_task(f"download {Path(url).name}", total=total and total >> 20, completed=have >> 20)
        with part.open("ab" if resumed else "wb") as file:
            while chunk := response.read(CHUNK):
                have += file.write(chunk)
                _check_size(url, part, have, max_bytes)
                progress.update(task, completed=have >> 20, refresh=True)
    if total is not None and have < total:
        raise ConnectionError(f"broke off after {have} of {total} bytes; the next try goes on from there")


def _check_size(url: str, part: Path, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        part.unlink(missing_ok=True)
        raise UserError(
            f"{url} sends {size:,} bytes or more, where {max_bytes:,} were expected at most; it was removed"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
