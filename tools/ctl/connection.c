/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/ctl/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_SIZE (1u << 20) /* of an answer; the control plugin's have a quarter of it */

static int set_patience(int fd, unsigned seconds)
{
	const struct timeval limit = {.tv_sec = (time_t)seconds};

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
		return -errno;
	return 0;
}

int connection_open(struct connection *c, const char *path, unsigned seconds)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*c = (struct connection){.fd = -1};
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	int err = set_patience(c->fd, seconds);
	if (err || connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		err = err ? err : -errno;
		connection_close(c);
		return err;
	}
	return 0;
}

void connection_close(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->bytes);
	*c = (struct connection){.fd = -1};
}

int connection_be_patient(struct connection *c)
{
	return set_patience(c->fd, 0);
}

static int send_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EPIPE ? -ECONNRESET : -errno;
		bytes += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* In one piece, so that the VM wakes up once. */
static int send_line(int fd, const char *text, size_t n)
{
	char *line = malloc(n + 1);

	if (!line)
		return -ENOMEM;
	memcpy(line, text, n);
	line[n] = '\n';
	const int err = send_all(fd, line, n + 1);
	free(line);
	return err;
}

int connection_send(struct connection *c, const char *method, struct json_object *params)
{
	struct json_object *request = json_object_new_object();

	json_object_object_add(request, "jsonrpc", json_object_new_string("2.0"));
	json_object_object_add(request, "id", json_object_new_int(1));
	json_object_object_add(request, "method", json_object_new_string(method));
	if (params)
		json_object_object_add(request, "params", json_object_get(params));
	size_t n;
	const char *text = json_object_to_json_string_length(request, JSON_C_TO_STRING_PLAIN, &n);
	const int err = text ? send_line(c->fd, text, n) : -ENOMEM;
	json_object_put(request);
	return err;
}

static int make_room(struct connection *c)
{
	if (c->size < c->room)
		return 0;
	if (c->room == LINE_MAX_SIZE)
		return -EPROTO;
	const size_t room = c->room ? 2 * c->room : 4096;
	char *grown = realloc(c->bytes, room);
	if (!grown)
		return -ENOMEM;
	c->bytes = grown;
	c->room = room;
	return 0;
}

static int receive(struct connection *c)
{
	int err = make_room(c);
	if (err)
		return err;
	ssize_t n = recv(c->fd, c->bytes + c->size, c->room - c->size, 0);

	if (n < 0)
		return errno == EINTR ? 0 : errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ECONNRESET;
	c->size += (size_t)n;
	return 0;
}

int connection_read(struct connection *c, struct json_object **message)
{
	char *end;

	*message = NULL;
	while (!c->size || !(end = memchr(c->bytes, '\n', c->size))) {
		int err = receive(c);

		if (err)
			return err;
	}
	const size_t n = (size_t)(end - c->bytes) + 1;
	*end = '\0';
	*message = json_tokener_parse(c->bytes);
	c->size -= n;
	memmove(c->bytes, c->bytes + n, c->size);
	return *message && json_object_is_type(*message, json_type_object) ? 0 : -EPROTO;
}

int connection_read_bytes(struct connection *c, uint8_t *bytes, size_t n)
{
	const size_t had = n < c->size ? n : c->size;

	if (had > 0)
		memcpy(bytes, c->bytes, had);
	c->size -= had;
	if (c->size > 0)
		memmove(c->bytes, c->bytes + had, c->size);
	bytes += had;
	n -= had;
	while (n > 0) {
		const ssize_t got = recv(c->fd, bytes, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 ? -ECONNRESET : errno == EAGAIN ? -ETIMEDOUT : -errno;
		bytes += got;
		n -= (size_t)got;
	}
	return 0;
}
