#!/usr/bin/env python3
"""Writes the schemas beside this file, from packages of PyPI and from what
flux-framework/flux-operator publishes below config/crd/bases:

    pip install cloudcoil-models-keda cloudcoil-models-prometheus-operator pyyaml
    pip download --no-deps kubernetes-validate
    ./make.py kubernetes_validate-*.whl flux-framework.org_miniclusters.yaml

Only what the examples need is kept, and nothing that is for people. Unknown
fields are refused, as the API server would drop or refuse them.
"""

import json
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import yaml
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as monitoring

HERE = Path(__file__).parent
FOR_PEOPLE = {"description", "title", "default", "$id"}
KUBERNETES = "kubernetes_validate/kubernetes-json-schema/v1.34.0-local-strict"


def strict(node, in_properties=False):
    """The schema without what is for people, and without unknown fields."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: strict(value, key in ("properties", "$defs"))
        for key, value in node.items()
        if in_properties or not (key in FOR_PEOPLE or key.startswith("x-"))
    }
    if "properties" in kept and not in_properties:
        kept.setdefault("additionalProperties", False)
    return kept


def write(kind, source, schema):
    text = json.dumps({"$comment": source, **schema}, indent=None)
    (HERE / f"{kind}.json").write_text(text + "\n")


def references(node):
    """The names of the definitions that a schema uses."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rsplit("/", 1)[1]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from references(item)


def of_kubernetes(wheel, kind, name):
    root = json.loads(wheel.read(f"{KUBERNETES}/{name}.json"))
    every = json.loads(wheel.read(f"{KUBERNETES}/_definitions.json"))["$defs"]
    used, new = {}, set(references(root))
    while new:
        used |= {name: strict(every[name]) for name in sorted(new)}
        new = set(references(list(used.values()))) - used.keys()
    schema = {**strict(root), "$defs": used}
    text = json.dumps(schema).replace("/api/_definitions.json#/", "#/")
    source = "kubernetes-validate (PyPI), Kubernetes 1.34, Apache-2.0"
    write(kind, source, json.loads(text))


def of_a_definition(path):
    """The schema in a CustomResourceDefinition. The API server adds what all
    objects have."""
    spec = yaml.safe_load(Path(path).read_text())["spec"]
    (version,) = (version for version in spec["versions"] if version["storage"])
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"] |= {
        "apiVersion": {"enum": [f"{spec['group']}/{version['name']}"]},
        "kind": {"enum": [spec["names"]["kind"]]},
    }
    source = (
        "flux-framework/flux-operator, config/crd/bases, MIT, Copyright (c)"
        " 2022-2023 LLNS, LLC and other HPCIC DevTools Developers"
    )
    write(spec["names"]["kind"], source, schema)


def main():
    for model, package in [
        (keda.ScaledObject, "cloudcoil-models-keda"),
        (monitoring.PodMonitor, "cloudcoil-models-prometheus-operator"),
        (monitoring.ServiceMonitor, "cloudcoil-models-prometheus-operator"),
    ]:
        source = f"{package} {version(package)} (PyPI), Apache-2.0"
        schema = strict(model.model_json_schema(by_alias=True))
        write(model.__name__, source, schema)
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        of_kubernetes(
            wheel, "HorizontalPodAutoscaler", "horizontalpodautoscaler-autoscaling-v2"
        )
        of_kubernetes(wheel, "Service", "service-v1")
        of_kubernetes(wheel, "APIService", "apiservice-apiregistration-v1")
        of_kubernetes(wheel, "ClusterRole", "clusterrole-rbac-v1")
        of_kubernetes(wheel, "ClusterRoleBinding", "clusterrolebinding-rbac-v1")
    of_a_definition(sys.argv[2])


main()
