"""A headless Chromium that tests look at pages with, through its DevTools protocol; tests are skipped where there is none."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--window-size=1280,1000", "about:blank",
)  # fmt: skip


#: Whether every picture of a page of hwsim stands there.
DRAWN = "performance.getEntriesByName('drawn').length > 0"


class Page:
    """One page. ``complaints`` : errors and warnings of its console, exceptions, and requests that failed."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._loaded: set[str] = set()  # loaders whose document and resources are all there

    async def call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        number = self._number
        await self._socket.write_message(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := await self._next()).get("id") != number:
            pass
        assert "error" not in message, message
        return message["result"]

    async def _next(self) -> dict[str, Any]:
        """The next message of the browser; events are noted on the way."""
        text = await asyncio.wait_for(self._socket.read_message(), 60)
        assert text is not None, "the browser went away"
        message: dict[str, Any] = json.loads(text)
        self._hear(message.get("method", ""), message.get("params", {}))
        return message

    def _hear(self, event: str, told: dict[str, Any]) -> None:
        if event == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(item.get("value", item)) for item in told["args"]))
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"])[:400])
        elif event == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(told["entry"]["text"])
        elif event == "Page.lifecycleEvent" and told["name"] == "load":
            self._loaded.add(told["loaderId"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    async def open(self, url: str) -> None:
        """Show a page; returns once it has loaded, so that its elements stay what they are."""
        loader = (await self.call("Page.navigate", url=url))["loaderId"]
        while loader not in self._loaded:
            await self._next()

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression; promises are waited for."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str, seconds: float = 60) -> Any:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not (value := await self.ask(expression)):
            assert time.monotonic() < end, f"never true: {expression}; {self.complaints}"
            await asyncio.sleep(0.05)
        return value

    async def point(self, x: float, y: float, *, click: bool = False) -> None:
        await self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased") if click else ():
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def picture(self, target: Path, whole: bool = True) -> None:
        answer = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        target.write_bytes(base64.b64decode(answer["data"]))


def browse(look: Callable[[Page], Awaitable[Any]]) -> Any:
    """Start a browser, let ``look`` use a page of it, end it; skips without Chromium or tornado."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    pytest.importorskip("tornado", reason="needs tornado to talk to a browser")
    return asyncio.run(_browse(look))


async def _browse(look: Callable[[Page], Awaitable[Any]]) -> Any:
    from tornado.websocket import websocket_connect

    assert BROWSER
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [BROWSER, f"--user-data-dir={home}", *_FLAGS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            port = await _port(Path(home) / "DevToolsActivePort", process)
            socket = await websocket_connect(await _target(port), max_message_size=1 << 28)
            page = Page(socket)
            try:
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await page.call(f"{domain}.enable")
                await page.call("Page.setLifecycleEventsEnabled", enabled=True)
                return await look(page)
            finally:
                socket.close()
                while await socket.read_message() is not None:
                    pass
        finally:
            process.kill()
            process.wait()


async def _port(file: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + 60
    while not (file.exists() and "\n" in file.read_text()):
        assert time.monotonic() < end, "the browser did not start"
        assert process.poll() is None, "the browser ended"
        await asyncio.sleep(0.05)
    return file.read_text().splitlines()[0]


async def _target(port: str) -> str:
    """Where the first page listens: it comes a little after the port."""
    from tornado.httpclient import AsyncHTTPClient

    end = time.monotonic() + 60
    while True:
        answer = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/json/list", request_timeout=60)
        pages = [item for item in json.loads(answer.body) if item["type"] == "page"]
        if pages:
            return str(pages[0]["webSocketDebuggerUrl"])
        assert time.monotonic() < end, "the browser opened no page"
        await asyncio.sleep(0.05)
