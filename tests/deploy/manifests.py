#!/usr/bin/env python3
"""Checks manifests against the schemas beside this file, and prints them all
as JSON: {name: document}. Of a page of Markdown every block of YAML is read,
and its documents have names like README.md/1. What has no schema is only read.
"""

import json
import re
import sys
from pathlib import Path

import jsonschema
import yaml

SCHEMAS = Path(__file__).parent / "schemas"


def texts(path):
    """Names and texts of YAML in a file."""
    if path.suffix != ".md":
        return [(path.name, path.read_text())]
    blocks = re.findall(r"^```yaml\n(.*?)^```$", path.read_text(), re.M | re.S)
    return [(f"{path.name}/{i}", block) for i, block in enumerate(blocks, 1)]


def documents(path):
    for name, text in texts(path):
        found = list(yaml.safe_load_all(text))
        for i, document in enumerate(found, 1):
            yield name if len(found) == 1 else f"{name}.{i}", document


def schema_of(document):
    """The schema of an object, or of a part of one."""
    if "triggers" in document:
        schema = json.loads((SCHEMAS / "ScaledObject.json").read_text())
        part = schema["$defs"]["ScaledObjectSpec"]
        return {**part, "required": [], "$defs": schema["$defs"]}
    path = SCHEMAS / f"{document.get('kind')}.json"
    return json.loads(path.read_text()) if path.exists() else None


def problems(document):
    schema = schema_of(document)
    if schema is None:
        return []
    validator = jsonschema.Draft202012Validator(schema)
    found = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(document)
    ]
    needed = ["apiVersion", "kind"] if "kind" in document else []
    return found + [f"no {key}" for key in needed if key not in document]


def main(files):
    found, failed = {}, False
    for path in map(Path, files):
        for name, document in documents(path):
            found[name] = document
            for problem in problems(document):
                print(f"{name}: {problem}", file=sys.stderr)
                failed = True
    if failed:
        sys.exit(1)
    print(json.dumps(found))


main(sys.argv[1:])
