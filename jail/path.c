/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jail/say.h"

/* Appends one component to `out`, or takes the last one off. */
static int append(char *out, size_t size, const char *name, size_t len)
{
	size_t used = strlen(out);

	if (len == 0 || (len == 1 && name[0] == '.'))
		return 0;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		char *slash = strrchr(out, '/');

		if (slash)
			*slash = '\0';
		return 0;
	}
	if (size - used < len + 2)
		return -ENAMETOOLONG;
	out[used] = '/';
	memcpy(out + used + 1, name, len);
	out[used + 1 + len] = '\0';
	return 0;
}

int path_normalise(const char *path, char *out, size_t size)
{
	char cwd[PATH_MAX] = "";
	const char *parts[] = {cwd, path};

	if (path[0] == '\0')
		return -ENOENT;
	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return -errno;
	out[0] = '\0';
	for (size_t i = 0; i < 2; i++)
		for (const char *at = parts[i]; *at != '\0';) {
			size_t len = strcspn(at, "/");
			int err = append(out, size, at, len);

			if (err)
				return err;
			at += len + (at[len] == '/');
		}
	if (out[0] == '\0')
		memcpy(out, "/", 2);
	return 0;
}

int path_open(const char *path, int flags, unsigned mode)
{
	struct open_how how = {
	    .flags = (unsigned)flags | O_CLOEXEC,
	    .mode = mode,
	    .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

int path_complain(int code, const char *what, const char *path)
{
	char real[PATH_MAX];
	int err = errno;

	if (err == ELOOP)
		return complain(code,
		    "%s %s: a symbolic link is on the way: name the file itself, %s", what, path,
		    realpath(path, real) ? real : "which does not exist");
	errno = err;
	return complain(
	    complain_code(code), "%s %s: cannot be opened: %s", what, path, strerror(err));
}
