/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * net_tool - what the lab's test of virtio-net needs beside BusyBox and Debian's iperf3:
 *
 *   tap NAME                 makes a tap with several queues, which stays
 *   serve PORT               returns what comes on each connection, for ever
 *   connect HOST PORT COUNT  has COUNT connections open at once, and wants eight bytes back on each
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define TOKEN           8

static void die(const char *what)
{
	printf("net_tool: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void allow_files(void)
{
	const struct rlimit most = {CONNECTIONS_MAX + 64, CONNECTIONS_MAX + 64};

	if (setrlimit(RLIMIT_NOFILE, &most) != 0)
		die("setrlimit");
}

/* ------------------------------------------------------------------------ tap */

static void make_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE};
	const int fd = open("/dev/net/tun", O_RDWR);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0 || ioctl(fd, TUNSETPERSIST, 1) != 0)
		die(name);
}

/* ---------------------------------------------------------------- connections */

static void watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
		die("epoll_ctl");
}

/* What is written fits into the socket's buffer: a connection has only a few bytes. */
static void answer(int fd)
{
	char bytes[256];
	const ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n <= 0 || write(fd, bytes, (size_t)n) != n)
		close(fd);
}

static void serve(uint16_t port)
{
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
	const int epoll = epoll_create1(0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (const struct sockaddr *)&any, sizeof(any)) != 0 ||
	    listen(listener, CONNECTIONS_MAX) != 0)
		die("listen");
	watch(epoll, listener, EPOLLIN);
	for (;;) {
		struct epoll_event e;

		if (epoll_wait(epoll, &e, 1, -1) != 1)
			continue;
		if (e.data.fd != listener) {
			answer(e.data.fd);
			continue;
		}
		const int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			watch(epoll, fd, EPOLLIN);
	}
}

static int begin_connection(const struct sockaddr_in *to)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0 && errno != EINPROGRESS)
		die("connect");
	return fd;
}

static void wait_for(struct pollfd *p, short events)
{
	p->events = events;
	if (poll(p, 1, 100000) != 1 || p->revents != events)
		die("a connection does not become ready");
}

static void connect_all(const char *host, uint16_t port, int count)
{
	static struct pollfd all[CONNECTIONS_MAX];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	char token[TOKEN + 1], back[TOKEN];

	if (count > CONNECTIONS_MAX || inet_pton(AF_INET, host, &to.sin_addr) != 1)
		die("connect HOST PORT COUNT");
	for (int i = 0; i < count; i++)
		all[i].fd = begin_connection(&to);
	for (int i = 0; i < count; i++) {
		wait_for(&all[i], POLLOUT);
		snprintf(token, sizeof(token), "%08d", i);
		if (write(all[i].fd, token, TOKEN) != TOKEN)
			die("write");
	}
	for (int i = 0; i < count; i++) {
		wait_for(&all[i], POLLIN);
		snprintf(token, sizeof(token), "%08d", i);
		if (read(all[i].fd, back, TOKEN) != TOKEN || memcmp(back, token, TOKEN) != 0)
			die("another answer came");
	}
	printf("%d connections answered\n", count);
}

int main(int argc, char **argv)
{
	const char *act = argc > 2 ? argv[1] : "";

	allow_files();
	if (strcmp(act, "tap") == 0)
		make_tap(argv[2]);
	else if (strcmp(act, "serve") == 0)
		serve((uint16_t)atoi(argv[2]));
	else if (strcmp(act, "connect") == 0 && argc == 5)
		connect_all(argv[2], (uint16_t)atoi(argv[3]), atoi(argv[4]));
	else
		return 2;
	return 0;
}
