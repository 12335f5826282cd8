# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The programs that scripts/bench measures with compile against this build, and run.

    test_programs.py BUILD
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True

import kit  # noqa: E402


def main():
    with tempfile.TemporaryDirectory(prefix="volt-bench-") as folder:
        bench = kit.Bench(Path(sys.argv[1]), Path(folder), True, [])
        kit.build_programs(bench)
        for space in ("pio", "mmio", "none"):
            times = bench.run([bench.path("dispatch"), space, 24, 2, "own", 10000]).split()
            assert len(times) == 2, times
        counts = bench.counts([bench.path("stopwatch"), 10, "", "true"])
        assert counts["instructions"] > counts["calls"] > 0, counts
        for program in ("filter", "filter-own"):
            rules = ["read", "0:1:3:0", ",", "ioctl", "0:1:5:0", ","]
            assert float(bench.run([bench.path(program), "both", 5, 1000, *rules])) >= 0


if __name__ == "__main__":
    try:
        main()
    except kit.Problem as problem:
        sys.exit(str(problem))
