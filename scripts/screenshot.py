"""A picture of camoverlay-web's page in Chromium: screenshot.py URL FILE.png, for `make pictures`.

The mouse asks for a place, once the video runs. Needs Debian's chromium and chromium-driver.
"""

import base64
import json
import subprocess
import sys
import time
import urllib.request

SIZE = (1240, 1180)  # of the window, in pixels
PLACE = (0.63, 0.62)  # of the explanation, as shares of its sides
PATIENCE = 60  # seconds
RUNNING = "return document.getElementById('counts').dataset.framesDecoded > 20"
BOX = "const box = document.getElementById('explained').getBoundingClientRect(); return [box.x, box.y, box.width, box.height]"
TOLD = "return !document.getElementById('place').hidden"


class Driver:
    """A session of the WebDriver standard."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        said = next(line for line in self.process.stdout if "started successfully on port" in line)
        self.session = f"http://127.0.0.1:{said.split()[-1].rstrip('.')}/session"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size={},{}".format(*SIZE)]
        wanted = {"goog:chromeOptions": {"args": arguments}}
        self.session += "/" + self.ask("", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def ask(self, path: str, body: dict | None, method: str = "POST"):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.session + path, data, {"Content-Type": "application/json"}, method=method)
        return json.load(urllib.request.urlopen(request, timeout=PATIENCE))["value"]

    def run(self, script: str):
        return self.ask("/execute/sync", {"script": script, "args": []})

    def wait(self, script: str) -> None:
        end = time.monotonic() + PATIENCE
        while not self.run(script):
            assert time.monotonic() < end, script
            time.sleep(0.1)

    def point(self, x: float, y: float) -> None:
        move = {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [move]}
        self.ask("/actions", {"actions": [mouse]})


def main(url: str, file: str) -> None:
    driver = Driver()
    try:
        driver.ask("/url", {"url": url})
        driver.wait(RUNNING)
        x, y, width, height = driver.run(BOX)
        driver.point(x + PLACE[0] * width, y + PLACE[1] * height)
        driver.wait(TOLD)
        picture = base64.b64decode(driver.ask("/screenshot", None, "GET"))
        driver.ask("", None, "DELETE")
    finally:
        driver.process.terminate()
    with open(file, "wb") as out:
        out.write(picture)


main(sys.argv[1], sys.argv[2])
