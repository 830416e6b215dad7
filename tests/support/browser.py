"""A headless Chromium that tests look at a page with. It is driven by its DevTools protocol, over a pipe.

https://chromedevtools.github.io/devtools-protocol describes the methods and the events. Messages are JSON and end with
a zero byte; Chromium reads them from file descriptor 3 and writes them to 4.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = "there is no Chromium on this machine; install Debian's package chromium to run this test"
# A small Python gives the ends of the pipes their numbers, and becomes Chromium.
START = "import os, sys; [os.dup2(int(sys.argv[n]), n + 2) for n in (1, 2)]; os.execv(sys.argv[3], sys.argv[3:])"
KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), " ": (32, " ")}


class Browser:
    """One page in a Chromium of its own, which has no network service to talk to but `file:`.

    Attributes:
        requests: the addresses that the page asked for.
        complaints: errors and warnings of its console, among them refusals by the Content-Security-Policy.
    """

    def __init__(self, folder):
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
        options = [
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--remote-debugging-pipe",
            f"--user-data-dir={folder}",
        ]
        options += ["--no-sandbox"] if os.geteuid() == 0 else []  # the sandbox refuses to run as root
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, *map(str, ends), CHROMIUM, *options, "about:blank"],
            pass_fds=ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for end in (*ends, to_browser, from_browser):
            os.close(end)
        self._text, self._last, self._session, self._events = b"", 0, None, []
        self.requests, self.complaints = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # Chromium and all its helpers, which are a group of their own
        self.process.wait()
        os.close(self._read)
        os.close(self._write)

    def call(self, method, **parameters):
        """Calls a method and returns its result."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer}"
                return answer["result"]

    def open(self, path, *, width, height=900, scheme="light"):
        """Opens a file in a window of this size, and waits until all of it is there."""
        self.requests.clear()
        self.complaints.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        while "Page.loadEventFired" not in self._events:
            self._next()

    def ask(self, expression):
        """Returns the value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key):
        """Presses and releases a key of `KEYS`."""
        code, text = KEYS[key]
        names = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **names, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **names)

    def type(self, text):
        """Types a text into what has the focus."""
        self.call("Input.insertText", text=text)

    def screenshot(self, *, whole=False):
        """Returns the PNG file of what the window shows, or of the whole page."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def _next(self, seconds=60):
        """Waits for one message, and notes what it says of requests and of the console."""
        end = time.monotonic() + seconds
        while b"\0" not in self._text:
            ready, _, _ = select.select([self._read], [], [], max(0, end - time.monotonic()))
            received = os.read(self._read, 1 << 20) if ready else b""
            assert received, f"Chromium does not answer; its exit code is {self.process.poll()}"
            self._text += received
        text, _, self._text = self._text.partition(b"\0")
        message = json.loads(text)
        method, event = message.get("method"), message.get("params", {})
        self._events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(event["exceptionDetails"]["text"])
        elif method == "Log.entryAdded":
            self.complaints.append(event["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(event["args"]))
        return message
