/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Sources: landlock(7) and Documentation/userspace-api/landlock.rst for what each ABI added;
 * Documentation/userspace-api/seccomp_filter.rst for the sysctls.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/doctor/checks.h"

#define ACTIONS "/proc/sys/kernel/seccomp/"

/* What the sandbox uses; 7 brought flags for logging and no right. */
static const struct {
	int abi;
	const char *since, *right;
} rights[] = {
    {2, "5.19", "moving files between folders"},
    {3, "6.2", "truncating files"},
    {4, "6.7", "TCP ports"},
    {5, "6.10", "ioctl on devices"},
    {6, "6.12", "abstract sockets and signals"},
};

static void say_no_landlock(struct findings *f, int err)
{
	found(f, LEVEL_FAIL, "landlock", "%s",
	    err == ENOSYS       ? "the kernel has no Landlock"
	    : err == EOPNOTSUPP ? "Landlock is turned off"
				: "the kernel does not answer about Landlock");
	because(f, "the seal closes the file system with it, and volt refuses to start unsealed");
	mend(f, "%s",
	    err == ENOSYS ? "use Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK"
	    : err == EOPNOTSUPP
		? "boot with landlock in lsm=, as lsm=landlock,lockdown,yama,apparmor"
		: "allow landlock_create_ruleset in the filter of the container; or volt "
		  "--no-landlock, which protects less");
}

static void check_landlock(struct findings *f, const struct host *h)
{
	int abi = h->seal.landlock;
	const char *since = NULL;
	char list[192] = "";

	if (abi <= 0) {
		say_no_landlock(f, -abi);
		return;
	}
	for (unsigned i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		size_t n = strlen(list);

		if (rights[i].abi <= abi)
			continue;
		since = rights[i].since;
		snprintf(list + n, sizeof(list) - n, "%s%s", n > 0 ? ", " : "", rights[i].right);
	}
	if (!since) {
		found(f, LEVEL_OK, "landlock",
		    "Landlock ABI %d has every right that volt takes away", abi);
		return;
	}
	found(f, LEVEL_WARNING, "landlock", "Landlock ABI %d does not cover: %s", abi, list);
	because(f, "there seccomp is the only layer of the seal");
	mend(f, "use Linux %s or newer", since);
}

static void check_seccomp(struct findings *f, const struct host *h)
{
	char actions[256] = "";
	bool listed = host_line(h, ACTIONS "actions_avail", actions, sizeof(actions));

	if (!h->seal.seccomp || (listed && !host_word(actions, "kill_process"))) {
		found(f, LEVEL_FAIL, "seccomp", "the kernel %s",
		    h->seal.seccomp ? "cannot kill a process by its filter"
				    : "has no seccomp filters");
		because(f,
		    "the seal filters the system calls of each thread, and volt refuses to start "
		    "unsealed");
		mend(f, "use Linux 4.14 or newer with CONFIG_SECCOMP_FILTER");
		return;
	}
	found(f, LEVEL_OK, "seccomp", "filters, actions: %s", listed ? actions : "unknown");
}

/* --seccomp-report reads of the kill in the kernel's log. */
static void check_reporter(struct findings *f, const struct host *h)
{
	char logged[256];

	if (!host_line(h, ACTIONS "actions_logged", logged, sizeof(logged)))
		return;
	if (host_word(logged, "kill_process")) {
		found(f, LEVEL_OK, "seccomp-report", "the kernel logs what a filter kills");
		return;
	}
	found(f, LEVEL_WARNING, "seccomp-report", "the kernel does not log what a filter kills");
	because(f, "volt --seccomp-report cannot tell which system call it was");
	mend(f, "sysctl -w kernel.seccomp.actions_logged='kill_process %s'", logged);
}

static void check_extras(struct findings *f, const struct host *h)
{
	if (h->seal.mdwe && h->seal.mseal) {
		found(f, LEVEL_OK, "memory-seal", "mseal and PR_SET_MDWE");
		return;
	}
	found(f, LEVEL_WARNING, "memory-seal", "the kernel lacks %s%s%s",
	    h->seal.mseal ? "" : "mseal (Linux 6.10)", h->seal.mseal || h->seal.mdwe ? "" : " and ",
	    h->seal.mdwe ? "" : "PR_SET_MDWE (Linux 6.3)");
	because(f, "frozen memory then stays frozen by seccomp alone");
	mend(f, "use Linux 6.10 or newer");
}

/* volt-jail --user-namespace makes one as root; volt itself does not. */
static void check_namespaces(struct findings *f, const struct host *h)
{
	uint64_t most = 1, debian = 1, apparmor = 0;

	if (!host_has(h, "/proc/self/ns/user") ||
	    (host_number(h, "/proc/sys/user/max_user_namespaces", &most) && most == 0)) {
		found(f, LEVEL_WARNING, "user-ns", "user namespaces cannot be made");
		because(f, "volt-jail --user-namespace does not work; the rest of the jail does");
		mend(f, "sysctl -w user.max_user_namespaces=10000 (needs CONFIG_USER_NS)");
		return;
	}
	host_number(h, "/proc/sys/kernel/unprivileged_userns_clone", &debian);
	host_number(h, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", &apparmor);
	found(f, LEVEL_OK, "user-ns", "user namespaces can be made%s",
	    debian == 0 || apparmor == 1 ? " by root, which is enough for volt-jail" : "");
}

static void check_yama(struct findings *f, const struct host *h)
{
	uint64_t scope;

	if (host_number(h, "/proc/sys/kernel/yama/ptrace_scope", &scope))
		found(f, LEVEL_OK, "yama",
		    "ptrace_scope is %llu; a sealed volt can be traced by "
		    "root alone, whatever it says",
		    (unsigned long long)scope);
}

void check_seal(struct findings *f, const struct host *h)
{
	check_landlock(f, h);
	check_seccomp(f, h);
	check_reporter(f, h);
	check_extras(f, h);
	check_namespaces(f, h);
	check_yama(f, h);
}
