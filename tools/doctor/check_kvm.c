/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Sources: Documentation/virt/kvm/api.rst. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "core/kvm/kvm.h"
#include "tools/doctor/checks.h"

const struct want wants[] = {
    {KVM_CAP_SPLIT_IRQCHIP, "KVM_CAP_SPLIT_IRQCHIP", "an interrupt controller as a plugin"},
    {KVM_CAP_TSC_DEADLINE_TIMER, "KVM_CAP_TSC_DEADLINE_TIMER", "guests' timers by the TSC"},
    {KVM_CAP_ADJUST_CLOCK, "KVM_CAP_ADJUST_CLOCK", "kvm-clock"},
};
const unsigned want_count = sizeof(wants) / sizeof(wants[0]);

static void say_absent(struct findings *f)
{
	found(f, LEVEL_FAIL, "kvm-device", "/dev/kvm does not exist");
	because(f, "volt runs guests with KVM alone");
	mend(f, "modprobe kvm_intel || modprobe kvm_amd; in a container: start it with "
		"--device /dev/kvm");
}

static void say_refused(struct findings *f, const struct host_kvm *k)
{
	found(f, LEVEL_FAIL, "kvm-device", "no right to open /dev/kvm (mode %03o, group %s)",
	    k->mode & 0777, k->group[0] != '\0' ? k->group : "unknown");
	because(
	    f, "its group may use it%s", (k->mode & 060) == 060 ? "" : ", once its mode allows it");
	if (k->group[0] == '\0' || strcmp(k->group, "root") == 0)
		mend(f,
		    "groupadd -f -r kvm && chgrp kvm /dev/kvm && chmod 660 /dev/kvm && usermod "
		    "-aG kvm %s, then log in again",
		    k->user[0] != '\0' ? k->user : "USER");
	else
		mend(f, "usermod -aG %s %s, then log in again", k->group,
		    k->user[0] != '\0' ? k->user : "USER");
}

static void say_broken(struct findings *f, int err)
{
	found(f, LEVEL_FAIL, "kvm-device", "/dev/kvm cannot be opened: %s", strerror(err));
	because(f, "%s",
	    err == ENODEV || err == ENXIO ? "the file is there, the module behind it is not"
	    : err == EBUSY                ? "another hypervisor holds the CPU's virtualisation"
					  : "the kernel's log may say more");
	mend(f, "modprobe kvm_intel || modprobe kvm_amd; dmesg | grep -i kvm");
}

static void check_needs(struct findings *f, const struct host_kvm *k)
{
	char list[256] = "";

	for (unsigned i = 0; i < kvm_need_count; i++) {
		size_t n = strlen(list);

		if (!k->caps[i])
			snprintf(list + n, sizeof(list) - n, "%s%s (%s)", n > 0 ? ", " : "",
			    kvm_needs[i].name, kvm_needs[i].use);
	}
	if (list[0] == '\0') {
		found(f, LEVEL_OK, "kvm-needs", "all %u capabilities that volt needs",
		    kvm_need_count);
		return;
	}
	found(f, LEVEL_FAIL, "kvm-needs", "KVM lacks %s", list);
	because(f, "volt cannot start without");
	mend(f, "use a newer kernel");
}

static void check_wants(struct findings *f, const struct host_kvm *k)
{
	char list[256] = "";

	for (unsigned i = 0; i < want_count; i++) {
		size_t n = strlen(list);

		if (!k->wants[i])
			snprintf(list + n, sizeof(list) - n, "%s%s (%s)", n > 0 ? ", " : "",
			    wants[i].name, wants[i].use);
	}
	if (list[0] == '\0') {
		found(
		    f, LEVEL_OK, "kvm-wants", "all %u capabilities that volt can use", want_count);
		return;
	}
	found(f, LEVEL_WARNING, "kvm-wants", "KVM lacks %s", list);
	because(f, "what they are for is not to be had");
	mend(f, "use a newer kernel");
}

void check_kvm(struct findings *f, const struct host *h)
{
	const struct host_kvm *k = &h->kvm;

	if (k->open_error == ENOENT)
		say_absent(f);
	else if (k->open_error == EACCES || k->open_error == EPERM)
		say_refused(f, k);
	else if (k->open_error != 0)
		say_broken(f, k->open_error);
	if (k->open_error != 0)
		return;
	if (k->version != KVM_API_VERSION) {
		found(f, LEVEL_FAIL, "kvm-device", "/dev/kvm speaks API version %d", k->version);
		because(f, "volt speaks %d, as every KVM since Linux 2.6.22", KVM_API_VERSION);
		mend(f, "use a newer kernel");
		return;
	}
	found(f, LEVEL_OK, "kvm-device", "/dev/kvm may be used, API version %d", k->version);
	check_needs(f, k);
	check_wants(f, k);
	if (k->max_cpus > 0)
		found(f, LEVEL_OK, "kvm-cpus", "up to %d vCPUs in a guest, %d advised (volt: 64)",
		    k->most_cpus, k->max_cpus);
}
