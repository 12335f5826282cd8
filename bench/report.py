# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The measurements as a page: report.md, its plots by gnuplot, and report.json."""

import shutil
import time

from kit import Problem, write_json

LICENCE = """<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- SPDX-FileCopyrightText: The Volt authors -->"""
COLOURS = ("#4063d8", "#cb3c33", "#389826", "#9558b2", "#b5851b", "#5a6577")
SETUP = """set terminal svg size 760,{height} font "sans-serif,13" background rgb "white"
set output {output}
set title {title}
set border 3 lc rgb "#888888"
set grid {grid} lc rgb "#dddddd"
set tics nomirror
"""


def quote(text):
    return "'" + str(text).replace("'", "''") + "'"


def bar_script(plot, output):
    """Horizontal bars: one group per label, one bar per series."""
    labels = [label for label, _ in next(iter(plot.series.values()))]
    names, count = list(plot.series), len(labels)
    thick = 0.8 / len(names)
    lines = [SETUP.format(height=90 + 26 * count * max(1, len(names) * 0.9), output=quote(output),
                          title=quote(plot.title), grid="x"),
             f"set xlabel {quote(plot.unit)}", f"set yrange [{count - 0.4}:-0.6]",
             "set xrange [0:*]", "set style fill solid 0.9 noborder",
             "set key outside right bottom",
             "set ytics (" + ", ".join(f"{quote(label)} {i}" for i, label in enumerate(labels))
             + ")"]
    parts = []
    for number, name in enumerate(names):
        values = dict(plot.series[name])
        lines.append(f"$d{number} << EOD")
        lines += [f"{values[label]:.4f} {i - 0.4 + (number + 0.5) * thick:.4f}"
                  for i, label in enumerate(labels) if label in values]
        lines.append("EOD")
        title = f"title {quote(name)}" if len(names) > 1 else "notitle"
        parts.append(f"$d{number} using ($1/2):2:($1/2):({thick * 0.45:.4f}) with boxxyerror "
                     f"lc rgb '{COLOURS[number % len(COLOURS)]}' {title}")
        parts.append(f"$d{number} using 1:2:(sprintf(' %.3g', $1)) with labels left font ',11' "
                     "notitle")
    return "\n".join(lines + ["plot " + ", ".join(parts), ""])


def line_script(plot, output):
    lines = [SETUP.format(height=380, output=quote(output), title=quote(plot.title), grid="x y"),
             f"set ylabel {quote(plot.unit)}", f"set xlabel {quote(plot.x)}", "set yrange [0:*]",
             "set key outside right"]
    parts = []
    for number, (name, points) in enumerate(plot.series.items()):
        lines.append(f"$d{number} << EOD")
        lines += [f"{x} {y:.4f}" for x, y in points]
        lines.append("EOD")
        parts.append(f"$d{number} with linespoints lw 2 pt 7 ps 0.6 "
                     f"lc rgb '{COLOURS[number % len(COLOURS)]}' title {quote(name)}")
    return "\n".join(lines + ["plot " + ", ".join(parts), ""])


def draw(bench, plot, folder):
    if not shutil.which("gnuplot"):
        raise Problem("gnuplot is missing: install the Debian package 'gnuplot-nox'")
    script = bench.path(f"{plot.name}.gp")
    write = bar_script if plot.kind == "bars" else line_script
    script.write_text(write(plot, folder / f"{plot.name}.svg"), encoding="utf-8")
    bench.run(["gnuplot", script])
    sign(folder / f"{plot.name}.svg")


def sign(path):
    """Every file of the project says its licence near its beginning."""
    first, rest = path.read_text(encoding="utf-8").split("\n", 1)
    path.write_text(f"{first}\n{LICENCE}\n{rest}", encoding="utf-8")


def goal_lines(parts):
    lines = ["| Goal | At most | Measured | Ratio to the goal | |", "|---|---:|---:|---:|---|"]
    for part in parts.values():
        for what, limit, measured, share in part.get("goals", []):
            verdict = "met" if share <= 1 else "missed"
            lines.append(f"| {what} | {limit} | {measured} | {share:.2f} | {verdict} |")
    return lines


def write(bench, parts, facts, folder):
    """parts: {name: what a measurement gave}, in the order of the page."""
    plots = folder / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    lines = [LICENCE, "", "# Measurements", "",
             "Written by `scripts/bench`" + (" --quick: too few runs to cite." if bench.quick
                                             else "; [docs/performance.md](../docs/performance.md) "
                                             "explains each figure."),
             "Figures are medians, with quartiles in brackets; monitors took turns on the same "
             "machine, so read the ratios. Absolute times are those of this host:",
             "", f"{facts['cpus']} CPUs {facts['cpu']}, {facts['memory_gib']} GiB, Linux "
             f"{facts['kernel']}, KVM by `{facts['kvm']}`; load {facts['load']:.1f} at the start; "
             f"{time.strftime('%Y-%m-%d', time.gmtime(facts['time']))}; "
             f"{facts['minutes']:.1f} minutes in all.", "", "## Goals", ""]
    lines += goal_lines(parts)
    for part in parts.values():
        lines += ["", f"## {part['title']}", "", part["text"]]
        for plot in part["plots"]:
            draw(bench, plot, plots)
            lines += ["", f"![{plot.title}](plots/{plot.name}.svg)"]
        for table in part["tables"]:
            lines += ["", table.markdown()]
    (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(folder / "report.json", {
        "host": facts, "quick": bench.quick,
        "parts": {name: part["data"] for name, part in parts.items()}})
