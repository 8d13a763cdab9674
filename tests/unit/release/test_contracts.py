"""The contracts as they were last released, and what may be changed of them."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SEARCH = "protos/sketchzoo/search/v1/search.proto"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  float score = 3;\n", "", "was deleted"),
        ("  float score = 3;\n", "  double score = 3;\n", "changed type"),
        ("  float score = 3;\n", "  float score = 3;\n  // New.\n  float more = 99;\n", ""),
        ("  rpc ListClasses", "  rpc Classes", "was deleted"),
    ],
)
def test_what_breaks_the_last_releases_clients_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """By the command of `make check`; what is added passes."""
    for name in ("protos", "third_party"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    text = (tmp_path / SEARCH).read_text()
    assert old in text
    (tmp_path / SEARCH).write_text(text.replace(old, new, 1))
    last = max(
        (tmp_path / "protos" / "released").glob("*.binpb"),
        key=lambda path: tuple(map(int, path.stem.split("."))),
    )
    buf = Path(sysconfig.get_path("scripts")) / "buf"
    done = subprocess.run(
        [buf, "breaking", "protos", "--against", last],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == bool(said)
    assert said in done.stdout + done.stderr
