"""What `sketchzoo data pack` does: make a towers run's material, and write it as one file."""

import tempfile
from pathlib import Path

from rich.console import Console

from sketchzoo_training.errors import ConfigError
from sketchzoo_training.recipes.settings import checked, read_preset
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.material import load_material, pack_material


def run(data: Path, preset: str, out: Path, cache: Path | None) -> None:
    """Pack what `preset` learns from in `data`; `cache` keeps what took minutes to make.

    Raises:
        training.errors.InputError: the preset is no towers', or the data cannot be used.

    """
    values = read_preset(preset)
    if values.get("recipe") != "towers":
        raise ConfigError(f"--preset {preset} learns from images themselves; pack is for towers")
    config = checked(TowersConfig, values, preset)
    with tempfile.TemporaryDirectory() as folder:
        material = load_material(data.resolve(), config, cache or Path(folder))
    pack_material(material, out)
    Console(stderr=True).print(
        f"{out}: {len(material.drawings.labels)} drawings, {len(material.photos.labels)} photos, "
        f"{out.stat().st_size / 2**20:.1f} MiB, data {material.fingerprint()}",
        soft_wrap=True,
        highlight=False,
    )
