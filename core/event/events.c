/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/events.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/base/ledger.h"
#include "core/base/log.h"
#include "sdk/common/compat.h"

#define SIGNALS (5u + VOLT_HAS_OPERATE) /* in the signalfd's set */

/* Each signal is pending once at most. One that comes later is another event, for the next turn:
 * who sends on must not hold the loop. */
static void take_signals(void *arg, uint32_t ready)
{
	struct events *e = arg;
	struct signalfd_siginfo info;

	for (unsigned i = 0; i < SIGNALS; i++) {
		if (read(e->signal_fd, &info, sizeof(info)) != sizeof(info))
			return;
		if (info.ssi_signo == SIGUSR1)
			__atomic_store_n(&e->attention_wanted, 1, __ATOMIC_SEQ_CST);
#if VOLT_HAS_OPERATE
		else if ((int)info.ssi_signo == e->more)
			e->taken(e->taken_arg);
#endif
		else
			vm_end(e->end, EXIT_SIGNAL + (int)info.ssi_signo, "ended by SIG%s",
			    sigabbrev_np((int)info.ssi_signo));
	}
}

static void pay_attention(void *arg)
{
	struct events *e = arg;

	if (e->loop->held || /* the guest gets it when it goes on */
	    __atomic_load_n(&e->attention_wanted, __ATOMIC_SEQ_CST) == 0 ||
	    __atomic_exchange_n(&e->attention_wanted, 0, __ATOMIC_SEQ_CST) == 0)
		return;
	e->attention(e->arg);
}

static void write_log(void *arg)
{
	log_flush();
}

static void add_ends(sigset_t *set)
{
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
}

static int hold(const sigset_t *set)
{
	if (sigprocmask(SIG_BLOCK, set, NULL) != 0)
		return log_error(errno, "cannot block signals: %s", strerror(errno));
	return 0;
}

int events_hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	add_ends(&set);
	return hold(&set);
}

int events_init(
    struct events *e, struct loop *l, struct vm_end *end, void (*attention)(void *arg), void *arg)
{
	sigset_t taken, held;

	*e = (struct events){.loop = l, .end = end, .attention = attention, .arg = arg};
	sigemptyset(&taken);
	add_ends(&taken);
	sigaddset(&taken, SIGUSR1);
	e->signal_fd = signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
	if (e->signal_fd < 0)
		return log_error(errno, "cannot take signals: %s", strerror(errno));
	/* The harmless ones must not end a VM, and no handler may run in one (but that of SIGIO, on
	 * vCPU threads of a VM that can be paused: core/kvm/park.h). */
	sigemptyset(&held);
	sigaddset(&held, SIGUSR1);
	sigaddset(&held, SIGUSR2);
	sigaddset(&held, SIGALRM);
	sigaddset(&held, SIGVTALRM);
	sigaddset(&held, SIGPROF);
	sigaddset(&held, SIGIO);
	if (hold(&held) != 0)
		return -EPERM;
	int err = loop_watch_or_log(
	    l, "signals", e->signal_fd, EPOLLIN, loop_make_watch(l, take_signals, e));
	if (err)
		return err;
	err = loop_add_prepare(l, pay_attention, e);
	return err ? err : loop_add_prepare(l, write_log, NULL);
}

#if VOLT_HAS_OPERATE
int events_take(struct events *e, int signal, void (*taken)(void *arg), void *arg)
{
	sigset_t all, more;

	sigemptyset(&all);
	add_ends(&all);
	sigaddset(&all, SIGUSR1);
	sigaddset(&all, signal);
	if (signalfd(e->signal_fd, &all, SFD_NONBLOCK | SFD_CLOEXEC) < 0)
		return log_error(errno, "cannot take signals: %s", strerror(errno));
	e->more = signal;
	e->taken = taken;
	e->taken_arg = arg;
	sigemptyset(&more);
	sigaddset(&more, signal);
	return hold(&more) ? -EPERM : 0;
}
#endif

void events_want_attention(struct events *e)
{
	__atomic_store_n(&e->attention_wanted, 1, __ATOMIC_SEQ_CST);
	loop_wake(e->loop);
}

void events_wake_log(void *events)
{
	struct events *e = events;

	loop_wake(e->loop);
}

void events_declare(const struct events *e, struct ledger *l)
{
	const struct ledger_block signals = ledger_file(l, e->signal_fd, "core", "signals");

	ledger_allow(l, signals, LEDGER_LOOP, "read", NULL, "takes signals");
}
