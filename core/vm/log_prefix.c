/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/log_prefix.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/runtime_dir.h"

#define NS_PER_S  1000000000ull
#define S_PER_DAY 86400u

static struct {
	char name[VM_NAME_MAX + 1];
	bool times;
	uint64_t wall_ns; /* of CLOCK_REALTIME at clock_now() == 0 */
} prefix;

/* The days of a year that begins on 1 March, so that a leap day is the last. */
static void split_days(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	/* 1970-01-01 is day 719468 counted from 0000-03-01; 400 years have 146097 days. */
	const uint64_t z = days + 719468, era = z / 146097;
	const unsigned of_era = (unsigned)(z % 146097);
	const unsigned of_400 = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const unsigned of_year = of_era - (365 * of_400 + of_400 / 4 - of_400 / 100);
	const unsigned from_march = (5 * of_year + 2) / 153;

	*day = of_year - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = (unsigned)(era * 400) + of_400 + (*month <= 2);
}

/* Without a system call: the seal allows none for it. The kernel's time is right after a suspend of
 * the host, too. */
static uint64_t wall_now(void)
{
	const uint64_t now = clock_wall_coarse();

	return now != 0 ? now : prefix.wall_ns + clock_now();
}

static size_t put_time(char *to, size_t size)
{
	const uint64_t now = wall_now();
	const unsigned second = (unsigned)(now / NS_PER_S % S_PER_DAY);
	unsigned year, month, day;

	split_days(now / NS_PER_S / S_PER_DAY, &year, &month, &day);
	return (size_t)snprintf(to, size, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ ", year, month, day,
	    second / 3600, second / 60 % 60, second % 60, (unsigned)(now % NS_PER_S / 1000000));
}

static size_t put_prefix(char *to, size_t size)
{
	size_t n = prefix.times ? put_time(to, size) : 0;

	if (prefix.name[0])
		n += (size_t)snprintf(to + n, size - n, "volt[%s]: ", prefix.name);
	else
		n += (size_t)snprintf(to + n, size - n, "volt: ");
	return n;
}

void log_prefix_begin(const char *name, enum log_time times)
{
	if (name)
		snprintf(prefix.name, sizeof(prefix.name), "%s", name);
	prefix.times =
	    times == LOG_TIME_ON || (times == LOG_TIME_AUTO && name && !isatty(log_fd()));
	prefix.wall_ns = clock_wall() - clock_now();
	if (name || prefix.times)
		log_set_prefix(put_prefix);
}
