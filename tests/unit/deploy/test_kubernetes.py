"""The manifests: Kubernetes' schemas, probes, budgets, and nothing left out."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deployment import ROOT, read_dockerfile

FOLDER = ROOT / "deploy" / "kubernetes"
VERSION = "1.33"


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


@pytest.mark.parametrize("variant", ["base", "cpu", "gpu"])
def test_kustomize_lists_every_file(variant: str) -> None:
    """Each file is a resource, and each resource is there."""
    folder = FOLDER / variant
    (listed,) = documents(folder / "kustomization.yaml")
    files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    others = {"../base"} if variant != "base" else set()
    assert set(listed["resources"]) == files | others


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
    if part != "live-demo":
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
