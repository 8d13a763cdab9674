"""The Helm chart, rendered by Helm and checked by kubeconform, for tests."""

import functools
import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deployment import ROOT

CHART = ROOT / "deploy" / "helm" / "sketchzoo"
# Schemas of what Kubernetes has, from a package, and of what others define, which
# scripts/crd_schemas.py makes.
_KUBERNETES = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
_OTHERS = ROOT / "tests" / "unit" / "deploy" / "schemas"
_PATH = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ.get('PATH', '')}"

# The oldest Kubernetes that the chart takes, and the newest that has schemas here.
OLDEST, NEWEST = "1.29.0", "1.37.0"

needs_helm = pytest.mark.skipif(
    not all(shutil.which(tool, path=_PATH) for tool in ("helm", "kubeconform")),
    reason="helm or kubeconform is missing: `make tools` builds them, with Go",
)
EVERYTHING = {
    "gallery.enabled": True,
    "map.enabled": True,
    "ingress.page.enabled": True,
    "ingress.page.host": "zoo.example.com",
    "ingress.page.tlsSecretName": "zoo-tls",
    "ingress.grpc.enabled": True,
    "ingress.grpc.host": "grpc.zoo.example.com",
    "monitoring.serviceMonitor.enabled": True,
    "monitoring.prometheusRule.enabled": True,
    "monitoring.dashboards.enabled": True,
    "tokens.search.secretName": "search",
    "tokens.encoder.secretName": "encoder",
    "tokens.page.secretName": "page",
    "tls.secretName": "tls",
    "qdrant.url": "https://qdrant:6334",
    "qdrant.ca.secretName": "qdrant-ca",
    "otlpEndpoint": "http://collector:4317",
    "live.trustedProxies": ["10.0.0.0/8"],
    "ingest.ray.enabled": True,
    "ingest.ray.image.repository": "registry.example.com/zoo/ingest-ray",
    "ingest.ray.rayVersion": "2.60.0",
}
# What operators run, by name.
VARIANTS: dict[str, dict[str, Any]] = {
    "cpu": {},
    "gpu": {"encoder.gpu.enabled": True, "encoder.gpu.nodeSelector.pool": "gpu"},
    "next": {"encoderNext.enabled": True, "encoderNext.model": "/models/zoo-2"},
    "everything": {**EVERYTHING, "autoscaling.engine": "hpa"},
    "keda": {**EVERYTHING, "autoscaling.engine": "keda", "encoder.gpu.enabled": True},
    "least": {
        "gallery.enabled": False,
        "live.enabled": False,
        "photos.claim": "",
        "networkPolicy.enabled": False,
        "podDisruptionBudget.enabled": False,
    },
}


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Helm, which is told nothing of this machine's own settings."""
    return _run("helm", *arguments)


def template(
    values: dict[str, Any], *arguments: str | Path, chart: Path = CHART
) -> subprocess.CompletedProcess[str]:
    """Run `helm template` with values, each by its dotted name.

    A Helm that Go built knows no version of Kubernetes by itself.
    """
    sets = [f"--set-json={key}={json.dumps(each)}" for key, each in values.items()]
    return helm(
        "template",
        "zoo",
        chart,
        "--namespace",
        "photos",
        "--kube-version",
        OLDEST,
        *sets,
        *arguments,
    )


def objects_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the objects that Helm wrote."""
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects that the chart makes of values."""
    return _rendered(json.dumps(values))


@functools.cache
def _rendered(values: str) -> list[dict[str, Any]]:
    return objects_of(template(json.loads(values)))


def _copy_schemas(kinds: set[str], version: str, folder: Path) -> None:
    """Copy Kubernetes' strict schemas of kinds, so that they find each other where they lie."""
    for path in (_KUBERNETES / f"v{version}-local-strict").glob("*.json"):
        if path.name.split("-")[0] in {kind.lower() for kind in kinds} | {"_definitions.json"}:
            text = path.read_text().replace('"/api/_definitions.json#', '"_definitions.json#')
            text = re.sub(r',\s*"\$id": "https://kubernetes.io/[^"]*"', "", text)
            (folder / path.name).write_text(text)


def conformance(objects: list[dict[str, Any]], version: str, folder: Path) -> str:
    """Return what kubeconform finds wrong in objects for a version of Kubernetes, if anything."""
    _copy_schemas({each["kind"] for each in objects}, version, folder)
    path = folder / "objects.yaml"
    path.write_text(yaml.dump_all(objects, Dumper=yaml.CSafeDumper))
    locations = (
        f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
        f"{_OTHERS}/{{{{.Group}}}}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json",
    )
    places = [word for each in locations for word in ("-schema-location", each)]
    done = _run("kubeconform", "-strict", "-summary", "-kubernetes-version", version, *places, path)
    if done.returncode == 0:
        # Nothing may be left out for want of a schema.
        assert re.search(
            rf"Valid: {len(objects)}, Invalid: 0, Errors: 0, Skipped: 0", done.stdout
        ), done.stdout
        return ""
    return done.stdout + done.stderr


def _run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    found = shutil.which(program, path=_PATH)
    assert found is not None
    environment = {
        name: each for name, each in os.environ.items() if not name.startswith(("HELM_", "KUBE"))
    }
    return subprocess.run(
        [found, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


def named(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Return the objects of a kind by name, without the release's."""
    return {
        each["metadata"]["name"].removeprefix("zoo-sketchzoo-"): each
        for each in objects
        if each["kind"] == kind
    }


def pod_templates(wanted: Any) -> list[dict[str, Any]]:
    """Return the templates of an object's pods, wherever they stand in it, and a pod itself."""
    if isinstance(wanted, list):
        return [found for each in wanted for found in pod_templates(each)]
    if not isinstance(wanted, dict):
        return []
    inner = [found for each in wanted.values() for found in pod_templates(each)]
    return [*([wanted] if "containers" in wanted.get("spec", {}) else []), *inner]


def containers(wanted: Any) -> list[dict[str, Any]]:
    """Return the containers of an object's pods."""
    return [container for pod in pod_templates(wanted) for container in pod["spec"]["containers"]]


def variables(container: dict[str, Any]) -> dict[str, Any]:
    """Return a container's variables: values, and where others come from."""
    return {
        each["name"]: each.get("value", each.get("valueFrom")) for each in container.get("env", [])
    }
