"""The chart: rendered by Helm, checked by kubeconform, its pods, images and values."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart import (
    CHART,
    EVERYTHING,
    NEWEST,
    OLDEST,
    VARIANTS,
    conformance,
    containers,
    helm,
    named,
    needs_helm,
    pod_templates,
    rendered,
    template,
    variables,
)
from tests.deployment import ROOT, read_dockerfile
from tests.unit.deploy.test_names import VARIABLES

pytestmark = needs_helm

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("variant", "version"),
    [*((variant, OLDEST) for variant in VARIANTS), ("everything", NEWEST)],
)
def test_what_is_rendered_keeps_every_schema(variant: str, version: str, tmp_path: Path) -> None:
    """Strictly, of Kubernetes and of the operators whose resources there are: no unknown field."""
    assert conformance(rendered(VARIANTS[variant]), version, tmp_path) == ""


def test_a_field_that_nobody_knows_is_found(tmp_path: Path) -> None:
    """The check can fail, by each kind's schema."""
    kinds = {each["kind"]: each for each in rendered(VARIANTS["keda"]) if "spec" in each}
    wrong = [{**each, "spec": {**each["spec"], "speck": {}}} for each in kinds.values()]
    told = conformance(wrong, OLDEST, tmp_path)
    assert {"Deployment", "ServiceMonitor", "PrometheusRule", "ScaledObject", "RayJob"} <= set(
        kinds
    )
    for kind in kinds:
        assert re.search(rf" - {kind} \S+ is invalid: .*speck", told), kind


@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_finds_nothing_to_say(variant: str, tmp_path: Path) -> None:
    """`helm lint --strict`."""
    values: dict[str, Any] = {}
    for key, value in VARIANTS[variant].items():
        *path, last = key.split(".")
        inner = values
        for name in path:
            inner = inner.setdefault(name, {})
        inner[last] = value
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    done = helm("lint", CHART, "--strict", "-f", tmp_path / "values.yaml")
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_releases_do_not_share_a_name() -> None:
    """Two in one namespace: every object has the release's name in its own."""
    for each in rendered(EVERYTHING):
        assert each["metadata"]["name"].startswith("zoo-sketchzoo-")
        assert each["metadata"]["namespace"] == "photos"
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "sketchzoo"


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_an_object_selects_is_there(variant: str) -> None:
    """Services, budgets and policies select pods of ours; scalers name a Deployment.

    Qdrant's pods alone come from elsewhere.
    """
    objects = rendered(VARIANTS[variant])
    pods = [{"app.kubernetes.io/name": "qdrant"}, {"app.kubernetes.io/name": "kuberay-operator"}]
    pods += [each["metadata"]["labels"] for each in pod_templates(objects)]
    services = [each["metadata"]["labels"] for each in objects if each["kind"] == "Service"]
    for each in objects:
        chosen = services if each["kind"] == "ServiceMonitor" else pods
        for selector in selectors(each):
            assert any(selector.items() <= labels.items() for labels in chosen), selector
        target = each.get("spec", {}).get("scaleTargetRef")
        if target is not None:
            name = target["name"].removeprefix("zoo-sketchzoo-")
            deployment = named(objects, "Deployment")[name]
            # Nobody else says how many there are.
            assert "replicas" not in deployment["spec"]


def selectors(wanted: Any) -> list[dict[str, str]]:
    """Return the labels by which an object selects pods, wherever they stand in it."""
    if isinstance(wanted, list):
        return [found for each in wanted for found in selectors(each)]
    if not isinstance(wanted, dict):
        return []
    found = [found for each in wanted.values() for found in selectors(each)]
    if wanted.get("kind") == "Service":
        found.append(wanted["spec"]["selector"])
    for key in ("selector", "podSelector"):
        labels = wanted.get(key, {})
        found += [labels["matchLabels"]] if "matchLabels" in labels else []
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_pods_keep_restricted_pod_security(variant: str) -> None:
    """Kubernetes' strictest: else a namespace that enforces it would make no pod."""
    pods = [each["spec"] for each in pod_templates(rendered(VARIANTS[variant]))]
    assert pods
    for pod in pods:
        allowed = {"emptyDir", "persistentVolumeClaim", "secret"}
        assert all(allowed & set(each) for each in pod["volumes"])
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            assert restricted(pod["securityContext"] | container["securityContext"])
            assert container["securityContext"]["readOnlyRootFilesystem"]
            mounted = {each["name"] for each in container["volumeMounts"]}
            assert mounted == {each["name"] for each in pod["volumes"]}


def restricted(context: Mapping[str, Any]) -> bool:
    return (
        bool(context["runAsNonRoot"])
        and not context["allowPrivilegeEscalation"]
        and context["capabilities"] == {"drop": ["ALL"]}
        and context["seccompProfile"] == {"type": "RuntimeDefault"}
    )


def test_qdrants_values_fit_the_namespace() -> None:
    """Its pods may run there, nothing of them as root, with the keys that the others have."""
    values = yaml.safe_load((CHART.parent / "qdrant-values.yaml").read_text())
    assert restricted(values["podSecurityContext"] | values["containerSecurityContext"])
    assert values["image"]["useUnprivilegedImage"]
    assert not values["updateVolumeFsOwnership"]
    references = [value for each in containers(rendered({})) for value in variables(each).values()]
    assert values["apiKey"]["valueFrom"] in references
    assert values["readOnlyApiKey"]["valueFrom"] in references


def test_only_ingest_and_gallery_may_write() -> None:
    """Whoever only reads has the key that can't write."""
    keys = {
        container["name"]: variables(container)["SKETCHZOO_QDRANT_API_KEY"]["secretKeyRef"]["key"]
        for container in containers(rendered({"map.enabled": True}))
        if "SKETCHZOO_QDRANT_API_KEY" in variables(container)
    }
    assert keys == {
        "ingest": "api-key",
        "gallery": "api-key",
        "search": "read-only-api-key",
        "map": "read-only-api-key",
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_variables_are_settings(variant: str) -> None:
    """A misspelt one would be ignored in silence; one that stands twice would hide the other."""
    for container in containers(rendered(VARIANTS[variant])):
        names = [each["name"] for each in container.get("env", [])]
        assert len(set(names)) == len(names)
        assert set(names) <= VARIABLES


def test_an_operators_variables_come_as_they_were_written() -> None:
    """Large numbers too, which Helm has as floats, and truth."""
    given = {"SKETCHZOO_SEARCH_MAX_HELD_BYTES": 268435456, "A": True, "B": "2", "C": 0.25}
    (search,) = containers(named(rendered({"search.env": given}), "Deployment")["search"])
    wanted = {"SKETCHZOO_SEARCH_MAX_HELD_BYTES": "268435456", "A": "true", "B": "2", "C": "0.25"}
    assert wanted.items() <= variables(search).items()


def test_an_operators_variable_comes_in_the_place_of_the_charts() -> None:
    """Each stands once: a server-side apply refuses a list with two of a name."""
    given = {
        "search": "SKETCHZOO_SEARCH_EXEMPT_PEERS",
        "encoder": "SKETCHZOO_ENCODER_WORKERS",
        "gallery": "SKETCHZOO_OTLP_ENDPOINT",
        "live": "SKETCHZOO_LIVE_ALLOWED_HOSTS",
        "ingest": "SKETCHZOO_ENCODER_TARGET",
        "map": "SKETCHZOO_QDRANT_URL",
    }
    values = {f"{part}.env": {name: "mine"} for part, name in given.items()}
    found = containers(rendered({**VARIANTS["everything"], **values}))
    for each in found:
        names = [one["name"] for one in each.get("env", [])]
        assert len(set(names)) == len(names)
    mine = {
        each["name"]: variables(each)[given[each["name"]]]
        for each in found
        if each["name"] in given
    }
    assert mine == dict.fromkeys(given, "mine")


@pytest.mark.parametrize("part", ["encoder", "search", "gallery", "live"])
def test_a_part_is_probed_and_budgeted(part: str) -> None:
    """It has probes on the port it serves, its image's user and ports, and a budget."""
    objects = rendered({})
    pod = named(objects, "Deployment")[part]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    if part == "live":
        # A page that asks for a password refuses all but its health.
        assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
    else:
        assert container["readinessProbe"]["grpc"]["port"] == container["ports"][0]["containerPort"]
    assert container["livenessProbe"]
    assert named(objects, "PodDisruptionBudget")[part]["spec"]["maxUnavailable"] == 1
    stage = read_dockerfile()[container["image"].removeprefix("sketchzoo/").split(":")[0]]
    assert f"{pod['securityContext']['runAsUser']}" == stage.user.split(":")[0]
    assert [str(each["containerPort"]) for each in container["ports"]] == list(stage.exposed)


def test_an_encoder_has_the_workers_that_its_pod_asks_cores_for() -> None:
    """Its pod has no limit of CPU: on a large node it would start a worker for each core."""
    for variant in ("cpu", "gpu"):
        (container,) = containers(named(rendered(VARIANTS[variant]), "Deployment")["encoder"])
        assert "cpu" not in container["resources"]["limits"]
        workers = variables(container)["SKETCHZOO_ENCODER_WORKERS"]["resourceFieldRef"]
        assert workers["resource"] == "requests.cpu"


def test_a_gpu_encoder_asks_for_a_gpu_and_bears_its_nodes_taint() -> None:
    """Its image, one GPU, the selector that was given, and what keeps others from such nodes."""
    values = {**VARIANTS["gpu"], "encoder.nodeSelector.zone": "a", "encoder.gpu.count": 2}
    pod = named(rendered(values), "Deployment")["encoder"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"].startswith("sketchzoo/encoder-gpu:")
    assert container["resources"]["limits"] == {"memory": "12Gi", "nvidia.com/gpu": 2}
    assert pod["nodeSelector"] == {"pool": "gpu", "zone": "a"}
    assert pod["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]
    (others,) = containers(named(rendered(VARIANTS["cpu"]), "Deployment")["encoder"])
    assert "nvidia.com/gpu" not in others["resources"]["limits"]


def test_images_are_of_the_charts_version_or_of_a_digest() -> None:
    """None is pulled by a tag that moves; a registry stands before each."""
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    images = {each["image"] for each in containers(rendered({"map.enabled": True}))}
    assert images == {
        f"sketchzoo/{name}:{version}"
        for name in ("encoder", "search", "gallery", "live-demo", "ingest", "map")
    }
    pinned = rendered(
        {"image.registry": "registry.example.com/zoo/", "search.image.digest": DIGEST}
    )
    (search,) = containers(named(pinned, "Deployment")["search"])
    wanted = f"registry.example.com/zoo/sketchzoo/search:{version}@{DIGEST}"
    assert search["image"] == wanted
    assert variables(search) == variables(
        containers(named(rendered({}), "Deployment")["search"])[0]
    )


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"serach.replicas": 2}, "serach"),
        ({"search.replica": 2}, "replica"),
        ({"search.image.tag": "latest"}, "/search/image/tag"),
        ({"search.image.digest": "sha256:ab"}, "/search/image/digest"),
        ({"image.registry": "https://registry.example.com"}, "/image/registry"),
        ({"encoder.gpu.node": {}}, "/encoder/gpu"),
        ({"encoderNext.enabled": True}, "/encoderNext/model"),
        ({"encoder.replicas": 0}, "/encoder/replicas"),
        ({"autoscaling.engine": "vpa"}, "/autoscaling/engine"),
        ({"ingress.page.enabled": True}, "/ingress/page/host"),
        ({"ingest.ray.enabled": True}, "/ingest/ray/image/repository"),
        ({"qdrant.url": "qdrant:6334"}, "/qdrant/url"),
        ({"tokens.gallery.secretName": ""}, "/tokens/gallery/secretName"),
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, Any], told: str) -> None:
    """By name, before anything is applied."""
    done = template(values)
    assert done.returncode != 0
    assert told in done.stderr


def test_a_file_of_digests_pins_every_image() -> None:
    """The values' own keys are those that a release's workflow writes digests under."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    keys = {
        each["target"]: each["values"]
        for each in workflow["jobs"]["images"]["strategy"]["matrix"]["include"]
    }
    pinned = {f"{key}.image.digest": DIGEST for key in keys.values()}
    for values in (pinned | {"map.enabled": True}, pinned | {"encoder.gpu.enabled": True}):
        for each in containers(rendered(values)):
            name = each["image"].split(":")[0].removeprefix("sketchzoo/")
            assert each["image"].endswith(f"@{DIGEST}")
            assert name in keys
