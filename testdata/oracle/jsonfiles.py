"""Reads JSON files, and writes them compactly but readable in a diff."""

import json


def read_json(path):
    with open(path) as f:
        return json.load(f)


def write_json(path, value):
    """Writes top-level objects on several lines, and list items on one line each."""

    def line(v):
        return json.dumps(v, separators=(", ", ": "))

    def entry(v):
        if isinstance(v, list) and v and isinstance(v[0], (dict, list)):
            return "[\n    " + ",\n    ".join(line(x) for x in v) + "\n  ]"
        return line(v)

    with open(path, "w") as f:
        if isinstance(value, dict):
            f.write("{\n  " + ",\n  ".join(f"{line(k)}: {entry(v)}" for k, v in value.items()) + "\n}\n")
        else:
            f.write("[\n  " + ",\n  ".join(line(v) for v in value) + "\n]\n")
