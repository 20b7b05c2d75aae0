"""Chromium as Debian has it, driven by its chromedriver (W3C WebDriver), and axe-core, which judges how accessible a page is.

axe-core comes from the npm registry: `npm install --prefix build/axe axe-core@4` (contrib/packages browser installs the rest)."""

import base64
import json
import pathlib
import urllib.error
import urllib.request

from . import processes

AXE = processes.ROOT / "build/axe/node_modules/axe-core/axe.min.js"


class Browser:
    name = "chromedriver"

    def __init__(self, folder, language="en"):
        self.folder = folder / "browser"
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.port = processes.free_port()
        self.process = processes.Process("chromedriver", ["chromedriver", f"--port={self.port}"], self.log)
        processes.wait_for("chromedriver", lambda: processes.accepts_connections("127.0.0.1", self.port))
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": True,
            "goog:chromeOptions": {
                "binary": "/usr/bin/chromium",
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={self.folder}/profile",
                         f"--accept-lang={language}"],
                "prefs": {"intl.accept_languages": language},
            },
        }}})
        self.session = f"/session/{answer['sessionId']}"

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()[:1000]}") from None

    def open(self, url):
        self._ask("POST", f"{self.session}/url", {"url": url})

    def window(self, width, height, scale=1):
        """In CSS pixels; `scale` is that of the zoom: a window of the same size on the screen shows fewer of them."""
        self._ask("POST", f"{self.session}/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}})

    def script(self, text, *arguments):
        return self._ask("POST", f"{self.session}/execute/sync", {"script": text, "args": list(arguments)})

    def press_keys(self, text):
        """On the keyboard, wherever the focus is."""
        actions = [{"type": kind, "value": c} for c in text for kind in ("keyDown", "keyUp")]
        self._ask("POST", f"{self.session}/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def click(self, selector):
        found = self._ask("POST", f"{self.session}/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"{self.session}/element/{next(iter(found.values()))}/click", {})

    def heading(self):
        return self.script("return document.querySelector('h1').textContent")

    def screenshot(self, file):
        pathlib.Path(file).write_bytes(base64.b64decode(self._ask("GET", f"{self.session}/screenshot")))

    def axe(self):
        """What axe-core finds wrong with the page as it is, by every rule of WCAG 2.2 A and AA, and of good practice."""
        assert AXE.exists(), f"{AXE} is missing: npm install --prefix {processes.ROOT}/build/axe axe-core@4"
        self.script(AXE.read_text())
        result = self._ask("POST", f"{self.session}/execute/async", {"args": [], "script": "axe.run().then(arguments[0])"})
        assert result["passes"], "no rule applied"
        return [(v["id"], v["impact"], [n["html"] for n in v["nodes"]]) for v in result["violations"]]

    def stop(self):
        try:
            self._ask("DELETE", self.session)
        finally:
            self.process.stop()
