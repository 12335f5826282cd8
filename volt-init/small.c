/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "small.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Shell's sort: some lines, and fast enough for a folder of thousands. */
static void sort(char **names, int count, names_order *order)
{
	for (int gap = count / 2; gap > 0; gap /= 2) {
		for (int i = gap; i < count; i++) {
			char *name = names[i];
			int at = i;
			for (; at >= gap && order(names[at - gap], name) > 0; at -= gap)
				names[at] = names[at - gap];
			names[at] = name;
		}
	}
}

static bool add(char ***names, int count, const char *name)
{
	if ((count & (count - 1)) == 0) { /* full: there is room for a power of two */
		char **more = realloc(*names, 2 * sizeof(*more) * (size_t)(count ? count : 1));
		if (!more)
			return false;
		*names = more;
	}
	(*names)[count] = strdup(name);
	return (*names)[count] != NULL;
}

int names_read(const char *path, names_keep *keep, names_order *order, char ***names)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	int count = 0;

	*names = NULL;
	if (!folder)
		return -1;
	while (errno = 0, (entry = readdir(folder))) {
		if (!keep(entry->d_name))
			continue;
		if (!add(names, count, entry->d_name))
			break;
		count++;
	}
	const int error = errno;
	closedir(folder);
	errno = error;
	if (error)
		return -1;
	sort(*names, count, order);
	return count;
}

int names_by_number(const char *left, const char *right)
{
	const size_t left_len = strlen(left), right_len = strlen(right);

	return left_len != right_len ? (left_len < right_len ? -1 : 1) : strcmp(left, right);
}

unsigned long uptime_ms(void)
{
	struct timespec up = {0};

	syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &up);
	return (unsigned long)up.tv_sec * 1000 + (unsigned long)up.tv_nsec / 1000000;
}
