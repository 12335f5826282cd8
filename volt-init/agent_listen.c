/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

enum { FAMILY_VSOCK = 40, HOST_CID = 2, WAITING = 64 };

/* struct sockaddr_vm of Linux, whose headers a small libc does not have. */
struct vsock_address {
	uint16_t family, reserved;
	uint32_t port, cid;
	uint8_t zero[4];
};

static void listen_for_ever(int listener)
{
	const struct timespec moment = {.tv_nsec = 100000000};

	signal(SIGCHLD, SIG_IGN); /* nobody waits for those who serve */
	for (;;) {
		struct vsock_address from = {0};
		socklen_t n = sizeof(from);
		const int fd = accept(listener, (struct sockaddr *)&from, &n);

		if (fd < 0) {
			nanosleep(&moment, NULL);
			continue;
		}
		/* A process of the guest may reach the port too (vsock_loopback). */
		if (from.cid == HOST_CID && _Fork() == 0) {
			signal(SIGCHLD, SIG_DFL);
			close(listener);
			agent_serve(fd);
		}
		close(fd);
	}
}

bool agent_start(uint32_t port)
{
	const struct vsock_address any = {.family = FAMILY_VSOCK, .port = port, .cid = UINT32_MAX};
	const int listener = socket(FAMILY_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0)
		return false;
	if (bind(listener, (const struct sockaddr *)&any, sizeof(any)) ||
	    listen(listener, WAITING)) {
		close(listener);
		return false;
	}
	const pid_t pid = _Fork();

	if (pid == 0)
		listen_for_ever(listener);
	close(listener);
	return pid > 0;
}

bool agent_tell_ready(uint32_t port)
{
	static const char line[] = "READY=1\n";
	const struct vsock_address host = {.family = FAMILY_VSOCK, .port = port, .cid = HOST_CID};
	const int fd = socket(FAMILY_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	const bool told = connect(fd, (const struct sockaddr *)&host, sizeof(host)) == 0 &&
			  write(fd, line, sizeof(line) - 1) == sizeof(line) - 1;

	close(fd);
	return told;
}
