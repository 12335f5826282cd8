/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vsock_tool - both sides of the lab's test of virtio-vsock: "guest COUNT MIB", "host PATH COUNT
 * MIB", and a host that asks volt-init's agent (docs/agent.md) for a command: "agent PATH".
 *
 * The guest connects to port 80, sends MIB and wants them back; then it serves COUNT + 1
 * connections to port 1234, whose bytes it returns, all at once. The host serves PATH_80 likewise,
 * and then opens those connections: COUNT with a few bytes each, and one with MIB. Each line that
 * the test looks for is printed once all of it has held.
 *
 * "keep PATH" accepts what comes to PATH_82 until it is killed; "probe" tells by its status whether
 * the guest can connect to port 82.
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t bulk; /* bytes */

static void die(const char *what)
{
	printf("vsock_tool: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Byte number i of a stream; no two blocks are alike. */
static uint8_t pattern(size_t i)
{
	return (uint8_t)((i * 2654435761u) >> 13 ^ i);
}

static void write_all(int fd, const void *from, size_t n)
{
	for (size_t done = 0; done < n;) {
		const ssize_t part = write(fd, (const char *)from + done, n - done);

		if (part <= 0)
			die("write");
		done += (size_t)part;
	}
}

static void send_bulk(int fd)
{
	uint8_t block[60000];

	for (size_t at = 0; at < bulk;) {
		const size_t n = bulk - at < sizeof(block) ? bulk - at : sizeof(block);

		for (size_t i = 0; i < n; i++)
			block[i] = pattern(at + i);
		write_all(fd, block, n);
		at += n;
	}
	if (shutdown(fd, SHUT_WR) != 0)
		die("shutdown");
}

static void receive_bulk(int fd)
{
	uint8_t block[50000];
	size_t at = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			if (block[i] != pattern(at))
				die("another byte came back");
	if (n < 0 || at != bulk)
		die("the bytes that came back are not all");
}

/* Both directions at once, so that neither side's buffers can hold all of it. */
static void exchange(int fd)
{
	int status;
	const pid_t child = fork();

	if (child == 0) {
		send_bulk(fd);
		_exit(0);
	}
	receive_bulk(fd);
	if (waitpid(child, &status, 0) != child || status != 0)
		die("the sender failed");
	close(fd);
}

/* Returns what came, unless it was the end. */
static bool echo(int fd)
{
	static char block[65536];
	const ssize_t n = read(fd, block, sizeof(block));

	if (n < 0)
		die("read");
	write_all(fd, block, (size_t)n);
	return n > 0;
}

/* `count` connections to `listener`, each until its end. */
static void serve(int listener, unsigned count)
{
	struct pollfd *files = calloc(count + 1, sizeof(*files));
	unsigned taken = 0;

	if (!files)
		die("calloc");
	files[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (unsigned ended = 0; ended < count;) {
		if (poll(files, taken + 1, -1) < 0)
			die("poll");
		for (unsigned i = 1; i <= taken; i++)
			if (files[i].revents && !echo(files[i].fd)) {
				close(files[i].fd);
				files[i].fd = -1;
				ended++;
			}
		if (!files[0].revents)
			continue;
		files[++taken] =
		    (struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLIN};
		if (files[taken].fd < 0)
			die("accept");
		if (taken == count)
			files[0].fd = -1;
	}
	free(files);
}

/* ---------------------------------------------------------------------- guest */

static void guest(unsigned count)
{
	struct sockaddr_vm host = {
	    .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = 80};
	struct sockaddr_vm any = {
	    .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = 1234};
	const int listener = socket(AF_VSOCK, SOCK_STREAM, 0);
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) != 0 ||
	    listen(listener, (int)count + 1) != 0)
		die("listen");
	if (connect(fd, (struct sockaddr *)&host, sizeof(host)) != 0)
		die("connect");
	printf("guest: connected\n");
	exchange(fd);
	printf("guest to host: %zu bytes and back\n", bulk);
	fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	host.svm_port = 81;
	if (connect(fd, (struct sockaddr *)&host, sizeof(host)) == 0)
		die("nobody listens on port 81, and it was opened");
	close(fd);
	serve(listener, count + 1);
	printf("guest: served %u connections\n", count + 1);
}

static int probe(void)
{
	struct sockaddr_vm host = {
	    .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = 82};
	const int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	return connect(fd, (struct sockaddr *)&host, sizeof(host)) == 0 ? 0 : 1;
}

/* ----------------------------------------------------------------------- host */

static int dial(const char *path, unsigned port)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char answer[32] = "";
	size_t n = 0;
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die("connect");
	dprintf(fd, "CONNECT %u\n", port);
	while (n < sizeof(answer) - 1 && read(fd, answer + n, 1) == 1 && answer[n] != '\n')
		n++;
	if (strncmp(answer, "OK ", 3) != 0)
		die("no OK");
	return fd;
}

static int listen_at(const char *path, unsigned port)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s_%u", path, port);
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, 8) != 0)
		die("listen");
	return listener;
}

static void keep(const char *path)
{
	const int listener = listen_at(path, 82);

	for (;;)
		close(accept(listener, NULL, NULL));
}

static void host(const char *path, unsigned count)
{
	int *fds = calloc(count, sizeof(*fds));

	if (!fds)
		die("calloc");
	serve(listen_at(path, 80), 1);
	for (unsigned i = 0; i < count; i++)
		fds[i] = dial(path, 1234);
	printf("host: %u connections are open\n", count);
	for (unsigned i = 0; i < count; i++)
		write_all(fds[i], &i, sizeof(i));
	for (unsigned i = 0; i < count; i++) {
		unsigned back = ~i;

		if (shutdown(fds[i], SHUT_WR) != 0 ||
		    read(fds[i], &back, sizeof(back)) != sizeof(back) || back != i ||
		    read(fds[i], &back, 1) != 0)
			die("a connection gave other bytes back");
		close(fds[i]);
	}
	exchange(dial(path, 1234));
	printf("host to guest: %zu bytes and back\n", bulk);
}

static uint32_t receive(int fd, char *payload)
{
	uint32_t head[2];

	if (recv(fd, head, sizeof(head), MSG_WAITALL) != sizeof(head) || head[0] > 16384 ||
	    recv(fd, payload, head[0], MSG_WAITALL) != (ssize_t)head[0])
		die("no frame");
	payload[head[0]] = 0;
	return head[1];
}

static void agent(const char *path)
{
	static const char request[] =
	    "\0\0\0\0\0\0\0\0\3\0\1\0/proc\0sh\0-c\0pwd; echo $WHERE; exit 7\0WHERE=guest";
	const uint32_t head[] = {sizeof(request), 1};
	static char payload[16385];
	uint32_t kind;
	const int fd = dial(path, 1024);

	if (receive(fd, payload) != 16)
		die("no hello");
	write_all(fd, head, sizeof(head));
	write_all(fd, request, sizeof(request));
	while ((kind = receive(fd, payload)) == 17)
		printf("agent: %s", payload);
	if (kind != 20)
		die(payload);
	printf("agent: status %d\n", payload[0]);
	const uint32_t end[] = {4, 6, 0};
	const int other = dial(path, 1024);

	/* A connection that is closed with a hello unread is reset, and its bytes may be lost. */
	if (receive(other, payload) != 16)
		die("no hello");
	write_all(other, end, sizeof(end));
	while (read(other, payload, sizeof(payload)) > 0)
		continue;
}

/* Linux gives 1,024 without asking. */
static void raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		die("getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		die("setrlimit");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	raise_files();
	if (argc >= 4)
		bulk = (size_t)atoi(argv[argc - 1]) << 20;
	if (argc == 4 && strcmp(argv[1], "guest") == 0)
		guest((unsigned)atoi(argv[2]));
	else if (argc == 5 && strcmp(argv[1], "host") == 0)
		host(argv[2], (unsigned)atoi(argv[3]));
	else if (argc == 3 && strcmp(argv[1], "agent") == 0)
		agent(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "keep") == 0)
		keep(argv[2]);
	else if (argc == 2 && strcmp(argv[1], "probe") == 0)
		return probe();
	else
		return 2;
	return 0;
}
