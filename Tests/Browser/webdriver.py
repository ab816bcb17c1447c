"""Controls Chromium through chromedriver, with the few WebDriver commands that the tests need."""

import base64
import http.client
import json
import os
import re
import shutil
import subprocess

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"    # the protocol's key for an element's id
WAIT = """
    return new Promise((resolve) => {
        const observer = new MutationObserver(() => settle(...arguments));
        function settle() {
            const value = EXPRESSION;
            if (value) {
                observer.disconnect();
                resolve(value);
            }
        }
        observer.observe(document, { attributes: true, characterData: true, childList: true, subtree: true });
        settle(...arguments);
    });
"""


class Browser:
    """One browser, with its driver; both end with the `with` block."""

    def __enter__(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        self.path = ""
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def begin(self):
        started = (re.search(r"started successfully on port (\d+)", line) for line in self.driver.stdout)
        port = next(filter(None, started))[1]
        self.connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
        # Names are not resolved, so requests to other hosts fail and appear in the log.
        arguments = ["--headless=new", "--window-size=1280,900", "--disable-background-networking",
                     "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")    # Chromium has no sandbox for root
        self.path = "/session/" + self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": arguments},
        }}})["sessionId"]

    def __exit__(self, *_):
        try:
            if self.path:
                self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()

    def call(self, method, path, body=None):
        self.connection.request(method, self.path + path, json.dumps(body or {}) if method == "POST" else None)
        value = json.load(self.connection.getresponse())["value"]
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{method} {path}: {value['error']}: {value['message'].splitlines()[0]}")
        return value

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value that a script returns in the page."""
        return self.call("POST", "/execute/sync", {"script": script, "args": arguments})

    def chromium(self, command, **parameters):
        """Sends a command of the Chrome DevTools Protocol, for features that WebDriver lacks."""
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def find(self, selector):
        """Waits for an element that matches the selector, and returns the first one."""
        return self.wait("document.querySelector(arguments[0])", selector)[ELEMENT]

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click")

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def text(self, selector):
        return self.call("GET", f"/element/{self.find(selector)}/text")

    def is_shown(self, selector):
        return self.call("GET", f"/element/{self.find(selector)}/displayed")

    def wait(self, expression, *arguments):
        """Waits until the expression is true in the page and returns its value. Document changes re-evaluate it.

        Fails after 30 seconds, the protocol's timeout for scripts.
        """
        return self.run(WAIT.replace("EXPRESSION", expression), *arguments)

    def wait_for_text(self, selector, text):
        self.wait("document.querySelector(arguments[0])?.innerText.includes(arguments[1])", selector, text)

    def wait_until_shown(self, selector):
        self.wait("document.querySelector(arguments[0])?.checkVisibility()", selector)

    def new_tab(self):
        self.call("POST", "/window", {"handle": self.call("POST", "/window/new", {"type": "tab"})["handle"]})

    def log(self, kind):
        """The log entries since the last call: `browser` is the console, `performance` the network."""
        return self.call("POST", "/se/log", {"type": kind})

    def screenshot(self, path):
        picture = self.chromium("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(picture))
