"""The manifests: built by kustomize, Kubernetes' schemas, probes, budgets, nothing left out."""

import functools
import os
import re
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deployment import ROOT, read_dockerfile

FOLDER = ROOT / "deploy" / "kubernetes"
PAGE = ROOT / "docs" / "operations" / "kubernetes.md"
VERSION = "1.33"
VARIANTS = ("base", "cpu", "gpu")


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


MANIFESTS = {
    f"{path.parent.name}/{path.stem}/{each['kind']}/{each['metadata']['name']}": each
    for path in sorted(FOLDER.glob("*/*.yaml"))
    if path.stem != "kustomization"
    for each in documents(path)
}
DEPLOYMENTS = {name: each for name, each in MANIFESTS.items() if each["kind"] == "Deployment"}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_keeps_its_schema(name: str) -> None:
    """Strictly: an unknown field is refused."""
    kubernetes_validate.validate(MANIFESTS[name], VERSION, strict=True)


def test_the_schema_check_can_fail() -> None:
    """A misspelt field is found."""
    wrong = {**next(iter(DEPLOYMENTS.values())), "speck": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def kustomized(folder: Path) -> list[dict[str, Any]]:
    """Return what `kubectl kustomize` makes of a folder; its binary comes from the dev packages."""
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "kubectl", "kustomize", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@functools.cache
def built(variant: str) -> list[dict[str, Any]]:
    return kustomized(FOLDER / variant)


def named(objects: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((each["kind"], each["metadata"]["name"]) for each in objects)


@pytest.mark.parametrize("variant", VARIANTS)
def test_kustomize_builds_every_file(variant: str) -> None:
    """What is built is each object of the variant's files, and of the base's, once.

    And the one that kustomize makes: the live page's variables.
    """
    folders = {"base", variant}
    files = [each for name, each in MANIFESTS.items() if name.split("/")[0] in folders]
    objects = built(variant)
    (made,) = (each for each in objects if each["kind"] == "ConfigMap")
    assert made["metadata"]["name"].startswith("live-demo-")
    assert named([each for each in objects if each is not made]) == named(files)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_built_keeps_its_schema(variant: str) -> None:
    """Each built object is valid, in the one namespace, and labelled as a part of this."""
    for each in built(variant):
        kubernetes_validate.validate(each, VERSION, strict=True)
        metadata = each["metadata"]
        assert metadata["labels"]["app.kubernetes.io/part-of"] == "sketchzoo", metadata
        assert metadata["name" if each["kind"] == "Namespace" else "namespace"] == "sketchzoo"


@pytest.mark.parametrize("variant", ["cpu", "gpu"])
def test_what_an_object_names_is_built(variant: str) -> None:
    """Services, budgets and policies select pods of ours; scalers name a deployment.

    Qdrant's pods alone come from elsewhere.
    """
    pods_are_there(built(variant))


def pods_are_there(objects: list[dict[str, Any]]) -> None:
    pods = [{"app.kubernetes.io/name": "qdrant"}]
    pods += [
        each["spec"]["template"]["metadata"]["labels"]
        for each in objects
        if each["kind"] == "Deployment"
    ]
    pods += [
        each["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
        for each in objects
        if each["kind"] == "CronJob"
    ]
    for each in objects:
        for selector in selectors(each):
            assert any(selector.items() <= labels.items() for labels in pods), selector
        if each["kind"] == "HorizontalPodAutoscaler":
            target = each["spec"]["scaleTargetRef"]
            assert (target["kind"], target["name"]) in named(objects)


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


@pytest.mark.parametrize("variant", ["cpu", "gpu"])
def test_pods_keep_what_the_namespace_enforces(variant: str) -> None:
    """Kubernetes' restricted pod security: else no pod would be made."""
    objects = built(variant)
    (namespace,) = (each for each in objects if each["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = [pod for each in objects for pod in pod_specs(each)]
    assert len(pods) == 5
    for pod in pods:
        assert all({"emptyDir", "persistentVolumeClaim"} & set(each) for each in pod["volumes"])
        for container in pod["containers"]:
            assert restricted(pod["securityContext"] | container["securityContext"])


@pytest.mark.parametrize("variant", ["cpu", "gpu"])
def test_an_encoder_has_the_workers_that_its_pod_asks_cores_for(variant: str) -> None:
    """Its pod has no limit of CPU: on a large node it would start a worker for each core."""
    (encoder,) = (
        each
        for each in built(variant)
        if each["kind"] == "Deployment" and each["metadata"]["name"] == "encoder"
    )
    (container,) = encoder["spec"]["template"]["spec"]["containers"]
    assert "cpu" not in container["resources"]["limits"]
    environment = {each["name"]: each for each in container["env"]}
    workers = environment["SKETCHZOO_ENCODER_WORKERS"]["valueFrom"]["resourceFieldRef"]
    assert workers["resource"] == "requests.cpu"


def test_qdrants_values_fit_the_namespace() -> None:
    """Its pods may run there, nothing of them as root, with the key that the others have."""
    values = yaml.safe_load((FOLDER / "qdrant-values.yaml").read_text())
    assert restricted(values["podSecurityContext"] | values["containerSecurityContext"])
    assert values["image"]["useUnprivilegedImage"]
    assert not values["updateVolumeFsOwnership"]
    references = [
        entry["valueFrom"]
        for each in built("cpu")
        for container in containers(each)
        for entry in container.get("env", [])
        if "valueFrom" in entry
    ]
    assert values["apiKey"]["valueFrom"] in references
    assert values["readOnlyApiKey"]["valueFrom"] in references


def test_only_ingest_and_gallery_may_write() -> None:
    """Whoever only reads has the key that can't write."""
    keys = {
        container["name"]: entry["valueFrom"]["secretKeyRef"]["key"]
        for each in MANIFESTS.values()
        for container in containers(each)
        for entry in container.get("env", [])
        if entry["name"] == "SKETCHZOO_QDRANT_API_KEY"
    }
    assert keys == {
        "ingest": "api-key",
        "gallery": "api-key",
        "search": "read-only-api-key",
        "map": "read-only-api-key",
    }


def restricted(context: Mapping[str, Any]) -> bool:
    return (
        bool(context["runAsNonRoot"])
        and not context["allowPrivilegeEscalation"]
        and context["capabilities"] == {"drop": ["ALL"]}
        and context["seccompProfile"] == {"type": "RuntimeDefault"}
    )


def pod_specs(wanted: Any) -> list[dict[str, Any]]:
    """Return the specs of an object's pods, wherever they stand in it."""
    if isinstance(wanted, list):
        return [found for each in wanted for found in pod_specs(each)]
    if not isinstance(wanted, dict):
        return []
    inner = [found for each in wanted.values() for found in pod_specs(each)]
    return [*([wanted] if "containers" in wanted else []), *inner]


def blocks(page: str) -> list[str]:
    """Return a page's code blocks."""
    found = re.findall(r"(?:^ {7,}\S.*\n)+", page, re.MULTILINE)
    return [re.sub(r"^ {7}", "", each, flags=re.MULTILINE) for each in found]


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Build the page's kustomization, its further lines too, beside the checkout."""
    page = PAGE.read_text()
    (images,) = (each for each in blocks(page) if "newName" in each)
    further = re.findall(r"(?:^ {4}.*\n)+", page.partition("Further lines")[2], re.MULTILINE)[0]
    root = tmp_path_factory.mktemp("kubernetes")
    (root / "mine").mkdir()
    (root / "sketchzoo").symlink_to(ROOT, target_is_directory=True)
    text = images + re.sub(r"^ {4}", "", further, flags=re.MULTILINE)
    (root / "mine" / "kustomization.yaml").write_text(text)
    return kustomized(root / "mine")


def test_the_pages_images_are_taken(mine: list[dict[str, Any]]) -> None:
    """Every image has the registry's name."""
    images = {container["image"] for each in mine for container in containers(each)}
    assert {image.rsplit("/", 1)[0] for image in images} == {"registry.example.com/zoo"}


def test_the_pages_further_lines_do_what_it_says(mine: list[dict[str, Any]]) -> None:
    """The map's volume and job, the page's names and proxies, another model; all of it valid."""
    for each in mine:
        kubernetes_validate.validate(each, VERSION, strict=True)
    pods_are_there(mine)
    for pod in (pod for each in mine for pod in pod_specs(each)):
        for container in pod["containers"]:
            assert restricted(pod["securityContext"] | container["securityContext"])
    (given,) = (each for each in mine if each["kind"] == "ConfigMap")
    assert given["data"] == {
        "SKETCHZOO_LIVE_ALLOWED_HOSTS": "zoo.example.com",
        "SKETCHZOO_LIVE_TRUSTED_PROXIES": "10.0.0.0/8",
    }
    deployments = {each["metadata"]["name"]: each for each in mine if each["kind"] == "Deployment"}
    (page,), (encoder,) = (containers(deployments[name]) for name in ("live-demo", "encoder"))
    assert page["envFrom"] == [{"configMapRef": {"name": given["metadata"]["name"]}}]
    assert {"name": "SKETCHZOO_ENCODER_MODEL", "value": "/models/zoo-2"} in encoder["env"]
    (job,) = (each for each in mine if each["metadata"]["name"] == "map" and pod_specs(each))
    (writer,) = containers(job)
    assert {"name": "SKETCHZOO_LIVE_MAP_FILE", "value": writer["args"][-1]} in page["env"]
    for container in (page, writer):
        assert "/map" in {each["mountPath"] for each in container["volumeMounts"]}


def containers(wanted: Any) -> list[dict[str, Any]]:
    """Return the containers of an object's pods."""
    return [container for pod in pod_specs(wanted) for container in pod["containers"]]


def test_the_pages_secret_is_the_one_that_is_read(tmp_path: Path) -> None:
    """The page's own commands make the namespace and the key that the manifests name."""
    (text,) = (each for each in blocks(PAGE.read_text()) if "create secret" in each)
    dry = 'kubectl() { command kubectl "$@" --dry-run=client -o yaml; echo ---; }\n'
    scripts = sysconfig.get_path("scripts")
    done = subprocess.run(
        ["bash", "-ec", dry + text],
        env={**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    namespace, *made = (each for each in yaml.safe_load_all(done.stdout) if each)
    secrets = {secret["metadata"]["name"]: secret for secret in made}
    for secret in made:
        assert namespace["metadata"]["name"] == secret["metadata"]["namespace"] == "sketchzoo"
    wanted = [
        entry["valueFrom"]["secretKeyRef"]
        for each in built("cpu")
        for container in containers(each)
        for entry in container.get("env", [])
        if "secretKeyRef" in entry.get("valueFrom", {})
    ]
    assert wanted
    for reference in wanted:
        assert reference["key"] in secrets[reference["name"]]["data"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_is_probed_budgeted_and_confined(name: str) -> None:
    """It has probes on the port it serves, a disruption budget, and no rights."""
    deployment = DEPLOYMENTS[name]
    part = deployment["metadata"]["name"]
    variant = name.split("/", maxsplit=1)[0]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]
    assert container["livenessProbe"]
    if part == "live-demo":
        # A page that asks for a password refuses all but its health.
        assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
    else:
        port = container["ports"][0]["containerPort"]
        assert container["readinessProbe"]["grpc"]["port"] == port
    assert f"{variant}/{part}/PodDisruptionBudget/{part}" in MANIFESTS
    assert f"base/network/NetworkPolicy/{part}" in MANIFESTS
    assert container["securityContext"]["readOnlyRootFilesystem"]
    image = container["image"].removeprefix("sketchzoo/").split(":")[0]
    stage = read_dockerfile()[image]
    assert f"{pod['securityContext']['runAsUser']}" == stage.user.split(":")[0]
    assert [str(each["containerPort"]) for each in container["ports"]] == list(stage.exposed)


def test_encoders_scale_with_their_queue_and_are_reached_one_by_one() -> None:
    """The autoscaler looks at the queue's time; the service is headless."""
    for variant in ("cpu", "gpu"):
        scaler = MANIFESTS[f"{variant}/encoder/HorizontalPodAutoscaler/encoder"]
        (metric,) = scaler["spec"]["metrics"]
        assert metric["pods"]["metric"]["name"] == "sketchzoo_encoder_queue_seconds_p99"
        service = MANIFESTS[f"{variant}/encoder/Service/encoder"]
        assert service["spec"]["clusterIP"] == "None"
