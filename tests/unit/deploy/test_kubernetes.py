"""The page on Kubernetes: its commands and its values do what it says."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import yaml

from tests.chart import (
    CHART,
    OLDEST,
    VARIANTS,
    conformance,
    containers,
    helm,
    named,
    needs_helm,
    objects_of,
    rendered,
    template,
    variables,
)
from tests.deployment import ROOT

PAGE = (ROOT / "docs" / "operations" / "kubernetes.md").read_text()


def blocks() -> list[str]:
    """Return the page's code blocks."""
    found = re.findall(r"(?:^ {4,}\S.*\n)+", PAGE, re.MULTILINE)
    return [re.sub(rf"^ {{{indent(each)}}}", "", each, flags=re.MULTILINE) for each in found]


def indent(block: str) -> int:
    return len(block) - len(block.lstrip())


def test_the_pages_secrets_are_the_ones_that_are_read(tmp_path: Path) -> None:
    """The page's own commands make the namespace and the keys that the chart names."""
    (text,) = (each for each in blocks() if "create secret" in each)
    # There is no namespace to label.
    made_here = 'command kubectl "$@" --dry-run=client -o yaml; echo ---'
    dry = f'kubectl() {{ [ "$1" = label ] || {{ {made_here}; }}; }}\n'
    scripts = sysconfig.get_path("scripts")
    done = subprocess.run(
        ["bash", "-ec", dry + text],
        env={**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    namespace, *made = (each for each in yaml.safe_load_all(done.stdout) if each)
    secrets = {secret["metadata"]["name"]: set(secret["data"]) for secret in made}
    for secret in made:
        assert namespace["metadata"]["name"] == secret["metadata"]["namespace"] == "sketchzoo"
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    qdrant, gallery = values["qdrant"]["secret"], values["tokens"]["gallery"]
    assert secrets == {
        qdrant["name"]: {qdrant["writeKey"], qdrant["readKey"]},
        gallery["secretName"]: {gallery["key"]},
    }


@needs_helm
def test_the_pages_values_make_what_it_says(tmp_path: Path) -> None:
    """An ingress with the page's name, KEDA, monitors with a label, the map; all valid."""
    (text,) = (each for each in blocks() if each.startswith("image:"))
    (tmp_path / "zoo.yaml").write_text(text)
    objects = objects_of(template({}, "-f", tmp_path / "zoo.yaml"))
    assert conformance(objects, OLDEST, tmp_path) == ""
    images = {each["image"].rsplit("/", 1)[0] for each in containers(objects)}
    assert images == {"registry.example.com/zoo/sketchzoo"}
    (live,) = containers(named(objects, "Deployment")["live"])
    assert variables(live)["SKETCHZOO_LIVE_ALLOWED_HOSTS"] == "zoo.example.com"
    assert variables(live)["SKETCHZOO_LIVE_TRUSTED_PROXIES"] == "10.0.0.0/8"
    for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule"):
        (each,) = named(objects, kind).values()
        assert each["metadata"]["labels"]["release"] == "prometheus"
    assert set(named(objects, "ScaledObject")) == {"encoder", "search"}
    assert "map" in named(objects, "CronJob")


@needs_helm
def test_the_pages_gpu_values_are_taken(tmp_path: Path) -> None:
    """They choose nodes by the GPU's product."""
    (text,) = (each for each in blocks() if each.startswith("encoder:"))
    (tmp_path / "gpu.yaml").write_text(text)
    objects = objects_of(template({}, "-f", tmp_path / "gpu.yaml"))
    encoder = named(objects, "Deployment")["encoder"]
    chosen = encoder["spec"]["template"]["spec"]["nodeSelector"]
    assert chosen == {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}


def test_every_value_that_the_page_names_is_there() -> None:
    """`a.b` and `a.b: value` of its text are values that the chart takes."""
    words = set(re.findall(r"`([a-z][a-zA-Z]+(?:\.[a-zA-Z]+)+)(?::[^`]*)?`", PAGE))
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    named_values = {word for word in words if word.split(".")[0] in values}
    assert len(named_values) > 15
    for word in named_values - {"tls.crt", "tls.key"}:
        inner: Any = values
        for key in word.split("."):
            # Variables are the operator's own.
            if key == "env" or key.startswith("SKETCHZOO_"):
                break
            assert key in inner, word
            inner = inner[key]


@needs_helm
def test_the_package_has_rules_and_dashboards_as_files(tmp_path: Path) -> None:
    """What are links in a checkout; it renders to the same objects."""
    done = helm("package", CHART, "-d", tmp_path)
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    packed = template(VARIANTS["everything"], chart=package)
    assert "symbolic link" not in packed.stderr
    assert objects_of(packed) == rendered(VARIANTS["everything"])
