"""How smoothly the film viewer moves and windows a film of 2,500 pixels, in a real Chromium.

    python -m benchmarks.viewer [--side 2500] [--frames 120]

The viewer's own scripts run on a page of their own, with a generated film of 16 bits. One synthetic pointer event is
sent before every frame, as a hand that never rests would; told are the times between frames as the browser counts them
(requestAnimationFrame) and what one drawing costs on the main thread. Chromium runs without a GPU, so a reader's
machine does better. The screen allows a frame each 16.7 ms; a busy machine allows fewer, so its load stands beside.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import shutil
import statistics
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from cxr_core.phantom import phantom
from ui import viewer
from ui.theme import label_facts

_SCRIPTS = Path(viewer.__file__).resolve().parent
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]

_PAGE = """<!doctype html><meta charset="utf-8"><style>body {{ margin: 0 }} {css}</style>{html}
<script type="module">{js}
const data = {data};
const root = document.querySelector(".viewer");
const paints = [];
const paint = Viewer.prototype.paint;
Viewer.prototype.paint = function () {{
  const from = performance.now();
  paint.call(this);
  paints.push(performance.now() - from);
}};
mount({{ parentElement: document.body, data, setTriggerValue: () => undefined }});
const canvas = root.querySelector("canvas");
const send = (type, clientX, clientY, button) =>
  canvas.dispatchEvent(new PointerEvent(type, {{ pointerId: 1, clientX, clientY, button, bubbles: true }}));
HTMLCanvasElement.prototype.setPointerCapture = () => undefined;
window.measure = (button, zoom, frames) => new Promise((done) => {{
  const viewer = viewers.get(root);
  viewer.fresh();
  viewer.zoomAt(viewer.middle(), zoom);
  send("pointerdown", 400, 400, button);
  paints.length = 0;
  const gaps = [];
  let last = 0;
  const step = (now, left) => {{
    if (last) gaps.push(now - last);
    last = now;
    if (!left) {{ send("pointerup", 400, 400, button); done({{ gaps, paints: [...paints] }}); return; }}
    const turn = left / 9;
    send("pointermove", 400 + 160 * Math.sin(turn), 400 + 120 * Math.cos(turn), button);
    requestAnimationFrame((next) => step(next, left - 1));
  }};
  requestAnimationFrame((now) => step(now, frames));
}});
</script>"""


def page(folder: Path, side: int) -> None:
    """Write the page and its film."""
    pixels = phantom(5, height=side, width=round(side * 0.82), signs=("effusion",))
    packed = cv2.merge(
        [np.zeros_like(pixels, np.uint8), (pixels & 255).astype(np.uint8), (pixels >> 8).astype(np.uint8)]
    )
    cv2.imwrite(str(folder / "film.png"), packed)
    height, width = pixels.shape
    film = {"id": "f", "url": "film.png", "kind": "rg16", "width": width, "height": height, "caption": ""}
    box = {"id": "m0", "label": "Effusion", "score": 0.8, "flagged": True, "status": None, "fixed": False}
    data: dict[str, Any] = {
        "film": film | {"synthetic": True},
        "other": None,
        "labels": label_facts(),
        "boxes": [box | {"box": [width * 0.1, height * 0.5, width * 0.4, height * 0.8]}],
        "flagged": ["Effusion"],
        "evidence": {"labels": [], "why": "", "first": "", "maps": None, "trouble": ""},
        "prefetch": [],
        "seq": 0,
        "undo": False,
    }
    scripts = "\n".join((_SCRIPTS / name).read_text(encoding="utf-8") for name in viewer.SCRIPTS)
    scripts = scripts.replace("export default function (", "function mount(")
    text = _PAGE.format(
        css=(_SCRIPTS / "viewer.css").read_text(encoding="utf-8"),
        html=(_SCRIPTS / "viewer.html").read_text(encoding="utf-8"),
        js=scripts,
        data=json.dumps(data),
    )
    (folder / "index.html").write_text(text, encoding="utf-8")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def _line(what: str, said: dict[str, list[float]]) -> str:
    gaps, paints = sorted(said["gaps"]), sorted(said["paints"])
    late = sum(gap > 34 for gap in gaps)
    return (
        f"{what:<34} {statistics.median(gaps):6.1f} {gaps[int(0.95 * len(gaps))]:6.1f} {late:4d} of {len(gaps)} "
        f"{statistics.median(paints):8.1f} {paints[int(0.95 * len(paints))]:6.1f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=2500, help="pixels of the film's longer side")
    parser.add_argument("--frames", type=int, default=120, help="frames a motion")
    arguments = parser.parse_args()
    chromium = os.environ.get("CXR_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        page(Path(name), arguments.side)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=name))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        opened = browser.new_page(viewport={"width": 1280, "height": 800})
        opened.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        opened.locator('.viewer[data-ready="true"]').wait_for()
        print(f"film of {arguments.side} px, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"{'ms':<34} between frames: median, 95th percentile, over 34; drawing: median, 95th percentile")
        motions = [("move, whole film", 0, 1), ("move, zoomed to 4", 0, 4), ("window, whole film", 2, 1)]
        for what, button, zoom in [*motions, ("window, zoomed to 4", 2, 4)]:
            print(_line(what, opened.evaluate(f"measure({button}, {zoom}, {arguments.frames})")))
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
