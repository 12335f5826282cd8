/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_open - what FILE, STREAM and other parameters become: real files, and streams that
 * exist only here.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_internal.h"

static int open_file(struct fake_host *f, const struct volt_param *param, const char *path,
    struct volt_value *value, char *why, size_t why_size)
{
	int mode = param->type == VOLT_PARAM_FILE_RW ? O_RDWR : O_RDONLY;
	int fd = open(path, mode | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		int err = errno;

		snprintf(why, why_size, "cannot be opened: %s", strerror(err));
		return -err;
	}
	value->fd = fd;
	return 0;
}

/* Without the real host's lock: a check wires two instances on one file. */
static int open_disk(struct fake_host *f, const struct volt_param *param, const char *path,
    struct volt_value *value, char *why, size_t why_size)
{
	const bool fixed = param->flags & VOLT_DISK_READ_ONLY ||
			   params_is_on(&f->params, f->plugin, "readonly") ||
			   params_is_on(&f->params, f->plugin, "private");
	struct stat st;
	int fd = open(path, (fixed ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		int err = errno;

		snprintf(why, why_size, "cannot be opened: %s", strerror(err));
		return -err;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		snprintf(why, why_size, "is not a regular file");
		close(fd);
		return -EINVAL;
	}
	value->fd = fd;
	value->u = (uint64_t)st.st_size;
	return 0;
}

/* Where somebody listens, as a program beside volt-plugin check. -1: nowhere. */
static int connect_for_real(const char *text)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *path = strncmp(text, "unix:", 5) == 0 ? text + 5 : "";

	if (!*path || strlen(path) >= sizeof(to.sun_path))
		return -1;
	memcpy(to.sun_path, path, strlen(path) + 1);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int make_pair(struct fake_host *f, const struct volt_param *param, int type)
{
	int fds[2];

	if (f->param_peer_count == FAKE_PEERS_OF_PARAMS ||
	    socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		fake_die(f, "no socket for parameter %s", param->name);
	f->param_peers[f->param_peer_count++] = fds[1];
	return fds[0];
}

/* Numbers one after the other, from those that `fds` have or above. */
static void line_up(struct fake_host *f, int *fds, unsigned count)
{
	int base = fds[0];

	for (unsigned i = 0; i < count; i++) {
		if (fds[i] == base + (int)i)
			continue;
		const int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, base + (int)i);

		if (fd < 0)
			fake_die(f, "no descriptors for the queues of a tap");
		close(fds[i]);
		fds[i] = fd;
		if (fd == base + (int)i)
			continue;
		base = fd - (int)i; /* there is no room: all once more, further up */
		i = UINT_MAX;
	}
}

/* Else the text does not matter: the test is the peer. A tap keeps packets apart. */
static int open_pair(
    struct fake_host *f, const struct volt_param *param, const char *text, struct volt_value *value)
{
	const bool tap = param->type == VOLT_PARAM_TAP;
	const unsigned count = tap ? params_queues(&f->params, f->plugin) : 1;
	const int type = tap ? SOCK_SEQPACKET : SOCK_STREAM;
	int fds[PARAMS_QUEUES_MAX] = {0};

	value->fd = tap ? -1 : connect_for_real(text);
	if (value->fd >= 0)
		return 0;
	for (unsigned i = 0; i < count; i++)
		fds[i] = make_pair(f, param, type);
	line_up(f, fds, count);
	value->fd = fds[0];
	value->u = tap ? count : 0;
	return 0;
}

int fake_param_peer(const struct fake_host *f, unsigned i)
{
	return i < f->param_peer_count ? f->param_peers[i] : -1;
}

/* True if `text` is `word` itself, or begins with it and a colon and a path follow. */
static bool is_kind(const char *text, const char *word, bool path)
{
	size_t len = strlen(word);

	if (strncmp(text, word, len) != 0)
		return false;
	return path ? text[len] == ':' && text[len + 1] : !text[len];
}

static int open_stream(
    struct fake_host *f, const char *text, struct volt_value *value, char *why, size_t why_size)
{
	bool present = is_kind(text, "stdio", false) || is_kind(text, "null", false) ||
		       is_kind(text, "file", true) || is_kind(text, "pipe", true);

	if (!present && !is_kind(text, "pty", false) && !is_kind(text, "unix", true)) {
		snprintf(
		    why, why_size, "must be stdio, null, pty, file:PATH, pipe:PATH or unix:PATH");
		return -EINVAL;
	}
	value->u = f->stream_count;
	f->streams[f->stream_count++] = (struct fake_stream){
	    .connected = present,
	    .limit = SIZE_MAX,
	    .listens = is_kind(text, "unix", true),
	};
	return 0;
}

int fake_open(void *arg, const struct volt_param *param, const char *text, struct volt_value *value,
    char *why, size_t why_size)
{
	if (param->type == VOLT_PARAM_DISK)
		return open_disk(arg, param, text, value, why, why_size);
	if (param->type == VOLT_PARAM_TAP || param->type == VOLT_PARAM_SOCKET)
		return open_pair(arg, param, text, value);
	if (param->type == VOLT_PARAM_PEERS) {
		fake_peers_open(arg);
		return 0;
	}
	if (param->type == VOLT_PARAM_STREAM)
		return open_stream(arg, text, value, why, why_size);
	return open_file(arg, param, text, value, why, why_size);
}
