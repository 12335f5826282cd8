/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jail/say.h"
#include "sdk/common/compat.h"

#define SECUREBITS \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | \
	    SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | \
	    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

int privileges_clean_inheritance(void)
{
	struct sigaction defaults = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return JAIL_HOST; /* there is no way to say it */
	if (close_range(3, UINT_MAX, 0) != 0)
		return complain(JAIL_HOST, "cannot close inherited files: %s", strerror(errno));
	for (int s = 1; s < NSIG; s++)
		sigaction(s, &defaults, NULL); /* refused for SIGKILL and SIGSTOP */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(077);
	return 0;
}

static int set_limit(const char *name, __rlimit_resource_t which, uint64_t value)
{
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value};

	if (setrlimit(which, &limit) != 0)
		return complain(JAIL_STEP, "%s %llu: cannot set the limit: %s", name,
		    (unsigned long long)value, strerror(errno));
	return 0;
}

int privileges_limit(const struct options *o)
{
	int code = set_limit("core files", RLIMIT_CORE, 0);

	if (code == 0 && o->has_nofile)
		code = set_limit("--nofile", RLIMIT_NOFILE, o->nofile);
	if (code == 0 && o->has_fsize)
		code = set_limit("--fsize", RLIMIT_FSIZE, o->fsize);
	return code;
}

int privileges_renounce(void)
{
	for (unsigned long cap = 0; cap <= 63; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno != EINVAL) /* else past the last one that this kernel has */
			return complain(JAIL_STEP,
			    "cannot drop capability %lu from the bounding set: %s", cap,
			    strerror(errno));
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return complain(
		    JAIL_STEP, "cannot clear ambient capabilities: %s", strerror(errno));
	if (prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) != 0)
		return complain(JAIL_STEP, "cannot lock the securebits: %s", strerror(errno));
	return 0;
}

static int set_no_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return (int)syscall(SYS_capset, &head, none);
}

/* A keyring of root's could be read with the keys that it holds. */
static int leave_keyring(void)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 || errno == ENOSYS)
		return 0;
	return complain(JAIL_STEP, "cannot leave the session's keyring: %s", strerror(errno));
}

static const char *find_remains(uid_t uid, gid_t gid)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {{0}};
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (getresuid(&r, &e, &s) != 0 || r != uid || e != uid || s != uid)
		return "another user";
	if (getresgid(&rg, &eg, &sg) != 0 || rg != gid || eg != gid || sg != gid)
		return "another group";
	if (getgroups(0, NULL) != 0)
		return "further groups";
	if (syscall(SYS_capget, &head, caps) != 0)
		return "capabilities that cannot be read";
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if (caps[i].effective | caps[i].permitted | caps[i].inheritable)
			return "capabilities";
	for (unsigned long cap = 0; cap <= 63; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			return "a bounding set";
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return "no no_new_privs";
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return "dumpable memory";
	return setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ? "a way back to root" : NULL;
}

int privileges_drop(uid_t uid, gid_t gid)
{
	if (setresgid(gid, gid, gid) != 0)
		return complain(JAIL_STEP, "cannot become group %u: %s", gid, strerror(errno));
	if (setresuid(uid, uid, uid) != 0)
		return complain(JAIL_STEP, "cannot become user %u: %s", uid, strerror(errno));
	if (set_no_capabilities() != 0)
		return complain(JAIL_STEP, "cannot give up capabilities: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return complain(JAIL_STEP, "cannot set no_new_privs: %s", strerror(errno));
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return complain(JAIL_STEP, "cannot become undumpable: %s", strerror(errno));
	int code = leave_keyring();
	if (code != 0)
		return code;
	const char *left = find_remains(uid, gid);
	if (left)
		return complain(
		    JAIL_STEP, "after giving up all rights the process still has %s", left);
	return 0;
}
