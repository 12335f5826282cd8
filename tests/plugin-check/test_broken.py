# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Each broken plugin fails the one test that is about its fault, with a message that names
it; those without a fault pass."""

import re

import kit

# plugin: the test that fails, and what its message must hold (a regular expression)
FILES = {
    "constructor": r"constructors \(DT_INIT_ARRAY\)",
    "destructor": r"destructors \(DT_FINI_ARRAY\)",
    "init_function": r"DT_INIT",
    "ifunc": r"ifunc|IRELATIVE",
    "exec_stack": r"executable stack",
    "text_relocation": r"DT_TEXTREL",
    "writable_code": r"writable and executable",
    "rpath": r"DT_RPATH",
    "needed": r"needs the library",
    "lazy": r"-z now",
    "no_relro": r"-z relro",
    "two_symbols": r"exports .* volt_plugin alone",
    "no_symbol": r"does not export volt_plugin",
    "writable": r"volt_plugin is not constant",
    "thread_local": r"thread-local",
    "no_note": r"no Volt note",
    "two_notes": r"two Volt notes",
    "other_major": r"built for plugin ABI 7\.",
    "unknown_kind": r"kind 9",
}
BEHAVIOUR = {
    "statics": ("statics", r"8 bytes of writable static data, among them reads"),
    "kind-differs": ("load", r"note and its descriptor disagree"),
    "minor-differs": ("load", r"note says ABI 0\.\d+, its descriptor 0\.9"),
    "name-bad": ("descriptor", r"name: must match"),
    "summary-long": ("descriptor", r"no full stop"),
    "counter-name": ("descriptor", r"counter 1: needs a name like"),
    "counter-twice": ("descriptor", r"counter writes: is in the table twice"),
    "counter-help": ("descriptor", r"counter 1: .*help text"),
    "counter-stride": ("descriptor", r"counters: 1 rows, stride 4"),
    "param-default": ("descriptor", r"depth=9: must be 0 to 8"),
    "param-bounds": ("descriptor", r"depth: min is above max"),
    "param-twice": ("descriptor", r"base: is in the table twice"),
    "param-help": ("descriptor", r"depth: has no help"),
    "need-never": ("descriptor", r"asks for execve .*: no plugin may have it"),
    "need-unknown": ("descriptor", r"frobnicate: x86-64 has no such system call"),
    "extension-size": ("descriptor", r"volt\.attention/1: its table says 4 bytes, 16"),
    "extension-slot": ("descriptor", r"volt\.attention/1: a slot of its table is NULL"),
    "extension-identity": ("descriptor", r"its table has no identify"),
    "extension-writes": ("descriptor", r"it writes on standard output or error: .WRITTEN"),
    "sandbox-none": ("descriptor", r"offers no volt\.sandbox/1"),
    "start-fails": ("init", r"start gives -5"),
    "init-overlap": ("init", r"ranges registers and more registers overlap"),
    "init-empty": ("init", r"refused a call of add_range .*length is 0"),
    "init-wraps": ("init", r"refused a call of add_range .*ends above port 0xffff"),
    "init-positive": ("init", r"returned 5 without volt_fail\(\)"),
    "init-says": ("init", r'writes on standard output or error: "hello from init"'),
    "bound-regardless": ("parameters", r"base=65535: the host refused a call of add_range"),
    "bound-refuses": ("parameters", r"base=65535 is within the bounds .*, but refused: no ports"),
    "init-fd_leak": ("leaks", r"left file descriptor \d+ .* open"),
    "init-memory_leak": ("leaks", r"1 of its allocations is not freed"),
    "init-unchecked_memory": ("leaks", r"1 of its allocations is not freed"),
    "init-handler": ("leaks", r"changed what SIGUSR2 does"),
    "init-writable": ("leaks", r"is writable and executable"),
    "init-mapping": ("leaks", r"100 instances leave 100 mappings"),
    "init-child": ("leaks", r"left a child process behind"),
    "thread": ("leaks", r"left a thread behind"),
    "failure-no_message": ("failures", r"returned -12 without volt_fail\(\)"),
    "failure-leak": ("failures", r"a failing add_range .* leaves 1 allocation"),
    "failure-no_memory": ("failures", r"SEGV.*init with allocation 1 failing"),
    "failure-no_extension": ("failures", r"SEGV.*init on a host without volt\.loop/1"),
    "failure-unnamed": ("failures", r"without volt\.loop/1 fails, but does not name it"),
    "access-outside": ("random", r"wrote at offset \d+ of its instance, which has 40 bytes"),
    "access-talks": ("random", r"wrote at offset \d+ of its instance, which has 40 bytes"),
    "access-wild": ("random", r"SIGSEGV in a write of .* at port 0x20[0-3]"),
    "access-loops": ("random", r"no end within 3 s: a write of .* at port 0x20[0-3]"),
    "access-ends": ("random", r"ended the process, with status 3, in a write"),
    "access-dies": ("random", r"SIGABRT in a write"),
    "access-counts": ("random", r"counter 0 went down"),
    "access-foreign": ("random", r"set_irq: line 3 is not its own"),
    "access-bad_timer": ("random", r"arm: timer 9 is not its own"),
    "access-unasked": ("random", r"exit status 300 is above 255"),
    "access-late": ("seal", r"calls get_ext after the seal"),
    "late-wiring": ("seal", r"calls add_range after the seal, in reset and start"),
    "access-calls": ("needs", r"getppid .* for vCPU threads, but made in a write"),
    "access-opens": ("needs", r"openat|malloc"),
    "access-sleeps": ("needs", r"clock_nanosleep .* for vCPU threads"),
    "access-clock": ("needs", r"clock_gettime .* for vCPU threads, but made in a write"),
    "access-time": ("needs", r"time .* for vCPU threads, but made in a write"),
    "access-allocates": ("needs", r"it calls malloc in a write"),
    "timer-call": ("needs", r"getppid .* for vCPU threads, but made in a read"),
    "access-ticks": ("repeat", r"the same seed gave two traces: "),
    "access-addresses": ("repeat", r"the same seed gave two traces: a read"),
    "no-reset": ("reset", r"a read of .* gave|the timers differed after"),
    "reset-register": ("reset", r"a read of .* at port 0x203|the timers differed after"),
    "reset-line": ("reset", r"the interrupt lines differed"),
    "reset-timer": ("reset", r"the timers differed"),
    "index": ("reset", r"a read of . bytes? at port 0x20[0-3] .* gave"),
    "shared-state": ("instances", r"when there is another"),
    "state-outside": ("descriptor", r"regs"),
    "state-missing": ("state", r"state fuzzing, round \d+ of seed \d+: "),
    "state-disturbs": ("state", r"state fuzzing, round \d+|saving|as it was"),
    "state-line": ("state", r"interrupt line 5 differs after the restore"),
    "state-obstacle": ("state", r"in obstacle: it changed the instance"),
    "state-lines": ("state", r"what it says must be one line"),
    "state-hostile": ("state", r"SIGSEGV|wrote at offset"),
    "filter-none": ("descriptor", r"is a filter that offers no volt\.filter/1"),
    "filter-size": ("descriptor", r"volt\.filter/1: its table says 16 bytes, \d+ are needed"),
    "filter-slot": ("descriptor", r"volt\.filter/1: its table has no access"),
    "filter-silent": ("init", r"returned -5; attach returns 0, or what volt_fail\(\) did"),
    "filter-refuses": ("init", r"attach refuses every lawful range: not this one"),
    "filter-wider": ("random", r"passes on a \w+ of 8 bytes .*, which does not fit the range"),
    "filter-farther": ("random", r"passes on a \w+ of \d bytes at offset .*, which does not fit"),
    "filter-unsized": ("random", r"pass: no access, or its size is not set \[a \w+ of"),
    "filter-keeps": ("random", r"pass: only from within access, and for the layer that it was"),
    "filter-later": ("random", r"pass: only from within access.* \[.* ns going by"),
    "filter-outside": ("random", r"wrote at offset \d+ of its instance, which has 48 bytes"),
    "filter-counts": ("random", r"counter 0 went down"),
    "filter-wires": ("seal", r"calls add_timer after the seal, in a "),
    "filter-calls": ("needs", r"getppid .* for vCPU threads, but made in a "),
    "filter-ticks": ("repeat", r"the accesses passed on differed after a write"),
    "filter-shared": ("repeat", r"the accesses passed on differed after a write"),
    "memory-twice": ("random", r"(wrote at offset \d+ of its|use-after-poison).* \[the doorb"),
    "memory-trusts": ("random", r"(wrote at offset \d+ of its|use-after-poison).* \[the doorb"),
    "memory-unchecked": ("random", r"SEGV.*the doorbells that were rung"),
    "memory-beyond": ("random", r"wrote guest memory at 0x\w+ without dirty\(\)|SIGSEGV in the d"),
    "memory-untold": ("random", r"wrote guest memory at 0x\w+ without dirty\(\)"),
    "memory-read-only": ("random", r"SEGV.*the doorbells that were rung"),
    "memory-foreign": ("random", r"fire: vector 7 is not its own"),
    "memory-forgets": ("reset", r"after a reset it is not as after power-on"),
    "sandbox-empty": ("sandbox", r"getpid, which no rule allows, does not kill"),
}
# What init of tests/security/plugins/trouble.c does by its parameter: what is said of it.
TROUBLE = {
    "exit": r"ended the process, with status 0",
    "thread": r"left a thread behind", "open-file": r"left file descriptor \d+ \(/etc/passwd\) open",
    "replace-file": r"put another file in the place of the core's descriptor 0",
    "catch-signal": r"changed what SIGTERM does", "ignore-signal": r"changed what SIGCHLD does",
    "restore-signal": r"changed what SIGPIPE does",
    "unblock-signals": r"changed whether SIGHUP is blocked",
    "timer": r"left a timer", "other-timer": r"left a timer", "posix-timer": r"left a timer",
    "map-code": r"left executable memory", "limit": r"changed a resource limit",
    "filter": r"entered a seccomp filter", "umask": r"umask",
    "directory": r"changed the working directory", "locale": r"changed the locale",
    "rename": r"renamed the thread",
}
SOUND = ("sound", "declared-call", "worker", "state-sound", "filter-sound", "memory-sound")

# A sanitizer's runtime has these of its own, so that the test is left out or lets them pass.
BLIND = {"statics", "init-mapping", "access-opens", "access-wild", "constructor", "destructor",
         "init_function"} if kit.SANITIZED else set()


def expect_one(path, test, pattern):
    rounds = 5000 if path.stem.startswith("memory-") else 1000
    status, report = kit.check(path, "--seed", 1, "--rounds", rounds, "--timeout", 3)
    found = kit.failed(report)
    kit.expect(status == 1 and list(found) == [test] and re.search(pattern, found[test]),
               f"{path.stem}: status {status}, failed {found}, not {test} with /{pattern}/"
               f"{report.get('error', '')}")


for name, words in FILES.items():
    if name not in BLIND:
        expect_one(kit.SECURITY / f"{name}.so", "file", words)
for name, (test, words) in BEHAVIOUR.items():
    if name not in BLIND:
        expect_one(kit.BROKEN / f"{name.replace('_', '-')}.so", test, words)
# Under a sanitizer it is not built: its runtime has signals, threads and memory of its own.
for name, words in ({} if kit.SANITIZED else TROUBLE).items():
    code, said = kit.check(kit.SECURITY / "trouble.so", "--only", "leaks", "--params", f"what={name}")
    kit.expect(code == 1 and re.search(words, kit.failed(said).get("leaks", "")),
               f"trouble, {name}: status {code}, {said}, not /{words}/")
# A file's name is its plugin's where it is looked up by it, and anybody's choice elsewhere.
for words, wrong in (((kit.BROKEN / "name-other.so",), False),
                     (("name-other", "--plugin-dir", kit.BROKEN), True)):
    code, said = kit.check(*words, "--only", "descriptor")
    found = kit.failed(said).get("descriptor", "")
    kit.expect(code == wrong and wrong == ("its name is another, but its file's is name-other.so"
                                           in found), f"{words}: status {code}, {found}")
for name in SOUND:
    code, said = kit.check(kit.BROKEN / f"{name}.so", "--seed", 1, "--rounds", 1000)
    kit.expect(code == 0 and not kit.failed(said) and said.get("failed") == 0,
               f"{name}: status {code}, failed {kit.failed(said)}")
known = {name.replace("_", "-") for name in BEHAVIOUR} | set(SOUND) | {"name-other"}
for path in kit.BROKEN.glob("*.so"):
    kit.expect(path.stem in known, f"{path.stem}: is built, but nothing is expected of it")
kit.finish("expectations of broken plugins")
