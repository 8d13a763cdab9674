"""What the chart can do beside its pods: scale, watch, let in, keep apart, ingest by Ray, TLS."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart import VARIANTS, containers, named, needs_helm, pod_templates, rendered, variables
from tests.deployment import ROOT

pytestmark = needs_helm

RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
COMPONENT = "app.kubernetes.io/component"


def test_nothing_wants_an_operator_by_default() -> None:
    """What a plain cluster does not have is asked for by a value."""
    assert {each["apiVersion"] for each in rendered({})} == {
        "apps/v1",
        "batch/v1",
        "networking.k8s.io/v1",
        "policy/v1",
        "v1",
    }


def test_encoders_scale_with_their_queue() -> None:
    """The autoscaler looks at the queue's time; the service is headless, so each is called."""
    objects = rendered({**VARIANTS["everything"], "encoder.autoscaling.queueSeconds": 0.07})
    scaler = named(objects, "HorizontalPodAutoscaler")["encoder"]["spec"]
    (metric,) = scaler["metrics"]
    assert metric["pods"] == {
        "metric": {"name": "sketchzoo_encoder_queue_seconds_p99"},
        "target": {"type": "AverageValue", "averageValue": "70m"},
    }
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 12)
    assert named(objects, "Service")["encoder"]["spec"]["clusterIP"] == "None"


def queries() -> dict[str, str]:
    """Return what KEDA asks Prometheus, by part."""
    return {
        name: trigger["metadata"]["query"]
        for name, each in named(rendered(VARIANTS["keda"]), "ScaledObject").items()
        for trigger in each["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    }


def test_keda_scales_by_metrics_that_there_are(tmp_path: Path) -> None:
    """Of the table of metrics, in expressions that Prometheus takes, and not divided."""
    found = queries()
    assert set(found) == {"encoder", "search"}
    table = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    asked = {name for each in found.values() for name in re.findall(r"sketchzoo_\w+", each)}
    assert {re.sub(r"_bucket$", "", name) for name in asked} <= table
    for each in named(rendered(VARIANTS["keda"]), "ScaledObject").values():
        for trigger in each["spec"]["triggers"]:
            assert trigger["type"] == "cpu" or trigger["metricType"] == "Value"
    if shutil.which("promtool") is None:
        pytest.skip("promtool is missing")
    rules = [{"record": f"a:{name}", "expr": each} for name, each in found.items()]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "keda", "rules": rules}]}))
    subprocess.run(["promtool", "check", "rules", path], check=True)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing")
def test_what_keda_asks_has_an_answer_with_and_without_calls(tmp_path: Path) -> None:
    """The queue's p99 and the share of places taken; nothing, not NaN, where nobody calls."""
    of = 'namespace="photos",job='
    queue, places = queries()["encoder"], queries()["search"]
    bucket = f'sketchzoo_encoder_queue_seconds_bucket{{{of}"encoder",le='
    place = f'sketchzoo_search_places{{{of}"search",kind="search",pod='
    taken = place.replace("places", "places_taken")
    busy = {
        "interval": "1m",
        "input_series": [
            {"series": f'{bucket}"0.1"}}', "values": "0+60x10"},
            {"series": f'{bucket}"0.2"}}', "values": "0+60x10"},
            {"series": f'{bucket}"+Inf"}}', "values": "0+60x10"},
            {"series": f'{place}"a"}}', "values": "10x10"},
            {"series": f'{taken}"a"}}', "values": "9x10"},
            {"series": f'{place}"b"}}', "values": "10x10"},
            {"series": f'{taken}"b"}}', "values": "7x10"},
        ],
        "promql_expr_test": [answered(queue, 0.099), answered(places, 0.8)],
    }
    idle = {
        "interval": "1m",
        "input_series": [{"series": f'{bucket}"+Inf"}}', "values": "5x10"}],
        "promql_expr_test": [answered(queue, 0), answered(places, 0)],
    }
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": [], "tests": [busy, idle]}))
    done = subprocess.run(
        ["promtool", "test", "rules", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def answered(query: str, value: float) -> dict[str, Any]:
    sample = {"labels": "{}", "value": value}
    return {"expr": query, "eval_time": "8m", "exp_samples": [sample]}


def test_rules_are_the_projects_own() -> None:
    """All groups of its files, unchanged: alerts, recording rules, templates in their texts."""
    (rule,) = named(rendered(VARIANTS["everything"]), "PrometheusRule").values()
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    assert rule["spec"]["groups"] == groups


def test_jobs_have_the_names_that_rules_and_dashboards_ask_by() -> None:
    """A part's label is its job; each job of the rules but Qdrant's is scraped."""
    objects = rendered({**VARIANTS["everything"], **VARIANTS["next"]})
    (services,) = named(objects, "ServiceMonitor").values()
    (pods,) = named(objects, "PodMonitor").values()
    assert services["spec"]["jobLabel"] == pods["spec"]["jobLabel"] == COMPONENT
    ports = {each["port"] for each in services["spec"]["endpoints"]}
    scraped = {
        each["metadata"]["labels"][COMPONENT]
        for each in named(objects, "Service").values()
        if ports & {port["name"] for port in each["spec"]["ports"]}
    }
    scraped.add(pods["spec"]["selector"]["matchLabels"][COMPONENT])
    text = "".join(path.read_text() for path in RULES)
    asked = {job for each in re.findall(r'job=~?"([\w|-]+)"', text) for job in each.split("|")}
    assert asked - {"qdrant"} == scraped
    for each in pod_templates(objects):
        assert "prometheus.io/scrape" not in each["metadata"].get("annotations", {})


def test_dashboards_are_the_projects_own() -> None:
    """Each a ConfigMap that Grafana's sidecar looks for."""
    files = {
        path.name: path.read_text() for path in (ROOT / "deploy/grafana/dashboards").glob("*.json")
    }
    maps = named(rendered(VARIANTS["everything"]), "ConfigMap").values()
    assert all(each["metadata"]["labels"]["grafana_dashboard"] == "1" for each in maps)
    data = {name: text for each in maps for name, text in each["data"].items()}
    assert {name.removeprefix("sketchzoo-"): json.loads(text) for name, text in data.items()} == {
        name: json.loads(text) for name, text in files.items()
    }


def test_an_ingress_leads_to_the_page_and_to_search() -> None:
    """By name, with a certificate; the page is told the name under which it is reached."""
    objects = rendered(VARIANTS["everything"])
    ways = {}
    for name, each in named(objects, "Ingress").items():
        (rule,) = each["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        service = path["backend"]["service"]
        target = named(objects, "Service")[service["name"].removeprefix("zoo-sketchzoo-")]
        assert service["port"]["name"] in {port["name"] for port in target["spec"]["ports"]}
        ways[name] = rule["host"]
    assert ways == {"live": "zoo.example.com", "search": "grpc.zoo.example.com"}
    page = named(objects, "Ingress")["live"]["spec"]
    assert page["tls"] == [{"hosts": ["zoo.example.com"], "secretName": "zoo-tls"}]
    (live,) = containers(named(objects, "Deployment")["live"])
    assert variables(live)["SKETCHZOO_LIVE_ALLOWED_HOSTS"] == "zoo.example.com"
    assert variables(live)["SKETCHZOO_LIVE_TRUSTED_PROXIES"] == "10.0.0.0/8"


def calls(container: dict[str, Any]) -> set[tuple[str, int]]:
    """Return the parts and ports that a container's variables lead to."""
    found = {("qdrant", 6334)} if "SKETCHZOO_QDRANT_URL" in variables(container) else set()
    for name, value in variables(container).items():
        if name.endswith(("_TARGET", "_TARGETS")):
            part, port = re.fullmatch(
                r"dns:///zoo-sketchzoo-([\w-]+)\.photos\.svc\.cluster\.local:(\d+)", value
            ).groups()  # type: ignore[union-attr]
            found.add((part, int(port)))
    return found


@pytest.mark.parametrize("variant", ["cpu", "next", "everything", "keda"])
def test_policies_let_each_part_call_what_it_calls_and_no_more(variant: str) -> None:
    """Both ends of each call are open, and nothing else is."""
    objects = rendered(VARIANTS[variant])
    policies = named(objects, "NetworkPolicy")
    needed: dict[str, set[tuple[str, int]]] = {}
    for each in pod_templates(objects):
        part = each["metadata"]["labels"].get(COMPONENT)
        if part is not None:
            found = {call for one in containers(each) for call in calls(one)}
            # The next encoder's name is known before it is there.
            needed[part] = {call for call in found if call[0] in policies}
    for part, wanted in needed.items():
        out = policies[part]["spec"].get("egress", [])
        assert {end for end in ends(out, "to") if end[0] != part} == wanted, part
        for callee, port in wanted:
            entries = policies[callee]["spec"]["ingress"]
            open_to_all = any(port == ends_port(each) and "from" not in each for each in entries)
            assert open_to_all or (part, port) in ends(entries, "from"), (part, callee)
    # What nobody calls is open to nobody.
    for callee in ("encoder", "qdrant"):
        for caller, port in ends(policies[callee]["spec"]["ingress"], "from"):
            assert caller == callee or (callee, port) in needed[caller]
    assert policies["nothing-else"]["spec"]["policyTypes"] == ["Ingress", "Egress"]


def ends_port(entry: dict[str, Any]) -> int:
    (port,) = entry.get("ports", [{"port": 0}])
    return int(port["port"])


def ends(entries: list[dict[str, Any]], key: str) -> set[tuple[str, int]]:
    found = set()
    for entry in entries:
        for peer in entry.get(key, []):
            labels = peer.get("podSelector", {}).get("matchLabels", {})
            name = labels.get(COMPONENT, labels.get("app.kubernetes.io/name"))
            if name is not None and "namespaceSelector" not in peer:
                found.add((name, ends_port(entry)))
    return found


def test_a_new_models_encoder_comes_without_a_restart_of_search() -> None:
    """Search knows its name before it is there; ingest asks it; each name has one model."""
    before, after = (rendered(values) for values in ({}, VARIANTS["next"]))
    old, new = (named(each, "Deployment") for each in (before, after))
    assert new["search"]["spec"] == old["search"]["spec"]
    assert new["encoder"]["spec"]["template"] == old["encoder"]["spec"]["template"]
    assert "encoder-next" not in old
    given = {
        part: variables(containers(new[part])[0])["SKETCHZOO_ENCODER_MODEL"]
        for part in ("encoder", "encoder-next")
    }
    assert given == {"encoder": "zoo-1", "encoder-next": "/models/zoo-2"}
    (ingest,) = containers(named(after, "CronJob")["ingest"])
    host = "dns:///zoo-sketchzoo-encoder-next.photos.svc.cluster.local:50051"
    assert variables(ingest)["SKETCHZOO_ENCODER_TARGET"] == host
    (search,) = containers(new["search"])
    assert variables(search)["SKETCHZOO_SEARCH_ENCODER_TARGETS"] == host
    assert new["encoder"]["spec"]["strategy"] == {"type": "Recreate"}
    assert "encoder-next" in named(after, "Service")


def test_tls_is_spoken_by_servers_and_believed_by_callers() -> None:
    """Health too: Kubernetes' own gRPC probes speak plain text only."""
    deployments = named(rendered(VARIANTS["everything"]), "Deployment")
    for part in ("encoder", "search", "gallery"):
        (container,) = containers(deployments[part])
        given = variables(container)
        assert given[f"SKETCHZOO_{part.upper()}_TLS_CERTIFICATE"] == "/tls/tls.crt"
        assert given[f"SKETCHZOO_{part.upper()}_TLS_KEY"] == "/tls/tls.key"
        assert given["SKETCHZOO_TLS_CA"] == "/tls/ca.crt"
        assert container["readinessProbe"]["exec"]["command"][-2] == "health"
        if part != "encoder":
            assert given["SKETCHZOO_ENCODER_CALL_CA"] == "/tls/ca.crt"
            assert given["SKETCHZOO_QDRANT_CA"] == "/qdrant-ca/ca.crt"
    (live,) = containers(deployments["live"])
    assert variables(live)["SKETCHZOO_TLS_CA"] == "/tls/ca.crt"


def test_what_was_sent_outlives_the_release() -> None:
    """The claim that the chart makes is kept; one of the operator's is taken in its place."""
    claim = named(rendered({}), "PersistentVolumeClaim")["kept"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    objects = rendered({"kept.claim": "mine"})
    assert "kept" not in named(objects, "PersistentVolumeClaim")
    volumes = {
        part: {
            each["name"]: each
            for each in named(objects, "Deployment")[part]["spec"]["template"]["spec"]["volumes"]
        }
        for part in ("search", "gallery")
    }
    claims = {part: each["kept"]["persistentVolumeClaim"] for part, each in volumes.items()}
    assert claims["gallery"] == {"claimName": "mine", "readOnly": False}
    assert claims["search"] == {"claimName": "mine", "readOnly": True}


def test_the_maps_job_writes_where_the_page_reads() -> None:
    """One file, in a volume that the page can't write to."""
    objects = rendered({"map.enabled": True})
    (writer,) = containers(named(objects, "CronJob")["map"])
    (page,) = containers(named(objects, "Deployment")["live"])
    assert variables(page)["SKETCHZOO_LIVE_MAP_FILE"] == writer["args"][-1] == "/map/map.npz"
    mounts = {each["name"]: each for each in page["volumeMounts"]}
    assert mounts["map"] == {"name": "map", "mountPath": "/map", "readOnly": True}


def test_ray_ingests_what_the_job_would() -> None:
    """The command has the same source, each argument as it was given; a new run has a new name."""
    values = {**VARIANTS["everything"], "ingest.source": "s3://photos/all of them/*.tar"}
    values |= {"ingest.ray.args": ["--collection", "it's"], "ingest.ray.run": "2"}
    job = named(rendered(values), "RayJob")["ingest-ray-2"]
    assert shlex.split(job["spec"]["entrypoint"]) == [
        *("python", "-m", "sketchzoo", "ingest", "--engine", "ray"),
        *("s3://photos/all of them/*.tar", "--collection", "it's"),
    ]
    assert job["spec"]["shutdownAfterJobFinishes"]
    names = [each["name"] for each in containers(job)]
    assert sorted(names) == ["head", "submitter", "worker"]
    for each in containers(job):
        assert variables(each)["SKETCHZOO_QDRANT_API_KEY"]["secretKeyRef"]["key"] == "api-key"
