# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Makes what a configuration file may say of what volt --help prints, which is its table of
options: a header for volt-config and a JSON Schema.

usage: table.py VOLT HEADER SCHEMA
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from helptext import options  # noqa: E402

# What only prints, or says where the rest is.
LEFT_OUT = {"config", "print-config", "help", "version", "json"}
SPECS = {"plugin", "filter"}
SCALAR = ["string", "integer"]


def kind(name, value, text):
    if not value:
        return "FLAG"
    if name in SPECS:
        return "SPECS"
    return "LIST" if "may be repeated" in text else "SINGLE"


def property_of(name, value, text):
    what = {"description": text}
    match kind(name, value, text):
        case "FLAG":
            return {**what, "type": "boolean"}
        case "SINGLE":
            return {**what, "type": SCALAR}
        case "LIST":
            return {**what, "type": "array", "items": {"type": "string"}}
    parameters = {"type": "object", "additionalProperties": {"type": [*SCALAR, "boolean"]}}
    written = {"type": "object", "required": ["name"], "additionalProperties": False,
               "properties": {"name": {"type": "string"}, "parameters": parameters}}
    return {**what, "type": "array", "items": {"anyOf": [{"type": "string"}, written]}}


def schema(rows):
    return {"$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "A VM of volt: volt --config FILE, volt.conf(5)", "type": "object",
            "additionalProperties": False,
            "properties": {"$schema": {"type": "string"},
                           **{row[0]: property_of(*row) for row in rows}}}


def header(rows):
    lines = [f'    {{"{name}", {kind(name, value, text)}}},' for name, value, text in rows]
    left = [f'    {{"{name}", {"WHERE" if name == "config" else "PRINTS"}}},'
            for name in sorted(LEFT_OUT)]
    return "\n".join(["/* Made by tools/config/table.py of volt --help. */",
                      "static const struct row rows[] = {", *lines, *left, "    {NULL, FLAG},",
                      "};", ""])


def main():
    volt, to_header, to_schema = sys.argv[1:]
    rows = [row for row in options(volt)[0] if row[0] not in LEFT_OUT]
    pathlib.Path(to_header).write_text(header(rows), encoding="utf-8")
    pathlib.Path(to_schema).write_text(json.dumps(schema(rows), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
