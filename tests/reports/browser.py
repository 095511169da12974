"""Chromium without a window, driven by its DevTools protocol over a pipe: JSON messages, each ended by a zero byte."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
# The browser reads from descriptor 3 and writes to 4; `pass_fds` alone would keep the numbers that they have here.
LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"
)
FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
)


def find_browser() -> str | None:
    """Returns the path of a browser; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A tab of the browser.

    Attributes:
      events: what it said so far, by the protocol.
    """

    def __init__(self, send: int, receive: Any):
        self._send, self._receive, self._last, self._session = send, receive, 0, {}
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Calls a method of the protocol and returns its result."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params, **self._session}
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._last:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path: Path, width: int, scheme: str = "light", media: str = "screen") -> None:
        """Loads a file.

        Args:
          path: of the page.
          width: of the window, in CSS pixels.
          scheme: "light" or "dark".
          media: "screen" or "print".
        """
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def evaluate(self, expression: str) -> Any:
        """Returns the value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def screenshot(self) -> str:
        """Returns the whole page as PNG, in base64."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        window = {"width": int(size["width"]), "height": int(size["height"]), "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **window)
        return self.call("Page.captureScreenshot", optimizeForSpeed=True)["data"]

    def _next(self) -> dict[str, Any]:
        text = b""
        while not text.endswith(b"\0"):
            part = self._receive.read(1)
            assert part, "the browser has ended"
            text += part
        return json.loads(text[:-1])


@contextlib.contextmanager
def open_browser(path: str, profile: Path) -> Iterator[Page]:
    """Starts a browser and yields a tab of it.

    Args:
      path: of its program.
      profile: a folder of its own.
    """
    ours = [*os.pipe(), *os.pipe()]
    read, write, answers, replies = (fcntl.fcntl(descriptor, fcntl.F_DUPFD, 20) for descriptor in ours)
    for descriptor in ours:
        os.close(descriptor)
    command = [sys.executable, "-c", LAUNCH, str(read), str(replies), path, *FLAGS, f"--user-data-dir={profile}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, pass_fds=(read, replies), **quiet) as process:
        os.close(read)
        os.close(replies)
        try:
            with open(answers, "rb") as receive:
                page = Page(write, receive)
                yield page
                page._session = {}
                page.call("Browser.close")
        finally:
            os.close(write)
            process.kill()
