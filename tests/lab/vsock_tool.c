/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vsock_tool - both sides of the lab's test of virtio-vsock: "guest COUNT", "host PATH COUNT", and
 * a host that asks volt-init's agent (docs/agent.md) for a command: "agent PATH".
 *
 * The guest connects to port 80, sends BULK bytes and wants them back; then it serves COUNT + 1
 * connections to port 1234, whose bytes it returns, all at once. The host serves PATH_80 likewise,
 * and then opens those connections: COUNT with a few bytes each, and one with BULK. Each line that
 * the test looks for is printed once all of it has held.
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BULK (16u << 20)

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

	for (size_t at = 0; at < BULK;) {
		const size_t n = BULK - at < sizeof(block) ? BULK - at : sizeof(block);

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
	if (n < 0 || at != BULK)
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

/* Returns what comes, until its end, and then ends too. */
static void echo(int fd)
{
	char block[65536];
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		write_all(fd, block, (size_t)n);
	if (n < 0)
		die("read");
	_exit(0);
}

static void serve(int listener, unsigned count)
{
	int status;

	for (unsigned i = 0; i < count; i++) {
		const int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		if (fork() == 0)
			echo(fd);
		close(fd);
	}
	for (unsigned i = 0; i < count; i++)
		if (wait(&status) < 0 || status != 0)
			die("a connection failed");
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
	exchange(fd);
	printf("guest to host: %u bytes and back\n", BULK);
	fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	host.svm_port = 81;
	if (connect(fd, (struct sockaddr *)&host, sizeof(host)) == 0)
		die("nobody listens on port 81, and it was opened");
	close(fd);
	serve(listener, count + 1);
	printf("guest: served %u connections\n", count + 1);
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

static void host(const char *path, unsigned count)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	int *fds = calloc(count, sizeof(*fds));

	snprintf(at.sun_path, sizeof(at.sun_path), "%s_80", path);
	if (!fds || bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(listener, 8) != 0)
		die("listen");
	serve(listener, 1);
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
	printf("host to guest: %u bytes and back\n", BULK);
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

	write_all(other, end, sizeof(end));
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "guest") == 0)
		guest((unsigned)atoi(argv[2]));
	else if (argc == 3 && strcmp(argv[1], "agent") == 0)
		agent(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "host") == 0)
		host(argv[2], (unsigned)atoi(argv[3]));
	else
		return 2;
	return 0;
}
