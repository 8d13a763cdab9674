"""Peers: LitServe and mosec serving the same ONNX model behind HTTP, on the same machine.

Each is set up as its own docs advise for a CPU model: LitServe with one worker a core and
no batching (it asks for it only where a batch gains), mosec with one worker process a core.
Both decode and prepare with `sketchzoo.images`, so that the same work is done.
"""

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks import light_client
from benchmarks.bar import Bar
from benchmarks.light_client import Post
from benchmarks.section import Section
from benchmarks.serving import CALLERS
from benchmarks.workload import Workload
from sketchzoo.images import Modality

_PATHS = {"litserve": "/predict", "mosec": "/inference"}


def measure(
    workload: Workload, model: str, own: Mapping[str, float], seconds: float, logs: Path
) -> Section:
    """Measure each peer's images a second with 8 callers; compare with this encoder's.

    `own` are this encoder's figures by their names in the report.
    """
    section = Section(
        "Encoder beside its peers: photos a second, 8 callers",
        ("server", "protocol", "client", "images/s"),
        [("this encoder", "gRPC", "Python", own["encoder_photo_per_second"])],
    )
    light = own.get("encoder_photo_light_client_per_second")
    if light is not None:
        section.rows.append(("this encoder", "gRPC", "h2load", light))
    for name in ("litserve", "mosec"):
        with _serving(name, model, logs) as port:
            # Twice, since a server may answer before its last worker is up: the better counts.
            half = seconds / 2
            python = max(_rate(name, port, workload.photos, half) for _ in range(2))
            section.rows.append((name, "HTTP", "Python", python))
            share = own["encoder_photo_per_second"] / python
            section.bars.append(Bar(f"encoder_over_{name}", share, ">=", 1))
            section.figures[f"{name}_per_second"] = python
            if light is not None:
                post = _post(name, port, workload.typical(Modality.PHOTO))
                rate = max(light_client.rate(post, CALLERS, half) for _ in range(2))
                section.rows.append((name, "HTTP", "h2load", rate))
                bar = Bar(f"encoder_over_{name}_light_client", light / rate, ">=", 1)
                section.bars.append(bar)
                section.figures[f"{name}_light_client_per_second"] = rate
    return section


def _post(name: str, port: int, content: bytes) -> Post:
    body, kind = _body(name, content)
    url = f"http://127.0.0.1:{port}{_PATHS[name]}"
    return Post(url, body, (f"content-type: {kind}",), 1, http1=True)


@contextmanager
def _serving(name: str, model: str, logs: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = (logs / f"{name}.log").open("wb")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.peer_{name}", "--port", str(port)],
            env={**os.environ, "BENCH_MODEL": model, "BENCH_PORT": str(port)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait(port, process)
            yield port
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a peer, and what is left of its group: one of LitServe's own may outlive its parent.

    Such a one takes most of a core from the peer that is measured next.
    """
    with contextlib.suppress(ProcessLookupError):  # nothing is left
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        os.killpg(process.pid, signal.SIGKILL)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1):
                return
        except URLError as error:
            # Any answer will do: the server is there.
            if hasattr(error, "code"):
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise TimeoutError("the peer did not start: see its log")


def _body(name: str, content: bytes) -> tuple[bytes, str]:
    """Return a request's body and type as the peer's docs have it, made beforehand."""
    if name == "litserve":
        image = base64.b64encode(content).decode()
        return json.dumps({"image": image}).encode(), "application/json"
    return content, "application/octet-stream"


def _rate(name: str, port: int, contents: Sequence[bytes], seconds: float) -> float:
    bodies = [_body(name, content) for content in contents]
    counts = [0] * CALLERS
    for duration in (1.0, seconds):
        end = time.perf_counter() + duration

        def caller(number: int, end: float = end) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            count = 0
            while time.perf_counter() < end:
                body, kind = bodies[(number * 97 + count) % len(bodies)]
                headers = {"Content-Type": kind}
                connection.request("POST", _PATHS[name], body=body, headers=headers)
                answer = connection.getresponse()
                said = answer.read()
                if answer.status != 200 or not said:
                    raise RuntimeError(f"{name} answered {answer.status}: {said[:200]!r}")
                count += 1
            counts[number] = count

        start = time.perf_counter()
        threads = [threading.Thread(target=caller, args=(number,)) for number in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not sum(counts):
            raise RuntimeError(f"{name} answered nothing: see its log and the errors above")
        elapsed = time.perf_counter() - start
    return sum(counts) / elapsed
