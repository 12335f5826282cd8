/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/park.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/event/loop.h"

/* ------------------------------------------------------------------ wiring */

void park_init(struct park *p, struct loop *loop)
{
	p->loop = loop;
	p->kick_fd_base = p->push_fd_base = -1;
	lock_init(&p->go);
}

/* It only has to be there: KVM_RUN returns for a signal that has a handler. */
static void on_kick(int number)
{
}

static int make_pipe(const struct park *p, uint32_t id)
{
	int ends[2];

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
		return -errno;
	int err = fcntl(ends[0], F_SETFL, O_NONBLOCK | O_ASYNC) == 0 ? 0 : -errno;
	/* The writing end first: its number is the higher one and may lie in the way. */
	int err_push = open_files_move(ends[1], p->push_fd_base + (int)id);
	int err_kick = open_files_move(ends[0], p->kick_fd_base + (int)id);

	return err ? err : err_push ? err_push : err_kick;
}

void park_add(struct park *p, struct park_spot *spot, struct kvm_run *run, uint32_t id)
{
	*spot = (struct park_spot){.park = p, .run = run, .id = id};
	p->spots[p->count++] = spot;
}

static int make_kicks(struct park *p)
{
	const struct sigaction kick = {.sa_handler = on_kick};

	/* Above the two that pipe2() gives out, so that none of them is moved onto itself. */
	p->kick_fd_base = (int)open_files_highest() + 3;
	p->push_fd_base = p->kick_fd_base + (int)p->count;
	for (uint32_t i = 0; i < p->count; i++) {
		const int err = make_pipe(p, i);

		if (err)
			return err;
	}
	return sigaction(SIGIO, &kick, NULL) == 0 ? 0 : -errno;
}

int park_wire(struct park *p)
{
	const int err = make_kicks(p);

	return err ? log_error(-err, "cannot make the pipes that stop vCPUs: %s", strerror(-err))
		   : 0;
}

/* By blocks of numbers, so that the rules do not grow with the vCPUs. */
void park_declare(const struct park *p, const char *asked_by, struct ledger *l)
{
	const struct volt_arg_test one = ledger_is(2, 1);
	const struct volt_rule back = {.syscall = "rt_sigreturn",
	    .asked_by = asked_by,
	    .reason = "comes back from a kick that stops it"};
	struct ledger_block kick =
	    ledger_files(l, p->kick_fd_base, p->count, "core", "stops a vCPU");
	struct ledger_block push =
	    ledger_files(l, p->push_fd_base, p->count, "core", "stops a vCPU");

	kick.owner = push.owner = asked_by;
	ledger_call(l, LEDGER_VCPUS, &back);
	ledger_allow(l, push, LEDGER_LOOP, "write", &one, "kicks a vCPU to stop it");
	ledger_allow(l, kick, LEDGER_LOOP, "read", NULL, "takes the kick back");
}

/* --------------------------------------------------------- on a vCPU's thread */

int park_register(const struct park_spot *spot)
{
	struct f_owner_ex me = {.type = F_OWNER_TID, .pid = (pid_t)syscall(SYS_gettid)};
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, SIGIO);
	if (!spot->park)
		return 0;
	if (fcntl(spot->park->kick_fd_base + (int)spot->id, F_SETOWN_EX, &me) != 0 ||
	    pthread_sigmask(SIG_UNBLOCK, &kick, NULL) != 0)
		return -errno;
	return 0;
}

static uint32_t place_of(const struct park_spot *spot)
{
	return __atomic_load_n(&spot->place, __ATOMIC_SEQ_CST);
}

static bool move_on(struct park_spot *spot, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(
	    &spot->place, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void park_stop(struct park_spot *spot)
{
	struct park *p = spot->park;

	if (!p || !move_on(spot, PARK_ASKED, PARK_HERE))
		return;
	loop_wake(p->loop);
	/* Nobody is asked while another one leaves, so each takes a post that is meant for it. */
	lock_wait(&p->go);
	__atomic_store_n(&spot->place, PARK_AWAY, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&p->awaited, __ATOMIC_SEQ_CST))
		loop_wake(p->loop);
}

void park_end(struct park_spot *spot)
{
	__atomic_store_n(&spot->place, PARK_ENDED, __ATOMIC_SEQ_CST);
	if (spot->park)
		loop_wake(spot->park->loop);
}

/* ------------------------------------------------------------- on the loop */

static uint32_t count_at(const struct park *p, uint32_t place)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->count; i++)
		n += place_of(p->spots[i]) == place;
	return n;
}

bool park_is_left(struct park *p)
{
	__atomic_store_n(&p->awaited, 1, __ATOMIC_SEQ_CST);
	if (count_at(p, PARK_LEAVING) > 0)
		return false;
	__atomic_store_n(&p->awaited, 0, __ATOMIC_SEQ_CST);
	return true;
}

bool park_is_full(const struct park *p)
{
	return count_at(p, PARK_HERE) + count_at(p, PARK_ENDED) == p->count;
}

static void set_immediate_exit(struct park_spot *spot, uint8_t value)
{
	__atomic_store_n(&spot->run->immediate_exit, value, __ATOMIC_SEQ_CST);
}

/* The flag before the signal: a thread that takes the signal outside of KVM_RUN finds it at
 * its next entry. */
void park_request(struct park *p)
{
	const uint8_t byte = 0;

	for (uint32_t i = 0; i < p->count; i++) {
		struct park_spot *spot = p->spots[i];

		if (!move_on(spot, PARK_AWAY, PARK_ASKED))
			continue;
		set_immediate_exit(spot, 1);
		/* It cannot be full: whatever was written before has been taken out. */
		if (write(p->push_fd_base + (int)i, &byte, sizeof(byte)) != sizeof(byte))
			log_debug("cannot kick vCPU %u: %s", i, strerror(errno));
	}
}

/* Takes back what asked the vCPU to stop; true if it waits to go on. */
static bool let_go(const struct park *p, struct park_spot *spot)
{
	uint8_t bytes[8];

	if (spot->run->immediate_exit == 0)
		return false;
	while (read(p->kick_fd_base + (int)spot->id, bytes, sizeof(bytes)) == sizeof(bytes))
		continue;
	/* Before its thread may see that it is free: it would come back at once. */
	set_immediate_exit(spot, 0);
	return !move_on(spot, PARK_ASKED, PARK_AWAY) && move_on(spot, PARK_HERE, PARK_LEAVING);
}

/* All of them leave before the first post: one that still counted as here would take the post
 * of another one. */
void park_release(struct park *p)
{
	uint32_t leaving = 0;

	for (uint32_t i = 0; i < p->count; i++)
		leaving += let_go(p, p->spots[i]);
	for (; leaving > 0; leaving--)
		lock_post(&p->go);
}
