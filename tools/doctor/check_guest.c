/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The figures stand for orders of magnitude: a port write takes 1 to 2 us on bare metal, some 10 to
 * 40 in a nested guest; an instruction takes well below 10 ns wherever the CPU itself runs it.
 */
#include <stdio.h>
#include <string.h>

#include "tools/doctor/checks.h"
#include "tools/doctor/sealed.h"

#define SLOW_EXIT_NS 10000u
#define SLOW_VM_NS   20000000u
#define EMULATED_PS  50000u

static void check_speed(struct findings *f, const struct host_guest *g)
{
	if (g->exit_ns <= SLOW_EXIT_NS) {
		found(f, LEVEL_OK, "exit-cost", "an exit takes %.1f us (port write, median): good",
		    (double)g->exit_ns / 1e3);
	} else {
		found(f, LEVEL_WARNING, "exit-cost",
		    "an exit takes %.1f us (port write, median): slow", (double)g->exit_ns / 1e3);
		because(f,
		    "devices and interrupts of guests cost exits; 1 to 2 us are usual on bare "
		    "metal, 10 to 40 in a VM");
		mend(f, "run volt on bare metal; see l1d-flush and cpu-bugs");
	}
	if (g->vm_ns <= SLOW_VM_NS) {
		found(f, LEVEL_OK, "vm-creation", "a new VM takes %.1f ms", (double)g->vm_ns / 1e6);
		return;
	}
	found(f, LEVEL_WARNING, "vm-creation", "a new VM takes %.1f ms", (double)g->vm_ns / 1e6);
	because(f, "a few are usual; waiting for cgroups is the known reason");
	mend(f, "see nx-huge-pages; else mount -o remount,favordynmods /sys/fs/cgroup");
}

static void check_instructions(struct findings *f, const struct host_guest *g)
{
	double each_ns = (double)g->loop_ps / 1e3;

	if (g->popcnt && g->loop_ps < EMULATED_PS) {
		found(f, LEVEL_OK, "guest-cpu",
		    "guest code runs on the CPU itself (%.2f ns an instruction)", each_ns);
		return;
	}
	found(f, LEVEL_FAIL, "guest-cpu",
	    "guest kernel code is emulated%s: %.0f ns an instruction, %.1f million a second",
	    g->popcnt ? "" : ", without popcnt", each_ns, each_ns > 0 ? 1e3 / each_ns : 0.0);
	because(
	    f, "Linux uses instructions that KVM's emulator does not know, and stops at the first");
	mend(f, "use a host whose KVM is kvm_intel or kvm_amd, or scripts/lab");
}

/* True if KVM by itself runs a guest. */
static bool check_raw(struct findings *f, const struct host_guest *g)
{
	if (!g->tried)
		return false;
	if (g->error[0] != '\0' || !g->counted) {
		found(f, LEVEL_FAIL, "trial-kvm", "a guest of %u bytes does not run on KVM: %s",
		    42u, g->error[0] != '\0' ? g->error : "it stopped too early");
		because(f, "the fault lies with the host's KVM, volt has no part in this trial");
		mend(f, "dmesg | tail; use another kernel or host");
		return false;
	}
	found(f, LEVEL_OK, "trial-kvm", "a bare-metal guest runs on KVM");
	check_speed(f, g);
	if (g->computed)
		check_instructions(f, g);
	return true;
}

static void say_run(const struct host_run *r, char *to, size_t size)
{
	if (r->status < 0)
		snprintf(to, size, "cannot be started: %s", strerror(-r->status));
	else if (r->status == SEALED_TIMEOUT)
		snprintf(to, size, "did not end within %u s", SEALED_LIMIT_S);
	else
		snprintf(to, size, "ended with status %d: %s", r->status,
		    r->line[0] != '\0' ? r->line : "no message");
}

static void blame(struct findings *f, const struct host *h, bool kvm_runs)
{
	if (!kvm_runs)
		because(f, "nor does a guest without volt: see trial-kvm");
	else if (h->unsealed.tried && h->unsealed.status == SEALED_STATUS)
		because(f,
		    "KVM runs guests, and so does volt --no-sandbox: the fault lies with the "
		    "seal, see landlock and seccomp");
	else
		because(f, "KVM runs guests: the fault lies with volt or its plugins");
}

static void check_volt(struct findings *f, const struct host *h, bool kvm_runs)
{
	const struct host_run *r = &h->sealed;
	char said[320];

	if (!r->tried)
		return;
	if (r->status == SEALED_STATUS) {
		found(f, LEVEL_OK, "trial-volt", "a sealed guest ran through volt in %.0f ms",
		    (double)r->ns / 1e6);
		return;
	}
	say_run(r, said, sizeof(said));
	/* 100 to 102: volt did not like what it was given, which says nothing of the host. */
	bool host = r->status < 100 || r->status > 102;
	found(f, host ? LEVEL_FAIL : LEVEL_WARNING, "trial-volt", "volt %s", said);
	blame(f, h, kvm_runs);
	mend(f, "%s",
	    host ? "volt explain says what volt would do; volt(1), EXIT STATUS, what the number "
		   "means"
		 : "install volt's plugins beside it, or name a volt that has them: volt-doctor "
		   "--volt FILE");
}

void check_guest(struct findings *f, const struct host *h)
{
	bool runs = check_raw(f, &h->guest);

	check_volt(f, h, runs);
}
