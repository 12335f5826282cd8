/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/runtime_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_own_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

int runtime_dir_locate(char path[RUNTIME_DIR_BYTES])
{
	const char *set = getenv("XDG_RUNTIME_DIR");
	char own[64];
	int n;

	snprintf(own, sizeof(own), "/run/user/%u", (unsigned)geteuid());
	/* The XDG base directory specification ignores a path that is not absolute. */
	if (set && set[0] == '/')
		n = snprintf(path, RUNTIME_DIR_BYTES, "%s/volt", set);
	else if (geteuid() == 0)
		n = snprintf(path, RUNTIME_DIR_BYTES, RUNTIME_DIR_ROOT);
	else if (is_own_folder(own))
		n = snprintf(path, RUNTIME_DIR_BYTES, "%s/volt", own);
	else
		n = snprintf(path, RUNTIME_DIR_BYTES, "/tmp/volt-%u", (unsigned)geteuid());
	return n < RUNTIME_DIR_BYTES ? 0 : -ENAMETOOLONG;
}
