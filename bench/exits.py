# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What an exit costs: Volt's own code by itself, and whole exits as a guest sees them."""

import re
import shutil

from kit import FLOOR, Plot, Problem, Table, figure, median, ratio, say, tsc_khz

TITLE = "Exit path"
RANGES = (1, 8, 24, 64, 200)
TABLE_SIZES = (1, 24, 200)
EXITS = 0x400  # a round must often fit between two turns of the scheduler
GOAL_NS = 50
SPACES = ("pio", "mmio")
MODES = {"own": "a device each", "same": "one device, its lock", "parallel": "PARALLEL, no lock"}


def guest_ns(bench, command, count):
    """Nanoseconds per operation in each round of a run of bench/guest.c, the first left out."""
    run = bench.stopwatch(command, "@", limit=60)
    words = run["line"].split()
    if len(words) < 3:
        raise Problem(f"no times from the guest (status {run['status']}): "
                      f"{' '.join(map(str, command))}")
    return [int(word, 16) / tsc_khz() * 1e6 / count for word in words[2:]]


# --- user space alone -----------------------------------------------------------------------


def dispatch_ns(bench, space, ranges, threads, mode, exits):
    """CPU time; but who waits for another's lock uses none, so there it is the wall's."""
    cpu, wall = bench.run([bench.path("dispatch"), space, ranges, threads, mode, exits]).split()
    return float(wall if (mode, threads) == ("same", 2) else cpu)


def user_space(bench):
    """{(space, ranges): [ns, ...]} with one thread, less the harness; and with two threads."""
    runs, exits = bench.count(11, 5), 1_000_000
    alone, pairs = {}, {}
    for _ in range(runs):
        harness = dispatch_ns(bench, "none", 1, 1, "own", exits)
        for space in SPACES:
            for ranges in RANGES:
                found = dispatch_ns(bench, space, ranges, 1, "own", exits) - harness
                alone.setdefault((space, ranges), []).append(found)
        for mode in MODES:
            for threads in (1, 2):
                found = dispatch_ns(bench, "pio", 24, threads, mode, exits) - harness
                pairs.setdefault((mode, threads), []).append(found)
    return alone, pairs


def instructions(bench, space, ranges):
    """User-space instructions per exit, by callgrind: the same on every run."""
    totals = []
    for exits in (2048, 4096):  # multiples of the order that dispatch.c repeats
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                   bench.path("dispatch"), space, ranges, 1, "own", exits]
        done = bench.run(["sh", "-c", 'exec "$@" 2>&1', "sh", *command], limit=120)
        totals.append(int(re.search(r"Collected : (\d+)", done).group(1)))
    return (totals[1] - totals[0]) / 2048


def count_instructions(bench):
    if not shutil.which("valgrind"):
        raise Problem("valgrind is missing: install the Debian package 'valgrind'")
    harness = instructions(bench, "none", 1)
    return {(space, ranges): instructions(bench, space, ranges) - harness
            for space in SPACES for ranges in TABLE_SIZES}


def user_tables(alone, pairs, counted):
    rows = []
    for ranges in RANGES:
        row = [ranges]
        for space in SPACES:
            values = alone[space, ranges]
            row += [figure(values, 1), ratio(values, alone[space, 1]),
                    f"{counted[space, ranges]:.0f}" if (space, ranges) in counted else ""]
        rows.append(row)
    first = Table("Volt's own code for one exit, without KVM",
                  ["Ranges", "Port read, ns (quartiles)", "to 1 range", "instructions",
                   "Memory read, ns (quartiles)", "to 1 range", "instructions"], rows,
                  "vcpu_run() of core/kvm/vcpu.c with the real table under an ioctl() that returns at "
                  "once; random order of ranges; less what an ignored exit costs. Instructions by "
                  "callgrind, which repeats exactly.")
    rows = [[text, figure(pairs[mode, 1], 1), figure(pairs[mode, 2], 1),
             ratio(pairs[mode, 2], pairs[mode, 1])] for mode, text in MODES.items()]
    second = Table("The same with two vCPU threads that do nothing else, 24 ranges, ns",
                   ["Device", "1 thread (quartiles)", "2 threads (quartiles)", "Ratio"], rows,
                   "CPU time of the slower thread; in the second row, where waiting counts, the "
                   "wall's.")
    return [first, second]


# --- whole exits ----------------------------------------------------------------------------


def volt(bench, words, *options, ranges=1, extra=()):
    plugins = ["serial", "exitport", *extra]
    if ranges:
        plugins.append(f"{bench.path('ranges.so')},count={ranges}")
    return bench.volt_command(bench.kernels["guest"], "--cmdline", words, *options, plugins=plugins)


def whole_commands(bench, words, with_pair):
    kernel = bench.kernels["guest"]
    found = {FLOOR: bench.floor_command(kernel, words=words)}
    for ranges in TABLE_SIZES:
        found[f"Volt, {ranges} ranges"] = volt(bench, words, ranges=ranges)
    for peer in bench.peers:
        if peer.on_host:
            found[peer.name] = peer.command(kernel, cmdline=words)
    if with_pair:
        pair = words.replace("pio", "pair")
        found["floor, 2 vCPUs"] = ["env", "FLOOR_CHIP=1", *bench.floor_command(
            kernel, cpus=2, words=pair)]
        found["Volt, 2 vCPUs"] = volt(bench, pair, "--cpus", "2", ranges=24)
    return found


def whole_exits(bench, space):
    """{configuration: [ns, ...]} of whole exits, taking turns."""
    words = {"pio": f"pio {EXITS:x} 1000", "mmio": f"mmio {EXITS:x} d0000000"}[space]
    found = {}
    for _ in range(bench.count(20, 4)):
        for name, command in whole_commands(bench, words, space == "pio").items():
            found.setdefault(name, []).extend(guest_ns(bench, command, EXITS))
    return found


def exit_table(title, found):
    base = found[FLOOR]
    rows = [[name, figure(values, 0), f"{median(values) - median(base):+.0f}", ratio(values, base),
             f"{min(values):.0f}", f"{min(values) - min(base):+.0f}"]
            for name, values in found.items()]
    return Table(title, ["Monitor", "ns (quartiles)", "over the floor", "Ratio", "Best",
                         "over the floor's best"], rows,
                 f"Rounds of {EXITS} exits; the best ones saw no other work on the machine.")


# --- interrupts and the serial port ---------------------------------------------------------


def interrupts(bench):
    words, count = "interrupts 400", 0x400
    commands = {"Volt, KVM's irqchip": volt(bench, words, ranges=0),
                "Volt, ioapic plugin": volt(bench, words, ranges=0, extra=["ioapic"])}
    for peer in bench.peers:
        if peer.on_host:
            commands[peer.name] = peer.command(bench.kernels["guest"], cmdline=words)
    found = {}
    for _ in range(bench.count(5, 1)):
        for name, command in commands.items():
            found.setdefault(name, []).extend(1e9 / ns for ns in guest_ns(bench, command, count))
    base = found["Volt, KVM's irqchip"]
    rows = [[name, figure(values, 0), ratio(values, base)] for name, values in found.items()]
    return found, Table("Interrupts per second", ["Controller", "Per second (quartiles)", "Ratio"],
                        rows, "Each is raised by the serial port, taken, asked for its cause and "
                        "ended: three port accesses and one EOI.")


def serial(bench):
    words, count = "serial 1000", 0x1000
    commands = {FLOOR: bench.floor_command(bench.kernels["guest"], words=words),
                "Volt": volt(bench, words, ranges=0, extra=["ioapic"])}
    for peer in bench.peers:
        if peer.on_host:
            commands[peer.name] = peer.command(bench.kernels["guest"], cmdline=words)
    found = {}
    for _ in range(bench.count(5, 1)):
        for name, command in commands.items():
            found.setdefault(name, []).extend(1e6 / ns for ns in guest_ns(bench, command, count))
    rows = [[name, figure(values, 1), ratio(values, found[FLOOR])]
            for name, values in found.items()]
    return found, Table("Serial output, kB/s", ["Monitor", "kB/s (quartiles)", "to the floor"],
                        rows, "One byte at a time by polling, as early consoles do: a read and a "
                        "write of a port for each. The floor writes each byte out before it goes "
                        "on.")


def exits_of(bench, command):
    printed = bench.run(["sh", "-c", 'exec "$@" 2>&1', "sh", *command, "--log-level", "debug"])
    return int(re.search(r"exits (\d+),", printed)[1])


def console(bench):
    """The same bytes by either device: exits are counted, and the same on every run."""
    count, rounds = 0x1000, 8
    devices = {"serial port": ("serial {:x}", []),
               "virtio-console, MMIO": ("console {:x} d0000000", ["virtio-console,console=null"])}
    rates, exits = {}, {}
    for name, (words, extra) in devices.items():
        commands = [volt(bench, words.format(n), ranges=0, extra=extra) for n in (count, 2 * count)]
        for _ in range(bench.count(5, 1)):
            rates.setdefault(name, []).extend(1e6 / ns for ns in guest_ns(bench, commands[0], count))
        first, second = (exits_of(bench, command) for command in commands)
        exits[name] = (second - first) / (rounds * count / 1024)
    base = rates["serial port"]
    rows = [[name, figure(rates[name], 1), ratio(rates[name], base), f"{exits[name]:.0f}",
             f"{exits['serial port'] / exits[name]:.0f}"] for name in devices]
    return {"kb_per_s": rates, "exits_per_kib": exits}, Table(
        "Output of a console", ["Device", "kB/s (quartiles)", "to the serial port", "Exits per KiB",
                                "times fewer"], rows,
        "The serial port as above; the console in lines of 64 bytes, each of which is waited for.")


def measure(bench):
    say("exit path: user space alone")
    alone, pairs = user_space(bench)
    say("exit path: instructions, under callgrind")
    counted = count_instructions(bench)
    whole = {}
    for space in SPACES:
        say(f"exit path: whole {space} exits, monitors alternating")
        whole[space] = whole_exits(bench, space)
    say("exit path: interrupts and the serial port")
    irqs, irq_table = interrupts(bench)
    bytes_out, serial_table = serial(bench)
    console_data, console_table = console(bench)
    tables = user_tables(alone, pairs, counted)
    tables.append(exit_table("A port read as the guest sees it, ns", whole["pio"]))
    tables.append(exit_table("A memory-mapped read as the guest sees it, ns", whole["mmio"]))
    worst = max(median(values) for values in alone.values())
    text = (f"Goal: at most {GOAL_NS} ns in user space, flat from 1 to 200 ranges and from 1 to 2 "
            f"vCPUs. Measured: {median(alone['pio', 1]):.0f} ns with 1 range, at worst {worst:.0f} "
            f"ns; {max(counted.values()):.0f} instructions at most.")
    pair = median(pairs["own", 2]) / median(pairs["own", 1])
    goals = [("exit path in user space, worst", f"{GOAL_NS} ns", f"{worst:.0f} ns",
              worst / GOAL_NS),
             ("exit path, 200 ranges to 1", "1.1 times", f"{worst / median(alone['pio', 1]):.2f} "
              "times", worst / median(alone["pio", 1]) / 1.1),
             ("exit path, 2 vCPUs to 1", "1.1 times", f"{pair:.2f} times", pair / 1.1)]
    lines = {space: [(ranges, median(alone[space, ranges])) for ranges in RANGES]
             for space in SPACES}
    return {"text": text, "goals": goals, "tables": [*tables, irq_table, serial_table, console_table],
            "plots": [Plot("exits", "User-space time per exit", "ns", lines, "lines",
                           "ranges in the table")],
            "data": {"user_ns": {f"{s} {r}": v for (s, r), v in alone.items()},
                     "user_pairs_ns": {f"{m} {t}": v for (m, t), v in pairs.items()},
                     "instructions": {f"{s} {r}": v for (s, r), v in counted.items()},
                     "whole_ns": whole, "interrupts_per_s": irqs, "serial_kb_per_s": bytes_out,
                     "console": console_data}}
