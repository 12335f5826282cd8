/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <volt/plugin.h> /* VOLT_PRINTF */

#include "core/base/open_files.h"
#include "core/event/helper.h"

#define WAITING_CLIENTS 16 /* that connected and are not accepted yet */

struct why {
	char *text;
	size_t size;
};

VOLT_PRINTF(3, 4)
static int fail(const struct why *why, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, why->size, fmt, ap);
	va_end(ap);
	return -err;
}

/* True if `path` is a socket that nobody listens on, left by a process that is gone. */
static bool is_stale(const char *path, const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool refused = probe >= 0 &&
		       connect(probe, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
		       errno == ECONNREFUSED;
	if (probe >= 0)
		close(probe);
	return refused;
}

static int bind_to(int fd, const char *path, const struct why *why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, path, strlen(path) + 1);
	/* Linux gives the file the mode that the socket has: for its user alone, whatever the umask
	 * is, and at no moment for anybody else. */
	if (fchmod(fd, 0600) != 0)
		return fail(why, errno, "cannot set the socket's mode: %s", strerror(errno));
	int err = bind(fd, (struct sockaddr *)&address, sizeof(address));
	if (err && errno == EADDRINUSE) {
		if (!is_stale(path, &address))
			return fail(
			    why, EADDRINUSE, "%s exists and is in use, or is not a socket", path);
		unlink(path);
		err = bind(fd, (struct sockaddr *)&address, sizeof(address));
	}
	if (err)
		return fail(why, errno, "cannot listen on %s: %s%s", path, strerror(errno),
		    open_files_hint(errno));
	err = helper_unlink_at_end(path);
	if (err)
		return fail(why, -err, "cannot listen on %s: %s", path, strerror(-err));
	if (listen(fd, WAITING_CLIENTS) != 0)
		return fail(why, errno, "cannot listen on %s: %s", path, strerror(errno));
	return 0;
}

int listen_unix(const char *path, bool looks_only, int *fd, char *text, size_t size)
{
	const struct why why = {text, size};
	const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (strlen(path) > most)
		return fail(&why, ENAMETOOLONG,
		    "the socket's path is %zu bytes long, at most %zu fit", strlen(path), most);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0) /* EPERM is a container's filter: the host's lack, not a fault of the path */
		return fail(&why, errno == EPERM ? ENOSYS : errno, "cannot make a socket: %s",
		    strerror(errno));
	if (!looks_only)
		return bind_to(*fd, path, &why);
	helper_want();
	return 0;
}
