/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/device/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/plugin/device_file.h"

static int refuse(const char *text, int err, const char *hint)
{
	return log_error(err, "--socket %s: cannot be used: %s%s", text, strerror(err), hint);
}

static int check_inherited(const char *text, int fd)
{
	struct sockaddr_un peer;
	socklen_t size = sizeof(peer), type_size = sizeof(int);
	int type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0)
		return refuse(text, errno, "");
	if (type != SOCK_STREAM || getpeername(fd, (struct sockaddr *)&peer, &size) != 0)
		return refuse(text, ENOTCONN, "; it must be a connected stream socket");
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		return refuse(text, errno, "");
	return 0;
}

/* For its user alone, whatever the umask is, and at no moment for anybody else. */
static int bind_to(int fd, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return refuse(path, ENAMETOOLONG, "; at most 107 bytes fit");
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fchmod(fd, 0600) != 0)
		return refuse(path, errno, "");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return refuse(path, errno,
		    errno == EADDRINUSE ? "; remove the file if nobody waits there any more" : "");
	return listen(fd, 1) == 0 ? 0 : refuse(path, errno, "");
}

int meeting_open(struct meeting *m, const char *text)
{
	const int number = device_file_number(text);

	if (number >= 0) {
		*m = (struct meeting){.fd = number};
		return check_inherited(text, number);
	}
	*m = (struct meeting){
	    .path = text, .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
	if (m->fd < 0)
		return refuse(text, errno, open_files_hint(errno));
	return bind_to(m->fd, text);
}

int meeting_leave(const struct meeting *m, int code)
{
	close(m->fd);
	if (m->path)
		unlink(m->path);
	return code;
}

int meeting_accept(struct meeting *m, int signal_fd)
{
	struct pollfd waits[] = {
	    {.fd = m->fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};

	if (!m->path)
		return m->fd;
	while (poll(waits, 2, -1) < 0 && errno == EINTR)
		continue;
	const int fd =
	    waits[1].revents ? -1 : accept4(m->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	const int err = waits[1].revents ? EINTR : errno;

	meeting_leave(m, 0);
	if (fd >= 0 || err == EINTR)
		return fd >= 0 ? fd : -EINTR;
	return refuse(m->path, err, "");
}
