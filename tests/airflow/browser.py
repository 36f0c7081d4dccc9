# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven by the W3C's WebDriver protocol: a dozen HTTP calls, so no package is needed."""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from demo.layout import free_ports

START_SECONDS = 60.0
ENTER, ESCAPE, DOWN, UP = "\ue007", "\ue00c", "\ue015", "\ue013"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_FLAGS = (
    "--headless",
    "--no-sandbox",  # in a container there is no user namespace for it; only our own pages are opened
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-proxy-server",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
)


class Browser:
    """One window. Selectors are CSS."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http = http
        self._path = f"/session/{session}"

    def _post(self, path: str, **body: Any) -> Any:
        answer = self._http.post(self._path + path, json=body)
        value = answer.json()["value"]
        assert answer.is_success, f"{path}: {value}"
        return value

    def _get(self, path: str) -> Any:
        answer = self._http.get(self._path + path)
        assert answer.is_success, answer.text[:1000]
        return answer.json()["value"]

    def open(self, url: str) -> None:
        """Load a page."""
        self._post("/url", url=url)

    def run(self, script: str, *arguments: Any) -> Any:
        """The value that some JavaScript returns."""
        return self._post("/execute/sync", script=script, args=list(arguments))

    def until(self, script: str, seconds: float = 20.0) -> Any:
        """Ask until an expression is true, and return it."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(f"return ({script});")):
            assert time.monotonic() < deadline, f"never true: {script}\n{self.text('body')[:3000]}"
            time.sleep(0.05)
        return value

    def text(self, selector: str) -> str:
        """What a person reads in the first element that fits."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? '';", selector))

    def texts(self, selector: str) -> list[str]:
        """The same of all elements that fit."""
        return list(
            self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText);", selector)
        )

    def _element(self, selector: str) -> str:
        return str(self._post("/element", using="css selector", value=selector)[_ELEMENT])

    def click(self, selector: str) -> None:
        """Click, as a mouse does: what is covered or hidden cannot be clicked."""
        self._post(f"/element/{self._element(selector)}/click")

    def type(self, text: str, selector: str = "") -> None:
        """Press keys, in an element or where the focus is."""
        element = self._element(selector) if selector else str(self._get("/element/active")[_ELEMENT])
        self._post(f"/element/{element}/value", text=text)

    def enter_frame(self, selector: str) -> None:
        """Look into an iframe from now on."""
        self._post("/frame", id={_ELEMENT: self._element(selector)})

    def leave_frame(self) -> None:
        """Look at the page around it again."""
        self._post("/frame", id=None)

    def resize(self, width: int, height: int) -> None:
        """Of the page's visible part."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._post("/goog/cdp/execute", cmd="Emulation.setDeviceMetricsOverride", params=metrics)

    def prefer(self, scheme: str) -> None:
        """The system's colours: `dark` or `light`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._post("/goog/cdp/execute", cmd="Emulation.setEmulatedMedia", params={"features": features})

    def screenshot(self, path: Path) -> None:
        """What is visible now, as PNG."""
        path.write_bytes(base64.b64decode(self._get("/screenshot")))

    def complaints(self) -> list[str]:
        """What the console got since the last look, warnings and errors."""
        entries = self._post("/se/log", type="browser")
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser that has never been anywhere; afterwards nothing of it runs."""
    program, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    assert program, "chromedriver is missing: deploy/services.sh installs it (`make services`)"
    assert chromium, "chromium is missing: deploy/services.sh installs it (`make services`)"
    (port,) = free_ports(1)
    with (folder / "chromedriver.log").open("wb") as log:
        driver = subprocess.Popen(
            [program, f"--port={port}", "--allowed-ips=127.0.0.1"], stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
            _await(http, driver)
            session = _session(http, chromium, folder / "profile")
            try:
                yield Browser(http, session)
            finally:
                http.delete(f"/session/{session}")
    finally:
        driver.terminate()
        driver.wait(30)


def _await(http: httpx.Client, driver: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert driver.poll() is None, "chromedriver ended"
        assert time.monotonic() < deadline, "chromedriver did not start in time"
        try:
            if http.get("/status").json()["value"]["ready"]:
                return
        except httpx.TransportError:
            time.sleep(0.05)


def _session(http: httpx.Client, chromium: str, profile: Path) -> str:
    options = {"binary": chromium, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL"},
    }
    answer = http.post("/session", json={"capabilities": {"alwaysMatch": wanted}})
    assert answer.is_success, answer.text[:2000]
    return str(answer.json()["value"]["sessionId"])
