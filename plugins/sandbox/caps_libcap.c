/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Sources: cap_get_proc(3), cap_get_flag(3), cap_init(3) of libcap 2.66; prctl(2). */
#include "caps.h"

#include <sys/capability.h>
#include <sys/prctl.h>

static int enable(cap_t sets, cap_value_t number)
{
	cap_flag_value_t permitted = CAP_CLEAR;

	if (cap_get_flag(sets, number, CAP_PERMITTED, &permitted))
		return -1;
	if (permitted != CAP_SET)
		return 0;
	return cap_set_flag(sets, CAP_EFFECTIVE, 1, &number, CAP_SET) == 0 &&
	       cap_set_proc(sets) == 0;
}

/* It may be permitted but not in effect, as file capabilities allow. */
int caps_may_set(void)
{
	cap_t sets = cap_get_proc();
	int may;

	if (!sets)
		return -1;
	may = enable(sets, CAP_SETPCAP);
	cap_free(sets);
	return may;
}

int caps_clear(void)
{
	cap_t none = cap_init();
	int err;

	if (!none)
		return -1;
	err = cap_set_proc(none);
	cap_free(none);
	return err;
}

/* cap_reset_ambient() asks for each capability first, 42 calls, and then makes this one. */
int caps_clear_ambient(void)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int caps_drop_bounding(unsigned number)
{
	return cap_drop_bound((cap_value_t)number);
}

int caps_in_bounding(unsigned number)
{
	return cap_get_bound((cap_value_t)number);
}

int caps_set_securebits(unsigned bits)
{
	return cap_set_secbits(bits);
}
