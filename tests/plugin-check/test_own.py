# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every plugin of this tree passes, with more than one seed; what is skipped has a reason."""

import kit

SEEDS = (1, 2, 0xFFFFFFFFFFFFFFFF)
# Tests that are about the other kind of plugin, and one that a sanitizer rules out.
FINE = ("this is no sandbox", "this is no device", "a sanitizer adds data of its own")

paths = sorted(kit.PLUGINS.glob("*.so"))
for path in paths:
    for seed in SEEDS:
        status, report = kit.check(path, "--seed", seed, "--rounds", 3000)
        kit.expect(status == 0 and not kit.failed(report) and report.get("failed") == 0,
                   f"{path.stem}, seed {seed}: status {status}, {kit.failed(report)}"
                   f"{report.get('error', '')}")
        for one in report["tests"]:
            kit.expect(one["result"] != "skipped" or one["why"].startswith(FINE),
                       f"{path.stem}: {one['name']} was skipped: {one.get('why')}")
kit.finish("expectations of the tree's plugins")
