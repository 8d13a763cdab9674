"""Make the schemas of foreign resources in the chart: `python scripts/crd_schemas.py`.

They are in no package: each is taken from the CustomResourceDefinition in its project's Go module
(`go mod download` fetches and checks it), without descriptions and closed to unknown fields, as
`kubeconform -strict` wants it, and written to tests/unit/deploy/schemas.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

OUT = Path(__file__).resolve().parents[1] / "tests" / "unit" / "deploy" / "schemas"
# Module, version, folder of its definitions, and which of them.
SOURCES = (
    (
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        "example/prometheus-operator-crd",
        ("servicemonitors", "podmonitors", "prometheusrules"),
    ),
    ("github.com/kedacore/keda/v2", "v2.21.0", "config/crd/bases", ("scaledobjects",)),
    ("github.com/ray-project/kuberay/ray-operator", "v1.5.0", "config/crd/bases", ("rayjobs",)),
)


def main() -> int:
    """Fetch, close, write; return the exit status."""
    told = ["# Where these come from: `python scripts/crd_schemas.py` wrote them.", ""]
    for module, version, folder, plurals in SOURCES:
        done = subprocess.run(  # noqa: S603 - our own command line
            ["go", "mod", "download", "-json", f"{module}@{version}"],  # noqa: S607 - Go of the PATH
            check=True,
            capture_output=True,
            text=True,
        )
        source = Path(json.loads(done.stdout)["Dir"]) / folder
        for path in (next(source.glob(f"*_{plural}.yaml")) for plural in plurals):
            definition = yaml.safe_load(path.read_text(encoding="utf-8"))
            for name, schema in schemas(definition):
                target = OUT / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(json.dumps(schema, separators=(",", ":")) + "\n")
                told.append(f"- {name}: {module} {version}, {folder}/{path.name} (Apache-2.0)")
    (OUT / "README.md").write_text("\n".join(told) + "\n")
    return 0


def schemas(definition: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return each served version's file name, as kubeconform asks for it, and closed schema."""
    spec = definition["spec"]
    kind = spec["names"]["kind"].lower()
    return [
        (
            f"{spec['group']}/{kind}_{version['name']}.json",
            closed(version["schema"]["openAPIV3Schema"], root=True),
        )
        for version in spec["versions"]
        if version["served"] and version["storage"]
    ]


def closed(schema: Any, *, root: bool = False) -> Any:
    """Return a schema as JSON Schema, which refuses the fields that it does not list."""
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: value
        for key, value in schema.items()
        if key not in {"description", "format", "default"} and not key.startswith("x-kubernetes-")
    }
    if schema.get("x-kubernetes-int-or-string"):
        kept["type"] = ["integer", "string"]
        kept.pop("anyOf", None)
    if "properties" in schema:
        kept["properties"] = {name: closed(each) for name, each in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            kept["additionalProperties"] = False
    if root:
        # What every object has, and the definitions leave to Kubernetes.
        kept["properties"]["metadata"] = {"type": "object"}
    if "items" in schema:
        kept["items"] = closed(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = closed(schema["additionalProperties"])
    return kept


if __name__ == "__main__":
    sys.exit(main())
