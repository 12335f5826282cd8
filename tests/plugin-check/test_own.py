# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every plugin of this tree passes, with more than one seed; what is skipped has a reason. So do
the devices that guests are tested with, but for what they do wrong on purpose."""

import tempfile

import kit
import params

SEEDS = (1, 2, 0xFFFFFFFFFFFFFFFF)
# Tests of another kind of plugin, what a sanitizer rules out, and what may be left out.
FINE = ("not for a ", "a sanitizer adds data of its own",
        "it offers no volt.state/1")
# Their tables allow what the core must refuse, which is what they are there for.
WRONG = {"leveldev": {"parameters"}, "probe": {"parameters"}}
HARDLY_RUN = ('not run: it stands on "parameters"',)
GUESTS = ("doorbell", "leveldev", "probe")

folder = tempfile.TemporaryDirectory()
paths = sorted(kit.PLUGINS.glob("*.so"))
paths += [path for path in (kit.GUESTS / f"{name}.so" for name in GUESTS) if path.exists()]
for path in paths:
    for seed in SEEDS:
        status, report = kit.check(path, "--seed", seed, "--rounds", 3000,
                                    "--params", params.make(folder.name, path.stem))
        wrong = WRONG.get(path.stem, set())
        kit.expect(status == bool(wrong) and set(kit.failed(report)) == wrong
                   and report.get("failed") == len(wrong),
                   f"{path.stem}, seed {seed}: status {status}, {kit.failed(report)}"
                   f"{report.get('error', '')}")
        for one in report["tests"]:
            fine = FINE + HARDLY_RUN if wrong else FINE
            kit.expect(one["result"] != "skipped" or one["why"].startswith(fine),
                       f"{path.stem}: {one['name']} was skipped: {one.get('why')}")

# A filter that puts out much: the tool's own memory grows as it runs, and is not the plugin's call.
for seed in range(1, 9):
    status, report = kit.check(kit.PLUGINS / "trace.so", "--seed", seed, "--only", "needs")
    kit.expect(status == 0, f"trace, seed {seed}: {kit.failed(report)}{report.get('error', '')}")

# A reset while a look at the queues was due, or while the console's peer took nothing.
for seed in (257, 349):
    status, report = kit.check(kit.PLUGINS / "virtio-console.so", "--seed", seed, "--only", "reset")
    kit.expect(status == 0, f"virtio-console, seed {seed}: {kit.failed(report)}{report.get('error', '')}")
kit.finish("expectations of the tree's plugins")
