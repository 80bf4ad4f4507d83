"""The pictures of the documents, and of the test of two readers, of a running demo: `scripts/screenshots`."""

import base64
import html
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyte
from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from agent.control import client
from tests.browser import new_chrome, sized
from tests.terminal import BIN, Command

SECONDS = 300  # the short begins at 120
SHOWN_S = 240.0  # by then each alarm has its figure, and the collector is back
LARGEST_BYTES = 150_000
COLOURS = 96
STYLE = """<style>pre{margin:0;padding:12px;width:max-content;background:#202428;color:#E8EAEC;
font:15px/1.25 "DejaVu Sans Mono",monospace}.r{background:#E8EAEC;color:#202428}.b{font-weight:700}
.red{color:#FF8A80}.brown,.yellow{color:#FFC166}
.red.r{background:#FF8A80;color:#202428}</style>"""


LOOK_S = 10
#: What a reader sees: the picture for so long as he has, and then what he is asked.
READ = """<!DOCTYPE html><meta charset="utf-8"><title>One look</title>
<style>body{{font:20px system-ui;margin:1em}}
img{{width:390px;animation:gone 0s {look_s}s forwards}}@keyframes gone{{to{{display:none}}}}
ol{{opacity:0;animation:come 0s {look_s}s forwards}}@keyframes come{{to{{opacity:1}}}}</style>
<img alt="" src="data:image/png;base64,{picture}">
<ol><li>Which cell or sensor is it about?<li>What is to be done?<li>How long is left?</ol>"""


def main(folder: Path, readers: bool = False) -> None:
    """Run the demo, and take the pictures once it has something to show. readers: that of their test."""
    with tempfile.TemporaryDirectory() as name:
        kept = Path(name) / "demo"
        command = [str(BIN / "cellwarden"), "demo", "--seconds", str(SECONDS), "--keep", str(kept)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as demo:
            try:
                take(demo, kept, folder, readers)
            finally:
                demo.terminate()


def take(demo: "subprocess.Popen[str]", kept: Path, folder: Path, readers: bool) -> None:
    """Take all three of the documents, or the one of the readers."""
    assert demo.stderr is not None
    told = ""
    while not (url := re.search(r"status page: (http://\S+)", told)):
        told = demo.stderr.readline()
        assert told, "the demo ended by itself"
    print(f"the demo runs at {url[1]}; pictures in {SHOWN_S:.0f} s", flush=True)
    time.sleep(SHOWN_S)
    if readers:
        return one_look(url[1], kept / "control.sock", folder)
    terminal = live(kept / "control.sock")
    with new_chrome() as chrome:
        still = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", still)
        sized(chrome, 1280, 880)
        chrome.get(f"{url[1]}?unit=rack-c")
        save(chrome, folder / "page.png")
        sized(chrome, 390, 844, scale=2)
        chrome.get(url[1])
        chrome.find_element(By.CSS_SELECTOR, ".al summary").click()
        save(chrome, folder / "page-phone.png")
        page = kept / "live.html"
        page.write_text(f'<!DOCTYPE html><meta charset="utf-8">{STYLE}{terminal}')
        sized(chrome, 760, 480)
        chrome.get(page.as_uri())
        box = chrome.find_element(By.TAG_NAME, "pre").rect
        sized(chrome, round(box["x"] + box["width"] + 8), round(box["y"] + box["height"] + 8))
        save(chrome, folder / "live.png")


def one_look(url: str, socket: Path, folder: Path) -> None:
    """Take the page as it opens on a phone, make what a reader is shown of it, and write what is right."""
    with new_chrome() as chrome:
        sized(chrome, 390, 844, scale=2)
        chrome.get(url)
        save(chrome, folder / "reader.png")
    said = client.get(socket, "/v1/view")["headline"]
    picture = base64.b64encode((folder / "reader.png").read_bytes()).decode()
    (folder / "reader.html").write_text(READ.format(look_s=LOOK_S, picture=picture))
    right = "".join(f"{key}: {said[key]}\n" for key in ("place", "action", "left", "until", "text"))
    (folder / "right.txt").write_text(right)
    print(f"{folder}/reader.html: open it before a reader; {folder}/right.txt is not for him", flush=True)


def live(socket: Path) -> str:
    """Return what `cellwarden live` draws on a terminal of 80x24, as HTML."""
    screen = pyte.Screen(80, 24)
    stream = pyte.Stream(screen)
    command = Command(socket.parent, f"live --socket {socket}", term="xterm-256color")
    command.wait_for("q quit", 20.0)
    until_s = time.monotonic() + 4.0
    while time.monotonic() < until_s:
        command.read(1.0)
    stream.feed(command.shown)
    command.type("q")
    command.end()
    rows = ("".join(_letter(screen.buffer[y][x]) for x in range(screen.columns)) for y in range(screen.lines))
    return f"<pre>{chr(10).join(rows)}</pre>"


def _letter(char: pyte.screens.Char) -> str:
    looks = [char.fg, "b" * char.bold, "r" * char.reverse]
    return f'<span class="{" ".join(looks)}">{html.escape(char.data)}</span>'


def save(chrome: Chrome, path: Path) -> None:
    """Keep what is seen in few colours, and small."""
    time.sleep(3.0)  # the page hears from the agent every other second
    chrome.save_screenshot(str(path))
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    size = path.stat().st_size
    assert size < LARGEST_BYTES, f"{path}: {size} bytes"
    print(f"{path}: {size / 1e3:.0f} kB", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[-1]), readers="--readers" in sys.argv)
