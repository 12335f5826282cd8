# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every plugin of this tree passes, with more than one seed; what is skipped has a reason."""

import tempfile

import kit
import params

SEEDS = (1, 2, 0xFFFFFFFFFFFFFFFF)
# Tests of another kind of plugin, what a sanitizer rules out, and what may be left out.
FINE = ("not for a ", "a sanitizer adds data of its own",
        "it offers no volt.state/1")

folder = tempfile.TemporaryDirectory()
paths = sorted(kit.PLUGINS.glob("*.so"))
for path in paths:
    for seed in SEEDS:
        status, report = kit.check(path, "--seed", seed, "--rounds", 3000,
                                    "--params", params.make(folder.name, path.stem))
        kit.expect(status == 0 and not kit.failed(report) and report.get("failed") == 0,
                   f"{path.stem}, seed {seed}: status {status}, {kit.failed(report)}"
                   f"{report.get('error', '')}")
        for one in report["tests"]:
            kit.expect(one["result"] != "skipped" or one["why"].startswith(FINE),
                       f"{path.stem}: {one['name']} was skipped: {one.get('why')}")
kit.finish("expectations of the tree's plugins")
