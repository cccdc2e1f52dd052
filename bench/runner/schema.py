# SPDX-License-Identifier: Apache-2.0
"""Judges JSON values by the part of JSON Schema (draft 2020-12) that docs/bench.schema.json uses, without a package."""
import json
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATH = os.path.join(ROOT, "docs", "bench.schema.json")
KNOWN = {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "const", "enum", "pattern", "minimum", "maximum", "minLength",
         "items", "minItems", "properties", "required", "additionalProperties", "examples"}
TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool) or isinstance(v, float) and v.is_integer(),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}


def load(path=PATH):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def check(value, schema, root=None, at="$"):
    """The errors of `value`, as texts that begin with the place; none where it is valid. A keyword that is not known here raises."""
    root = root or schema
    if schema is True:
        return []
    unknown = set(schema) - KNOWN
    if unknown:
        raise ValueError("schema keyword not known to this validator: " + ", ".join(sorted(unknown)))
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            target = target[part]
        return check(value, target, root, at)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(TYPES[t](value) for t in types):
        return ["%s: is %s; it must be %s" % (at, json.dumps(value)[:60], " or ".join(types))]
    errors = []
    if "const" in schema and value != schema["const"]:
        errors.append("%s: must be %s" % (at, json.dumps(schema["const"])))
    if "enum" in schema and value not in schema["enum"]:
        errors.append("%s: must be one of %s" % (at, json.dumps(schema["enum"])))
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            errors.append("%s: %s does not match %s" % (at, json.dumps(value)[:60], schema["pattern"]))
        if len(value) < schema.get("minLength", 0):
            errors.append("%s: is too short" % at)
    if TYPES["number"](value):
        if "minimum" in schema and value < schema["minimum"]:
            errors.append("%s: is %s; the least is %s" % (at, value, schema["minimum"]))
        if "maximum" in schema and value > schema["maximum"]:
            errors.append("%s: is %s; the most is %s" % (at, value, schema["maximum"]))
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            errors.append("%s: has too few items" % at)
        for i, item in enumerate(value):
            errors += check(item, schema.get("items", True), root, "%s[%d]" % (at, i))
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        errors += ["%s: %s is missing" % (at, name) for name in schema.get("required", []) if name not in value]
        rest = schema.get("additionalProperties", True)
        for name, member in value.items():
            if name in properties:
                errors += check(member, properties[name], root, "%s.%s" % (at, name))
            elif rest is False:
                errors.append("%s: %s is not known" % (at, name))
            else:
                errors += check(member, rest, root, "%s.%s" % (at, name))
    return errors


def check_lines(path, schema=None):
    """(objects, errors) of a file of JSON lines."""
    schema = schema or load()
    rows, errors = [], []
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as e:
                errors.append("%s:%d: no JSON: %s" % (path, n, e))
                continue
            errors += ["%s:%d: %s" % (path, n, e) for e in check(row, schema)]
            rows.append(row)
    return rows, errors
