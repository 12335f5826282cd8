/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <errno.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "parts.h"
#include "text.h"

enum { GRACE_MS = 2000, KILL_MS = 500 };

static bool reap_all(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
	}
	return pid < 0 && errno == ECHILD;
}

static bool wait_for_all(int limit_ms)
{
	const struct timespec tick = {.tv_nsec = 5000000};

	for (int ms = 0; ms < limit_ms; ms += 5) {
		if (reap_all())
			return true;
		nanosleep(&tick, NULL);
	}
	return false;
}

/* Without ACPI the kernel has no way to turn a PC off: it would halt, and the VM stay. */
static bool can_power_off(void)
{
	return !access("/sys/firmware/acpi/tables/FACP", F_OK);
}

static bool prepared, off_works;

void power_prepare(void)
{
	if (prepared)
		return;
	prepared = true;
	off_works = can_power_off();
	if (!reap_all()) {
		kill(-1, SIGTERM);
		kill(-1, SIGCONT);
		if (!wait_for_all(GRACE_MS)) {
			kill(-1, SIGKILL);
			wait_for_all(KILL_MS);
		}
	}
	sync();
	mounts_release();
}

void power_end(enum power how)
{
	power_prepare();
	if (how == POWER_HALT)
		reboot(RB_HALT_SYSTEM);
	if (how == POWER_OFF && off_works)
		reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
