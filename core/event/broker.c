/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <volt/draft/peers.h>

#include "core/base/open_files.h"

#define SHORTAGE_MS 100 /* until accept is tried again */

/* The lowest numbers, so that its filter can name them. */
static void move_files(const struct broker *b)
{
	const int pair = fcntl(b->pair_fd, F_DUPFD, BROKER_CLIENT);
	const int listening = fcntl(b->listen_fd, F_DUPFD, BROKER_CLIENT);

	if (pair < 0 || listening < 0 || dup2(pair, BROKER_PAIR) < 0 ||
	    dup2(listening, BROKER_LISTEN) < 0 || open_files_close(BROKER_CLIENT, UINT_MAX) != 0)
		_exit(1);
}

/* Waits where volt does not read: who cannot be passed on is not accepted either. */
static void tell(const struct broker_message *m, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec bytes = {(void *)(uintptr_t)m, sizeof(*m)};
	struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	if (sendmsg(BROKER_PAIR, &message, MSG_NOSIGNAL) < 0 && errno == EPIPE)
		_exit(0);
}

/* False: the host is short of something, and another try would fail too. */
static bool let_client_in(void)
{
	const struct broker_message m = {.what = VOLT_PEER_CAME};
	const int fd = accept4(BROKER_LISTEN, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return errno == EAGAIN || errno == ECONNABORTED || errno == EINTR;
	tell(&m, fd);
	close(fd);
	return true;
}

/* Not blocking: where the listener's backlog is full the answer is EAGAIN, and nobody waits. */
static int connect_to(const struct broker *b, uint32_t number)
{
	struct sockaddr_un to = b->address;
	const size_t n = strlen(to.sun_path);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(to.sun_path + n, sizeof(to.sun_path) - n, "_%u", number);
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	const int err = -errno;

	close(fd);
	return err;
}

static void answer(const struct broker *b)
{
	struct broker_message m;
	const ssize_t n = read(BROKER_PAIR, &m, sizeof(m));

	if (n < 0 && errno == EINTR)
		return;
	if (n != (ssize_t)sizeof(m))
		_exit(0); /* volt is gone */
	const int fd = connect_to(b, m.number);

	m.what = VOLT_PEER_ANSWERED;
	m.err = fd < 0 ? fd : 0;
	tell(&m, fd);
	if (fd >= 0)
		close(fd);
}

void broker_run(const struct broker *b, int (*confine)(void *arg), void *arg)
{
	struct pollfd files[] = {
	    {.fd = BROKER_PAIR, .events = POLLIN}, {.fd = BROKER_LISTEN, .events = POLLIN}};
	sigset_t all;
	bool shortage = false;

	sigfillset(&all); /* Ctrl-C and a hang-up reach volt's whole group */
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "volt-broker");
	move_files(b);
	if (confine && confine(arg) != 0)
		_exit(1);
	for (;;) {
		files[0].revents = files[1].revents = 0;
		/* volt reads the end of the pair, and logs it. */
		if (poll(files, shortage ? 1 : 2, shortage ? SHORTAGE_MS : -1) < 0 &&
		    errno != EINTR)
			_exit(1);
		shortage = false;
		if (files[0].revents)
			answer(b);
		if (files[1].revents)
			shortage = !let_client_in();
	}
}
