"""A page as a browser sees it: headless Chromium, with what it logs and what it asks for."""

import pathlib
import re
import shutil
import subprocess

import pytest

# A page may draw itself, and no more: these would show a script error or a request.
COMPLAINTS = ("CONSOLE", "Refused to", "net::ERR")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--hide-scrollbars",
]


def chromium() -> str:
    """The browser; the test is skipped where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    return path


def rendered(
    page: pathlib.Path, profile: pathlib.Path, *flags: str, width: int = 1200
) -> tuple[str, list[str], list[str]]:
    """The page's document after it was drawn, what the browser complained of, and the addresses it asked for."""
    log = profile / "net.json"
    command = [
        chromium(),
        *FLAGS,
        f"--user-data-dir={profile}",
        f"--log-net-log={log}",
        f"--window-size={width},1000",
        *flags,
        "--dump-dom",
        page.as_uri(),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    complaints = [line for line in ended.stderr.splitlines() if any(each in line for each in COMPLAINTS)]
    asked = set(re.findall(r'"url":"([a-z]+://[^"]*)"', log.read_text()))
    # At every start the browser looks for its maker, whatever page it shows.
    asked = {url for url in asked if not re.match(r"file://|https?://[a-z0-9.]*google(apis)?\.com/", url)}
    return ended.stdout, complaints, sorted(asked)
