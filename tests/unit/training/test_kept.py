import shutil
from pathlib import Path

import numpy as np
import pytest

from sketchzoo_training.recipes.towers.kept import kept, key_of
from sketchzoo_training.recipes.towers.material import load_material
from tests.unit.training.tiny_towers import tiny


@pytest.mark.parametrize("change", ["nothing", "content", "settings", "preprocessing", "order"])
def test_what_is_kept_is_used_for_the_same_data_and_settings_only(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names tell nothing: a file may change under its name, and so may what is made of it."""
    files = [tmp_path / name for name in ("a", "b")]
    for file in files:
        file.write_bytes(file.name.encode())
    path = tmp_path / "kept.npz"
    keep = 0.9

    def ask(number: int) -> int:
        return int(kept(path, key_of(files, keep=keep), lambda: np.array([number]))[0])

    assert ask(1) == 1
    if change == "content":
        files[1].write_bytes(b"other")
    elif change == "settings":
        keep = 0.8
    elif change == "preprocessing":
        monkeypatch.setattr("sketchzoo_training.recipes.towers.kept.PREPROCESSING_VERSION", 99)
    elif change == "order":
        files.reverse()
    assert ask(2) == (1 if change == "nothing" else 2)


def test_drawings_contours_and_thick_pens_follow_their_files(data: Path, tmp_path: Path) -> None:
    """A drawing and a photo that are replaced under their names are read anew."""
    config = tiny()
    own = Path(shutil.copytree(data, tmp_path / "data"))
    kept_there, empty = tmp_path / "kept", tmp_path / "empty"
    before = load_material(own, config, kept_there)
    for folder in ("sketch", "photo"):
        one, other = sorted((own / "zoo" / folder / "ant").iterdir())[:2]
        one.write_bytes(other.read_bytes())
    again, anew = (load_material(own, config, cache) for cache in (kept_there, empty))
    assert again.drawings.lines.tobytes() == anew.drawings.lines.tobytes()
    assert again.photos.features.tobytes() == anew.photos.features.tobytes()
    assert again.drawings.lines.tobytes() != before.drawings.lines.tobytes()
