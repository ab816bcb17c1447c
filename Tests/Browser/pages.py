"""pages.py FOLDER: tests the pages at / and /docs of ADDRESS in a browser, and leaves screenshots in FOLDER."""

import http.client
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import time
import urllib.request
from urllib.parse import quote

from webdriver import Browser

ADDRESS, FOLDER = os.environ["ADDRESS"], pathlib.Path(sys.argv[1])
EMAIL, PASSWORD = "user3784mail@gmail.com", "aFtg&89M"
DOCUMENT = json.load(urllib.request.urlopen(ADDRESS + "/openapi.json", timeout=10))


def operation(method, path):
    """The selector of the operation's block in the page, and the link that opens it."""
    described = DOCUMENT["paths"][path][method]
    tag, name = described.get("tags", ["default"])[0], described["operationId"]
    return f'[id="operations-{tag.replace(" ", "_")}-{name}"]', f"/docs/#/{quote(tag)}/{name}"


def headers_over_tls(_):
    """Every static path sends `Strict-Transport-Security` and the security headers, with any status."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1", int(os.environ["HTTPS_PORT"]), context=ssl._create_unverified_context(), timeout=10)
    index = urllib.request.urlopen(ADDRESS + "/docs", timeout=10)
    links = re.findall(r'(?:src|href)="([a-z][^":]+)"', index.read().decode())
    assert index.url == ADDRESS + "/docs/" and len(links) == 4, (index.url, links)
    assets = ["/docs/" + link for link in links]
    fresh = {"If-None-Match": index.headers["ETag"]}
    for path, headers, status in [("/docs", {}, 307), ("/docs/", fresh, 304), ("/docs/", {}, 200),
                                  ("/docs/none", {}, 404), *((asset, {}, 200) for asset in assets)]:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status, (path, answer.status)
        for name in ("Strict-Transport-Security", "Content-Security-Policy", "X-Content-Type-Options",
                     "Referrer-Policy", "X-Request-Id", "Cache-Control"):
            assert len(answer.headers.get_all(name, [])) == 1, (path, name, answer.headers.get_all(name))


def landing_page(browser):
    browser.open(ADDRESS + "/")
    links = browser.run("return [...document.links].map((link) => link.getAttribute('href'))")
    assert {"/docs", "/openapi.json", "/postman.json", "/health"} <= set(links), links
    for link in links:
        assert urllib.request.urlopen(ADDRESS + link, timeout=10).status == 200, link
    font = browser.run("return getComputedStyle(document.querySelector('pre')).fontFamily")
    assert "monospace" in font, f"the page's style sheet is not in use: {font}"
    photograph(browser, "landing")


def commands_of_the_landing_page(browser):
    """Runs all commands of the page in one shell."""
    browser.open(ADDRESS + "/")
    script = "\n".join(browser.run("return [...document.querySelectorAll('pre')].map((block) => block.innerText)"))
    output = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20, check=True).stdout
    assert '"message":"Task completed successfully!"' in output, output


def documentation(browser):
    browser.open(ADDRESS + "/docs/")
    browser.find(".opblock-tag")
    assert browser.text("h1, .title").startswith(DOCUMENT["info"]["title"])
    photograph(browser, "docs")


def configuration_by_query(browser):
    query = "&".join(f"{name}=https://evil.example/x.json" for name in ("url", "configUrl", "spec"))
    browser.open(f"{ADDRESS}/docs?{query}")
    assert browser.text(".info .link") == "../openapi.json"


def filter_by_path(browser):
    browser.type(".operation-filter-input", "generate_array")
    browser.wait("document.querySelectorAll('.opblock').length === 1")
    assert browser.is_shown(operation("post", "/generate_array")[0])


def log_in(browser):
    browser.type("#login [name=email]", EMAIL)
    browser.type("#login [name=password]", "wrong")
    browser.click("#login button")
    browser.wait_for_text("#notice", "Authentication failed")
    assert not browser.is_shown("#session")
    browser.call("POST", f"/element/{browser.find('#login [name=password]')}/clear")
    browser.type("#login [name=password]", PASSWORD)
    browser.click("#login button")
    browser.wait_until_shown("#session")
    assert browser.text("#name") == EMAIL and browser.text("#notice") == ""


def try_out(browser):
    block, link = operation("post", "/flow-manager")
    browser.open(ADDRESS + link)
    assert browser.text("#name") == EMAIL, "the session ended with the page"
    example = json.loads(browser.call("GET", f"/element/{browser.find(block + ' textarea')}/property/value"))
    assert example["flow"]["tasks"], f"no flow to try out: {example}"
    browser.click(f"{block} .execute")
    answer = f"{block} .live-responses-table"
    browser.wait_for_text(answer, "Task completed successfully!")
    assert browser.text(f"{answer} .response .response-col_status").startswith("200")
    browser.run("document.querySelector(arguments[0]).scrollIntoView()", f"{block} .responses-wrapper")
    browser.screenshot(FOLDER / "docs-answer.png")


def sessions_end_with_their_tab(browser):
    assert browser.run("return localStorage.length + document.cookie.length") == 0
    first = browser.call("GET", "/window")
    browser.new_tab()
    block, link = operation("post", "/flow-manager")
    browser.open(ADDRESS + link)
    expect_unauthorized(browser, block)
    browser.call("DELETE", "/window")
    browser.call("POST", "/window", {"handle": first})
    assert browser.is_shown("#session")
    browser.click("#logout")
    expect_unauthorized(browser, block)
    assert browser.run("return sessionStorage.length") == 0


def expect_unauthorized(browser, block):
    browser.wait_until_shown("#login")
    browser.click(f"{block} .execute")
    browser.wait_for_text(f"{block} .live-responses-table", "token_missing")


def photograph(browser, name):
    """Takes screenshots in light and dark mode, at desktop and phone widths; the page must not overflow."""
    for scheme in ("dark", "light"):
        browser.chromium("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for width, height in ((390, 844), (1280, 900)):
            browser.chromium("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                             mobile=width < 500)
            # Wait for the end of transitions.
            browser.run("return Promise.allSettled(document.getAnimations().map((each) => each.finished)).then()")
            browser.screenshot(FOLDER / f"{name}-{scheme}-{width}.png")
            assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), f"{name} at {width}"
    browser.chromium("Emulation.clearDeviceMetricsOverride")


def expect_quiet(browser):
    """Checks that the console has no errors, policy violations included, and that no request went to another host."""
    # The rejected login and the request without a token are expected to fail, and the console shows both.
    errors = [entry["message"] for entry in browser.log("browser") if "status of 401" not in entry["message"]]
    assert not errors, errors
    events = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    foreign = [url for url in urls if not url.startswith((ADDRESS + "/", "data:"))]
    assert not foreign, foreign


began = time.monotonic()
with Browser() as browser:
    for check in (headers_over_tls, landing_page, commands_of_the_landing_page, documentation,
                  configuration_by_query, filter_by_path, log_in, try_out, sessions_end_with_their_tab):
        try:
            check(browser)
            expect_quiet(browser)
        except AssertionError:
            browser.screenshot(FOLDER / "browser-failed.png")
            raise
        print(f"{time.monotonic() - began:5.1f} s  {check.__name__}", flush=True)
