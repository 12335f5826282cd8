# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every rule that `volt explain` prints, replayed by code inside of a sealed volt: the call
as the rule has it lives, and with any one of the tested arguments changed it kills."""

from kit import SecurityCase
from vm import Setup

# Arguments that no rule looks at, as words of the probe: such that the call does nothing,
# and at once. A count of 0 for whatever may have any.
HARMLESS = {
    "read": {1: "*64", 2: "0"},
    "write": {1: "*64", 2: "0"},
    "readv": {1: "~8", 2: "1"},
    "writev": {1: "~0", 2: "1"},
    "preadv": {1: "~8", 2: "1"},
    "pwritev": {1: "~0", 2: "1"},
    "ioctl": {2: "*64"},
    "epoll_pwait2": {1: "*12", 2: "1", 3: "*16", 5: "8"},
    "epoll_ctl": {2: "0", 3: "*12"},
    "clock_gettime": {1: "*16"},
}
# What would end the process even if all goes well, or needs a signal's frame.
NO_RETURN = ("exit_group", "rt_sigreturn")
# What waits for a vCPU that runs.
WAITS = "tells the guest that it was stopped"


class Replay(SecurityCase):
    def step(self, name, args, rule):
        """One step of the probe. Arguments that the rule tests are given as they are."""
        tested = {test["arg"] for test in rule.tests}
        words = [HARMLESS.get(name, {}).get(i, "0") if i not in tested else hex(args[i])
                 for i in range(6)]
        return " ".join([name, *words])

    def lives(self, words_for, rule):
        args = rule.example()
        step = self.step(rule.call, args, rule)
        if rule.reason == "waits for a lock":
            # Without a post the read would wait for ever; a worker may take one of them.
            step = f"write {args[0]} %1000000000000000 8;{step}"
        run = self.run_words(words_for(step))
        self.assertEqual(run.process.returncode, 0, run.story())
        self.assertIsNotNone(self.returned(run), run.story())

    def changes(self, thread, rule, test):
        """Values of that argument, near to what it must be, that no rule allows."""
        def forbidden(value):
            args = rule.example()
            args[test["arg"]] = value % 2**64
            return not thread.which(rule.call, args)

        value = test["value"]
        near = [value + step for step in range(-1, 300) if step]
        yield next(v for v in near if forbidden(v))
        if forbidden(value + 2**32):  # where the kernel looks at 32 bits only
            yield value + 2**32

    def dies(self, words_for, rule, arg, value):
        args = rule.example()
        args[arg] = value % 2**64
        run = self.run_words(words_for(self.step(rule.call, args, rule)))
        self.check_killed(run)

    def replay(self, thread, plugins, options=()):
        """All rules of the thread where the probe acts. Returns how many."""
        def words_for(step):
            return self.words(self.probe(thread, step), *plugins, options=options)

        name = {"vcpu": "vcpu0", "worker": "prober"}.get(thread, thread)
        rules = self.explain(words_for("")).threads[name]
        for rule in rules.rules:
            if rule.call in NO_RETURN:
                continue
            if rule.reason != WAITS:
                with self.subTest(thread=thread, rule=str(rule)):
                    self.lives(words_for, rule)
            for test in rule.tests:
                for value in self.changes(rules, rule, test):
                    with self.subTest(thread=thread, rule=str(rule), arg=test["arg"],
                                      value=value):
                        self.dies(words_for, rule, test["arg"], value)
        return len(rules.rules)


class Default(Replay):
    PLUGINS = ("serial", "i8042", "ioapic", "acpipower", "pvpanic", "exitport", "bootmark")

    # HOLDS(security)
    def test_rules_of_the_loop_thread(self):
        self.assertGreater(self.replay("loop", self.PLUGINS), 10)

    # HOLDS(security)
    def test_rules_of_a_vcpu_thread(self):
        self.assertGreater(self.replay("vcpu", self.PLUGINS), 5)

    # HOLDS(security)
    def test_rules_of_a_worker(self):
        self.assertGreater(self.replay("worker", self.PLUGINS), 5)


class Streams(Replay):
    # HOLDS(security)
    def test_unix_socket(self):
        self.replay("loop", (f"serial,console=unix:{self.folder()}/socket",))

    def test_files(self):
        self.replay("loop", (f"serial,console=file:{self.folder()}/out",),
                    options=("--log-file", "/dev/stderr",
                             "--trace-file", self.folder() / "trace"))

    def test_several_vcpus(self):
        for thread in ("loop", "vcpu"):
            self.replay(thread, ("serial",), options=("--cpus", "3"))


class Pausable(Replay):
    """With what pausing adds (docs/pause.md)."""

    # HOLDS(security)
    def test_rules_of_a_vm_that_can_be_paused(self):
        pauser = Setup.guests / "pauser.so"
        for thread in ("loop", "vcpu", "worker"):
            self.replay(thread, ("serial", pauser), options=("--cpus", "3"))

    # HOLDS(security)
    def test_no_register_can_be_set_and_nobody_signalled(self):
        """None of these is KVM_KVMCLOCK_CTRL, KVM_RUN or a kick."""
        pauser = Setup.guests / "pauser.so"
        page = self.explain(self.words("serial", pauser))
        vcpu, = page.fds("vCPU")
        kick = min(page.fds("stops a vCPU"))
        for thread in ("loop", "vcpu", "worker"):
            for step in (f"ioctl {vcpu} 0x4090ae82 *144", f"ioctl {vcpu} 0x4008ae89 *8",
                         f"ioctl {vcpu} 0x8090ae81 *144", f"fcntl {kick} 15 *8",
                         f"fcntl {kick} 4 0", "rt_sigaction 29 0 *32 8", "tgkill 1 1 29",
                         "rt_sigprocmask 0 0 *8 8"):
                with self.subTest(thread=thread, step=step):
                    run = self.run_words(self.words(self.probe(thread, step), "serial", pauser))
                    self.check_killed(run)
