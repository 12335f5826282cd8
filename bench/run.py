# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The driver behind scripts/bench, which sets up what this needs and says how to call it."""

import argparse
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

import balloon  # noqa: E402
import boot  # noqa: E402
import control  # noqa: E402
import disk  # noqa: E402
import exits  # noqa: E402
import images  # noqa: E402
import kit  # noqa: E402
import memory  # noqa: E402
import net  # noqa: E402
import pause  # noqa: E402
import peers  # noqa: E402
import probe  # noqa: E402
import report  # noqa: E402
import security  # noqa: E402
import size  # noqa: E402
import snapshot  # noqa: E402
import startup  # noqa: E402

PARTS = {"startup": startup, "security": security, "boot": boot, "memory": memory, "size": size,
         "exits": exits, "pause": pause, "balloon": balloon, "probe": probe,
         "control": control, "disk": disk, "snapshot": snapshot, "net": net}


def part(word):
    if word not in PARTS:
        raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(PARTS)}")
    return word


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench", allow_abbrev=False, usage="%(prog)s [--quick] "
                                     "[--peer FILE]... [--output DIR] [part...]", description="Measures Volt beside the "
                                     "floor and its peers and writes a report.")
    parser.add_argument("--build", type=Path, required=True, help="a release build of volt")
    parser.add_argument("--quick", action="store_true", help="few runs, under 3 minutes")
    parser.add_argument("--peer", type=Path, action="append", default=[], metavar="FILE",
                        help="another monitor's template, see bench/README.md; may be repeated")
    parser.add_argument("--output", type=Path, metavar="DIR",
                        help="where report.md goes; default bench, with --quick BUILD/report")
    parser.add_argument("--only-parse", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("part", nargs="*", type=part, metavar="part",
                        help=f"{', '.join(PARTS)}; default: all of them")
    return parser.parse_args()


def prepare(args):
    found = kit.Bench(args.build.resolve(), args.build.resolve() / "bench", args.quick,
                      peers.load(args.peer))
    kit.say("compiling the floor, the guest and the harnesses")
    kit.build_programs(found)
    images.write_all(found)
    peers.drop_unfit(found)
    return found


def main():
    args = parse()
    if args.only_parse:
        return
    facts = {**kit.host_facts(), "time": int(time.time())}
    bench = prepare(args)
    parts = {}
    for name, module in PARTS.items():
        if args.part and name not in args.part:
            continue
        try:
            parts[name] = {"title": module.TITLE, **module.measure(bench)}
        except kit.Problem as problem:
            raise kit.Problem(f"{name}: {problem}") from None
    facts["minutes"] = (time.monotonic() - kit.START) / 60
    facts["load_at_end"] = kit.os.getloadavg()[0]
    default = bench.build / "report" if args.quick or args.part else kit.HERE
    folder = (args.output or default).resolve()
    report.write(bench, parts, facts, folder)
    kit.say(f"done: {folder / 'report.md'}")
    for line in report.goal_lines(parts):
        print("    " + line)


if __name__ == "__main__":
    try:
        main()
    except kit.Problem as problem:
        kit.die(problem)
    except KeyboardInterrupt:
        sys.exit(130)
