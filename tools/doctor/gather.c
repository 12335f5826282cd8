/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/doctor/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/kvm/kvm.h"
#include "tools/doctor/checks.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#define GET_MDWE              66 /* PR_GET_MDWE, Linux 6.3 */
#define LANDLOCK_VERSION_FLAG 1u

static void gather_owner(struct host_kvm *k, const char *path)
{
	struct stat st;

	const struct passwd *user = getpwuid(getuid());
	if (user)
		snprintf(k->user, sizeof(k->user), "%s", user->pw_name);
	if (stat(path, &st) != 0)
		return;
	k->mode = st.st_mode;
	const struct group *group = getgrgid(st.st_gid);
	if (group)
		snprintf(k->group, sizeof(k->group), "%s", group->gr_name);
}

static void gather_caps(struct host_kvm *k, int fd)
{
	for (unsigned i = 0; i < kvm_need_count && i < HOST_CAPS_MAX; i++)
		k->caps[i] = ioctl(fd, KVM_CHECK_EXTENSION, kvm_needs[i].number) > 0;
	for (unsigned i = 0; i < want_count && i < HOST_CAPS_MAX; i++)
		k->wants[i] = ioctl(fd, KVM_CHECK_EXTENSION, wants[i].number) > 0;
	k->max_cpus = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
	k->most_cpus = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (k->most_cpus <= 0)
		k->most_cpus = k->max_cpus;
}

void gather_kvm(struct host_kvm *k, const char *path)
{
	gather_owner(k, path);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		k->open_error = errno;
		return;
	}
	k->version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (k->version == KVM_API_VERSION)
		gather_caps(k, fd);
	close(fd);
}

void gather_seal(struct host_seal *s)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);

	s->landlock = abi < 0 ? -errno : (int)abi;
	s->seccomp = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
	s->mdwe = prctl(GET_MDWE, 0, 0, 0, 0) >= 0;
	s->mseal = syscall(SYS_mseal, 0UL, 0UL, 0UL) == 0; /* of no bytes */
}
