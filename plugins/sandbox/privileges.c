/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Privileges, limits and visibility of the process. Sources: capabilities(7),
 * prctl(2), getrlimit(2), Documentation/userspace-api/no_new_privs.rst.
 */
#include <errno.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

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

/* CAP_SETPCAP may be permitted but not in effect, as file capabilities allow. */
static bool may_set_capabilities(cap_t caps)
{
	const cap_value_t setpcap = CAP_SETPCAP;
	cap_flag_value_t have = CAP_CLEAR;

	if (cap_get_flag(caps, CAP_SETPCAP, CAP_PERMITTED, &have) || have != CAP_SET)
		return false;
	return cap_set_flag(caps, CAP_EFFECTIVE, 1, &setpcap, CAP_SET) == 0 &&
	       cap_set_proc(caps) == 0;
}

/* By number and not by CAP_LAST_CAP: the kernel may know more than its headers here. */
static int drop_bounding(const struct volt_host *h)
{
	for (cap_value_t c = 0; cap_get_bound(c) >= 0; c++)
		if (cap_drop_bound(c))
			return volt_fail(h, errno,
			    "cannot drop capability %d from the bounding set: %s", c,
			    strerror(errno));
	return 0;
}

static bool bounding_is_empty(void)
{
	int in;

	for (cap_value_t c = 0; (in = cap_get_bound(c)) >= 0; c++)
		if (in)
			return false;
	return true;
}

/* Ambient capabilities came with Linux 4.3, long before anything else needed here. */
static int empty_sets(const struct volt_host *h, cap_t caps)
{
	if (cap_reset_ambient())
		return volt_fail(
		    h, errno, "cannot clear the ambient capabilities: %s", strerror(errno));
	if (cap_clear(caps) || cap_set_proc(caps))
		return volt_fail(h, errno, "cannot drop the capabilities: %s", strerror(errno));
	return 0;
}

static int drop_capabilities(const struct volt_host *h, cap_t caps)
{
	int err = 0;

	if (may_set_capabilities(caps)) {
		err = drop_bounding(h);
		if (!err && cap_set_secbits(SECURE_ALL))
			err =
			    volt_fail(h, errno, "cannot lock the securebits: %s", strerror(errno));
	}
	return err ? err : empty_sets(h, caps);
}

int privileges_drop(const struct volt_host *h, char *how, size_t how_size)
{
	cap_t caps;
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return volt_fail(h, errno, "cannot set no_new_privs: %s", strerror(errno));
	caps = cap_get_proc();
	if (!caps)
		return volt_fail(
		    h, errno, "cannot read the process's capabilities: %s", strerror(errno));
	err = drop_capabilities(h, caps);
	cap_free(caps);
	if (err)
		return err;
	/* Under no_new_privs nothing can ever raise a bit of the bounding set again. */
	snprintf(how, how_size, "%s",
	    bounding_is_empty() ? "all sets empty"
				: "all sets empty but bounding (needs CAP_SETPCAP)");
	return 0;
}

int privileges_hide(const struct volt_host *h)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return volt_fail(
		    h, errno, "cannot make the process undumpable: %s", strerror(errno));
	return limit_lower(h, RLIMIT_CORE, "RLIMIT_CORE", 0);
}

int limit_lower(const struct volt_host *h, int resource, const char *name, uint64_t max)
{
	struct rlimit old, new;

	if (getrlimit((__rlimit_resource_t)resource, &old))
		return volt_fail(h, errno, "cannot read %s: %s", name, strerror(errno));
	new.rlim_max = old.rlim_max < max ? old.rlim_max : max;
	new.rlim_cur = new.rlim_max;
	if (setrlimit((__rlimit_resource_t)resource, &new))
		return volt_fail(h, errno, "cannot lower %s to %llu: %s", name,
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
