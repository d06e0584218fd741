"""Chromium without a window, driven through its own debugging pipe: no further package, no port.

    with Browser() as browser:
        page = browser.open("file:///tmp/report.html")
        page.evaluate("document.title")
        page.complaints      # what its console said: errors, refused loads, exceptions
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

PATIENCE = 60  # seconds for what takes a moment


def find():
    """The program and None, or None and why it is not used."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        return None, "there is no chromium here (scripts/test.sh installs it)"
    with open(path, "rb") as program:
        start = program.read(4096)
    if "/snap/" in os.path.realpath(path) or start.startswith(b"#!") and b"/snap/" in start:
        return None, "chromium is a snap here, which cannot open a test's files"
    return path, None


class Browser:
    """One process with a profile of its own; everything ends with it."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self.commands = os.pipe()
        self.answers, from_browser = os.pipe()

        def pipes():  # it reads commands from descriptor 3 and answers on 4
            high_in, high_out = os.dup2(to_browser, 63), os.dup2(from_browser, 64)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        self.process = subprocess.Popen(
            [self.path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-extensions", "--disable-background-networking", "--disable-component-update",
             "--remote-debugging-pipe", "--user-data-dir=" + self.profile.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
            preexec_fn=pipes)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.number = 0
        self.sessions = {}
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
        except (OSError, RuntimeError):
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.commands)
        os.close(self.answers)
        self.profile.cleanup()

    def receive(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.answers, 1 << 20)
            if not piece:
                raise RuntimeError("the browser ended")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, params=None, session=None):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(method + ": " + answer["error"]["message"])
                return answer["result"]
            page = self.sessions.get(answer.get("sessionId"))
            if page:
                page.note(answer)

    def open(self, url, width=1280, height=900, dark=False, scripts=True):
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session)
        self.sessions[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(domain + ".enable")
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        page.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        if not scripts:
            page.call("Emulation.setScriptExecutionDisabled", value=True)
        page.go(url)
        return page


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.complaints, self.requests, self.loaded = [], [], False

    def call(self, method, **params):
        return self.browser.call(method, params, self.session)

    def note(self, event):
        method, params = event["method"], event["params"]
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(json.dumps([value.get("value") for value in params["args"]]))

    def go(self, url):
        self.loaded, began = False, time.monotonic()
        self.call("Page.navigate", url=url)
        self.wait()
        self.seconds = time.monotonic() - began

    def wait(self):
        """Until it is loaded; after `loaded = False` until it was loaded once more, by itself."""
        began = time.monotonic()
        while not self.loaded:
            if time.monotonic() - began > PATIENCE:
                raise RuntimeError("nothing was loaded in %d s" % PATIENCE)
            event = self.browser.receive()
            page = self.browser.sessions.get(event.get("sessionId"))
            if page:
                page.note(event)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(expression + ": " + json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def click(self, selector):
        """A real click in the middle of the first element that fits."""
        box = self.evaluate("(function(){var e=document.querySelector(%s);e.scrollIntoView({block:'center'});"
                            "var b=e.getBoundingClientRect();return [b.x+b.width/2,b.y+b.height/2]})()"
                            % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def screenshot(self, path, whole=False):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as out:
            out.write(base64.b64decode(data))
