/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define OK_MAX 24u /* "OK 4294967295" and its end of line */

int client_dial(struct client *c, const char *path, uint32_t port)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*c = (struct client){.fd = -1};
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	if (connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		const int err = -errno;

		client_hang_up(c);
		return err;
	}
	c->out_end = (size_t)snprintf((char *)c->out, sizeof(c->out), "CONNECT %u\n", port);
	const int err = client_write(c);
	if (err)
		client_hang_up(c);
	return err;
}

void client_hang_up(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->open = false;
}

/* The line of the plugin, before the agent's first frame. */
static int open_line(struct client *c)
{
	const uint8_t *end = memchr(c->in, '\n', c->in_used);

	if (!end)
		return c->in_used > OK_MAX ? -EPROTO : -EAGAIN;
	if (c->in_used < 3 || memcmp(c->in, "OK ", 3) != 0)
		return -EPROTO;
	const size_t n = (size_t)(end - c->in) + 1;
	c->in_used -= n;
	memmove(c->in, c->in + n, c->in_used);
	c->open = true;
	return 0;
}

int client_read(struct client *c)
{
	const size_t room = sizeof(c->in) - c->in_used;

	if (room == 0)
		return 0;
	const ssize_t n = recv(c->fd, c->in + c->in_used, room, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n <= 0)
		return n == 0 ? -ECONNRESET : -errno;
	c->in_used += (size_t)n;
	return c->open ? 0 : open_line(c);
}

int client_take(struct client *c, struct client_frame *f)
{
	if (!c->open || c->in_used < CLIENT_HEAD)
		return -EAGAIN;
	f->size = client_get32(c->in);
	f->kind = client_get32(c->in + 4);
	f->bytes = c->in + CLIENT_HEAD;
	if (f->size > AGENT_FRAME_MAX)
		return -EPROTO;
	return c->in_used >= CLIENT_HEAD + f->size ? 0 : -EAGAIN;
}

void client_drop(struct client *c, const struct client_frame *f)
{
	const size_t n = CLIENT_HEAD + f->size;

	c->in_used -= n;
	memmove(c->in, c->in + n, c->in_used);
}

bool client_put(struct client *c, uint32_t kind, const void *bytes, size_t n)
{
	if (c->out_begin == c->out_end)
		c->out_begin = c->out_end = 0;
	if (n > AGENT_FRAME_MAX || sizeof(c->out) - c->out_end < CLIENT_HEAD + n)
		return false;
	client_put32(c->out + c->out_end, (uint32_t)n);
	client_put32(c->out + c->out_end + 4, kind);
	if (n > 0)
		memcpy(c->out + c->out_end + CLIENT_HEAD, bytes, n);
	c->out_end += CLIENT_HEAD + n;
	return true;
}

int client_write(struct client *c)
{
	while (client_has_output(c)) {
		const ssize_t n = send(c->fd, c->out + c->out_begin, c->out_end - c->out_begin,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n < 0) {
			c->out_begin = c->out_end = 0; /* nobody will take it */
			return errno == EPIPE ? -ECONNRESET : -errno;
		}
		c->out_begin += (size_t)n;
	}
	return 0;
}
