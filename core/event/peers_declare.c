/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * peers_declare.c - the system calls of volt.peers/1: of its worker, and of the broker.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "core/base/log.h"
#include "core/event/peers.h"

static void declare_worker(const struct peers *p, struct ledger *l)
{
	const char *by = p->owner->id;
	const uint32_t worker = LEDGER_WORKER(p->worker);
	const struct volt_arg_test add_one = ledger_is(1, EPOLL_CTL_ADD);
	const struct volt_arg_test take = ledger_is(2, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct volt_arg_test ask = ledger_is(3, MSG_DONTWAIT | MSG_NOSIGNAL);
	const struct ledger_block epoll = ledger_file(l, p->epoll_fd, by, "which peers are ready");
	const struct ledger_block broker = ledger_file(l, p->broker_fd, by, "the broker");

	ledger_allow(l, epoll, worker, "epoll_pwait2", NULL, "asks which peers are ready");
	ledger_allow(l, epoll, worker, "epoll_ctl", &add_one, "watches a peer");
	ledger_allow(l, broker, worker, "recvmsg", &take, "takes a connection from the broker");
	ledger_allow(l, broker, worker, "sendto", &ask, "asks the broker for a connection");
}

static void declare_peers(const struct peers *p, struct ledger_block numbers, struct ledger *l)
{
	const uint32_t worker = LEDGER_WORKER(p->worker);

	numbers.owner = p->owner->id;
	ledger_allow(l, numbers, worker, "readv", NULL, "reads from a peer");
	ledger_allow(l, numbers, worker, "writev", NULL, "writes to a peer");
	ledger_allow(l, numbers, worker, "shutdown", NULL, "ends one direction of a peer");
	ledger_allow(l, numbers, worker, "close", NULL, "ends a connection");
}

/* Its descriptors are numbers of another process. */
static void declare_broker(const struct peers *p, struct ledger *l)
{
	const struct volt_rule rules[] = {
	    {.syscall = "accept4",
		.reason = "lets a client in",
		.test_count = 2,
		.tests = {ledger_is(0, BROKER_LISTEN), ledger_is(3, SOCK_NONBLOCK | SOCK_CLOEXEC)}},
	    {.syscall = "socket",
		.reason = "makes a connection",
		.test_count = 3,
		.tests = {ledger_is(0, AF_UNIX),
		    ledger_is(1, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC), ledger_is(2, 0)}},
	    {.syscall = "connect",
		.reason = "makes a connection",
		.test_count = 1,
		.tests = {ledger_is(0, BROKER_CLIENT)}},
	    {.syscall = "sendmsg",
		.reason = "passes a connection to volt",
		.test_count = 2,
		.tests = {ledger_is(0, BROKER_PAIR), ledger_is(2, MSG_NOSIGNAL)}},
	    {.syscall = "read",
		.reason = "is asked for a connection",
		.test_count = 1,
		.tests = {ledger_is(0, BROKER_PAIR)}},
	    {.syscall = "close",
		.reason = "drops what it passed on",
		.test_count = 1,
		.tests = {ledger_is(0, BROKER_CLIENT)}},
	    {.syscall = "poll", .reason = "waits"},
	    {.syscall = "exit_group", .reason = "ends with volt"},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct volt_rule rule = rules[i];

		rule.asked_by = p->owner->id;
		ledger_call(l, LEDGER_BROKER, &rule);
	}
}

/* At the seal the limit is lowered to what is in use; nobody can raise it above what he has. */
static int check_limit(const struct peers *p, int highest)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max > (rlim_t)highest)
		return 0;
	return log_host_error(EMFILE,
	    "%s: needs %u files for connections, and the hard limit of files is %llu; raise it "
	    "(ulimit -Hn), or ask for fewer connections",
	    p->owner->id, peers_files(p), (unsigned long long)limit.rlim_max);
}

int peers_declare(const struct peers *p, struct ledger_later later, struct ledger *l)
{
	struct ledger_block numbers;

	declare_worker(p, l);
	while (ledger_next_free(&later, &numbers))
		declare_peers(p, numbers, l);
	declare_broker(p, l);
	return check_limit(p, l->highest);
}
