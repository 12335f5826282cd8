/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * declare - the system calls of a session under the seal.
 */
#include <fcntl.h>
#include <sys/socket.h>

#include "core/base/ledger.h"
#include "tools/device/session.h"

#define OWNER "volt-device"

_Static_assert(SLOT_FIRST % (4 * QUEUES_MAX) == 0, "a mask can tell the kinds of files apart");

static struct ledger_block slots(enum session_slot kind, uint32_t count)
{
	return (struct ledger_block){.fd = session_slot(kind, 0), .count = count, .owner = OWNER};
}

/* Argument `arg` is the number of a kick's file, or of any slot. */
static struct volt_arg_test in_slots(uint8_t arg, enum session_slot kind, uint32_t count)
{
	return (struct volt_arg_test){.arg = arg,
	    .op = VOLT_TEST_MASKED_EQ,
	    .value = (uint64_t)session_slot(kind, 0),
	    .mask = ~(uint64_t)(count - 1)};
}

static void declare_socket(const struct channel *c, struct ledger *l)
{
	const struct volt_arg_test take = ledger_is(2, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct volt_arg_test give = ledger_is(3, MSG_DONTWAIT | MSG_NOSIGNAL);
	const struct ledger_block socket = ledger_file(l, c->fd, OWNER, "the front end");

	ledger_allow(l, socket, LEDGER_LOOP, "recvmsg", &take, "takes a message");
	ledger_allow(l, socket, LEDGER_LOOP, "sendto", &give, "answers a message");
}

static void declare_slots(struct ledger *l)
{
	const struct volt_arg_test eight = ledger_is(2, sizeof(uint64_t));
	const struct volt_arg_test give = ledger_is(3, MSG_DONTWAIT | MSG_NOSIGNAL);
	const struct ledger_block told = slots(SLOT_CALL, 2 * QUEUES_MAX);

	ledger_files(l, SLOT_FIRST, SLOT_COUNT, OWNER, "events of the front end");
	ledger_allow(
	    l, told, LEDGER_LOOP | LEDGER_WORKERS, "write", &eight, "interrupts the driver");
	ledger_allow(l, slots(SLOT_CHANNEL, 1), LEDGER_LOOP | LEDGER_WORKERS, "sendto", &give,
	    "tells that the configuration changed");
}

static void declare_epolls(const struct session *s, struct ledger *l)
{
	const struct volt_arg_test kick = in_slots(2, SLOT_KICK, QUEUES_MAX);

	for (uint32_t n = 0; n < s->device->queues; n++) {
		bool seen = false;

		for (uint32_t k = 0; k < n; k++)
			seen = seen || s->waits[k].epoll_fd == s->waits[n].epoll_fd;
		if (!seen)
			ledger_allow(l, ledger_on(s->waits[n].epoll_fd, OWNER), LEDGER_LOOP,
			    "epoll_ctl", &kick, "waits for kicks");
	}
}

static void declare_dup(struct ledger_block from, struct ledger *l)
{
	const struct volt_arg_test to = in_slots(1, SLOT_CALL, 4 * QUEUES_MAX);

	from.owner = OWNER;
	ledger_allow(l, from, LEDGER_LOOP, "dup3", &to, "takes an event of the front end");
}

void session_declare(const struct session *s, const struct channel *c, struct ledger *l)
{
	declare_socket(c, l);
	declare_slots(l);
	declare_epolls(s, l);
	declare_dup(ledger_file(l, s->nothing_fd, OWNER, "takes what nobody waits for"), l);
	regions_declare(l);
}

void session_declare_passing(struct ledger_block passing, struct ledger *l)
{
	const struct volt_arg_test set = ledger_is(1, F_SETFL);

	passing.owner = OWNER;
	declare_dup(passing, l);
	ledger_allow(l, passing, LEDGER_LOOP, "fstat", NULL, "looks how long a region's file is");
	ledger_allow(l, passing, LEDGER_LOOP, "fcntl", &set, "keeps an event from blocking");
	ledger_allow(l, passing, LEDGER_LOOP, "close", NULL, "drops a file that a message brought");
}
