/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Landlock with every right handled and no rule: no file, no TCP port, no foreign
 * process can be reached by name any more; what is open stays usable. Sources:
 * landlock(7), Documentation/userspace-api/landlock.rst. Debian 12 has the header of
 * ABI 2, so what is newer is spelled out here.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layers.h"

#define CREATE_RULESET_VERSION 1u

/* Rights are handed out from bit 0 up; the table has the first count of each ABI
 * that added some. */
struct abi_row {
	int abi;
	unsigned fs, net, scoped; /* how many rights there are */
};

static const struct abi_row abis[] = {
    {1, 13, 0, 0}, /* Linux 5.13: EXECUTE .. MAKE_SYM */
    {2, 14, 0, 0}, /* 5.19: REFER */
    {3, 15, 0, 0}, /* 6.2: TRUNCATE */
    {4, 15, 2, 0}, /* 6.7: BIND_TCP, CONNECT_TCP */
    {5, 16, 2, 0}, /* 6.10: IOCTL_DEV */
    {6, 16, 2, 2}, /* 6.12: SCOPE_ABSTRACT_UNIX_SOCKET, SCOPE_SIGNAL */
};

/* 7 (6.15) added flags for logging, no right. */
#define NEWEST_ABI_KNOWN 7

static uint64_t first_bits(unsigned n)
{
	return (1ull << n) - 1;
}

struct landlock_rights landlock_rights_of(int abi)
{
	struct landlock_rights r = {0};

	for (size_t i = 0; i < sizeof(abis) / sizeof(abis[0]) && abis[i].abi <= abi; i++) {
		r.fs = first_bits(abis[i].fs);
		r.net = first_bits(abis[i].net);
		r.scoped = first_bits(abis[i].scoped);
	}
	return r;
}

static int create_ruleset(const struct landlock_rights *r)
{
	return (int)syscall(SYS_landlock_create_ruleset, r, sizeof(*r), 0);
}

static bool kernel_knows(const struct landlock_rights *r)
{
	int fd = create_ruleset(r);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

struct landlock_rights landlock_rights_probe(void)
{
	struct landlock_rights all = {0};
	uint64_t *const member[] = {&all.fs, &all.net, &all.scoped};

	for (size_t i = 0; i < sizeof(member) / sizeof(member[0]); i++) {
		for (unsigned bit = 0; bit < 64; bit++) {
			*member[i] |= 1ull << bit;
			if (kernel_knows(&all))
				continue;
			*member[i] &= ~(1ull << bit);
			break;
		}
	}
	return all;
}

static int say_missing(const struct volt_host *h, int err)
{
	if (err == ENOSYS)
		return layer_fail(h, err,
		    "the kernel has no Landlock: use one built with CONFIG_SECURITY_LANDLOCK, or "
		    "pass --no-landlock");
	if (err == EOPNOTSUPP)
		return layer_fail(h, err,
		    "Landlock is turned off in the kernel: boot it with landlock in lsm=, or pass "
		    "--no-landlock");
	return layer_fail(h, err,
	    "cannot ask the kernel for Landlock: %s (a container's own filter may forbid it: allow "
	    "landlock_create_ruleset and landlock_restrict_self, or pass --no-landlock)",
	    strerror(err));
}

/* A kernel may also have fewer rights than its number says: some distributions take
 * back the number without all of the rights. */
static int open_ruleset(int abi)
{
	struct landlock_rights r = landlock_rights_of(abi);
	int fd = -1;

	if (abi <= NEWEST_ABI_KNOWN)
		fd = create_ruleset(&r);
	if (abi > NEWEST_ABI_KNOWN || (fd < 0 && errno == EINVAL)) {
		r = landlock_rights_probe();
		fd = create_ruleset(&r);
	}
	return fd;
}

int landlock_enter(const struct volt_host *h, uint32_t *abi)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	int fd, err;

	if (version < 0)
		return say_missing(h, errno);
	fd = open_ruleset(version);
	if (fd < 0)
		return layer_fail(h, errno, "cannot make a Landlock ruleset of ABI %d: %s", version,
		    strerror(errno));
	err = syscall(SYS_landlock_restrict_self, fd, 0) ? errno : 0;
	close(fd);
	if (err)
		return layer_fail(h, err, "cannot enter Landlock: %s%s", strerror(err),
		    err == E2BIG ? " (16 nested sandboxes is the kernel's limit)" : "");
	*abi = (uint32_t)version;
	return 0;
}
