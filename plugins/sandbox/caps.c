/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Sources: capabilities(7), capget(2), prctl(2). */
#include "caps.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As capget(2) has them. */
struct sets {
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];
};

static int read_sets(struct sets *s)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return (int)syscall(SYS_capget, &head, s->words);
}

static int write_sets(const struct sets *s)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return (int)syscall(SYS_capset, &head, s->words);
}

/* It may be permitted but not in effect, as file capabilities allow. */
int caps_may_set(void)
{
	struct sets s;
	struct __user_cap_data_struct *word = &s.words[CAP_TO_INDEX(CAP_SETPCAP)];

	if (read_sets(&s))
		return -1;
	if ((word->permitted & CAP_TO_MASK(CAP_SETPCAP)) == 0)
		return 0;
	word->effective |= CAP_TO_MASK(CAP_SETPCAP);
	return write_sets(&s) == 0;
}

int caps_clear(void)
{
	const struct sets none = {0};

	return write_sets(&none);
}

int caps_clear_ambient(void)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int caps_drop_bounding(unsigned number)
{
	return prctl(PR_CAPBSET_DROP, (unsigned long)number, 0, 0, 0);
}

int caps_in_bounding(unsigned number)
{
	return prctl(PR_CAPBSET_READ, (unsigned long)number, 0, 0, 0);
}

int caps_set_securebits(unsigned bits)
{
	return prctl(PR_SET_SECUREBITS, (unsigned long)bits, 0, 0, 0);
}
