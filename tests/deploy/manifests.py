#!/usr/bin/env python3
"""Checks manifests against the schemas beside this file, and prints them all
as JSON: {file: document}. A kind without a schema is only read."""

import json
import sys
from pathlib import Path

import jsonschema
import yaml

SCHEMAS = Path(__file__).parent / "schemas"


def problems(document):
    path = SCHEMAS / f"{document.get('kind')}.json"
    if not path.exists():
        return []
    schema = json.loads(path.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    found = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(document)
    ]
    return found + [f"no {key}" for key in ("apiVersion", "kind") if key not in document]


def main(files):
    documents, failed = {}, False
    for file in map(Path, files):
        document = yaml.safe_load(file.read_text())
        documents[file.name] = document
        for problem in problems(document):
            print(f"{file}: {problem}", file=sys.stderr)
            failed = True
    if failed:
        sys.exit(1)
    print(json.dumps(documents))


main(sys.argv[1:])
