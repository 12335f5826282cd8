/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Privileges, limits and visibility of the process. Sources: capabilities(7),
 * prctl(2), getrlimit(2), Documentation/userspace-api/no_new_privs.rst.
 */
#include <errno.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "caps.h"
#include "layers.h"

/* Linux 6.3; not in the headers of Debian 12. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* The root user has no powers, set*id() grants none, nothing is kept over them, and
 * none of this can be undone. */
#define SECURE_ALL \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | \
	    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | \
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* By number and not by CAP_LAST_CAP: the kernel may know more than its headers here. It
 * says EINVAL to the first that it does not know. */
static int drop_bounding(const struct volt_host *h)
{
	unsigned c = 0;

	while (caps_drop_bounding(c) == 0)
		c++;
	if (errno == EINVAL)
		return 0;
	return layer_fail(
	    h, errno, "cannot drop capability %u from the bounding set: %s", c, strerror(errno));
}

/* Of a process that cannot drop anything from it. */
static bool bounding_is_empty(void)
{
	int in;

	for (unsigned c = 0; (in = caps_in_bounding(c)) >= 0; c++)
		if (in)
			return false;
	return true;
}

/* Ambient capabilities came with Linux 4.3, long before anything else needed here. */
static int empty_sets(const struct volt_host *h)
{
	if (caps_clear_ambient())
		return layer_fail(
		    h, errno, "cannot clear the ambient capabilities: %s", strerror(errno));
	if (caps_clear())
		return layer_fail(h, errno, "cannot drop the capabilities: %s", strerror(errno));
	return 0;
}

int privileges_drop(const struct volt_host *h, char *how, size_t how_size)
{
	int may, err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return layer_fail(h, errno, "cannot set no_new_privs: %s", strerror(errno));
	may = caps_may_set();
	if (may < 0)
		return layer_fail(
		    h, errno, "cannot read the process's capabilities: %s", strerror(errno));
	if (may) {
		err = drop_bounding(h);
		if (err)
			return err;
		if (caps_set_securebits(SECURE_ALL))
			return layer_fail(
			    h, errno, "cannot lock the securebits: %s", strerror(errno));
	}
	err = empty_sets(h);
	if (err)
		return err;
	/* Under no_new_privs nothing can ever raise a bit of the bounding set again. */
	snprintf(how, how_size, "%s",
	    may || bounding_is_empty() ? "all sets empty"
				       : "all sets empty but bounding (needs CAP_SETPCAP)");
	return 0;
}

int privileges_hide(const struct volt_host *h)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return layer_fail(
		    h, errno, "cannot make the process undumpable: %s", strerror(errno));
	return limit_lower(h, RLIMIT_CORE, "RLIMIT_CORE", 0);
}

int limit_lower(const struct volt_host *h, int resource, const char *name, uint64_t max)
{
	struct rlimit old, new;

	if (prlimit(0, resource, NULL, &old))
		return layer_fail(h, errno, "cannot read %s: %s", name, strerror(errno));
	new.rlim_max = old.rlim_max < max ? old.rlim_max : max;
	new.rlim_cur = new.rlim_max;
	if (prlimit(0, resource, &new, NULL))
		return layer_fail(h, errno, "cannot lower %s to %llu: %s", name,
		    (unsigned long long)new.rlim_max, strerror(errno));
	return 0;
}

void refuse_new_code(const struct volt_host *h)
{
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0))
		volt_log(h, VOLT_LOG_DEBUG,
		    "the kernel cannot refuse new executable memory (%s; it came with Linux 6.3)",
		    strerror(errno));
}
