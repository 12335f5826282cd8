/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * port_tool PATH COUNT - the host's side of a port of virtio-console: connects to the Unix socket,
 * sends COUNT bytes, and wants the same back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static int connect_to(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	while (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		usleep(100000);
	return fd;
}

static void send_all(int fd, size_t count)
{
	uint8_t bytes[4096];

	for (size_t sent = 0; sent < count;) {
		const size_t n = count - sent < sizeof(bytes) ? count - sent : sizeof(bytes);

		for (size_t i = 0; i < n; i++)
			bytes[i] = byte_at(sent + i);
		const ssize_t wrote = write(fd, bytes, n);

		if (wrote <= 0)
			exit(1);
		sent += (size_t)wrote;
	}
}

static size_t count_alike(int fd, size_t count)
{
	uint8_t bytes[4096];
	size_t have = 0;

	while (have < count) {
		const ssize_t n = read(fd, bytes, sizeof(bytes));

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++, have++)
			if (bytes[i] != byte_at(have))
				return have;
	}
	return have;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	const size_t count = strtoul(argv[2], NULL, 0);
	const int fd = connect_to(argv[1]);

	if (fork() == 0) {
		send_all(fd, count);
		_exit(0);
	}
	printf("port: %zu bytes and back\n", count_alike(fd, count));
	return 0;
}
