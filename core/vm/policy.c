/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/event/helper.h"
#include "core/vm/allowlist.h"
#include "core/vm/need.h"
#include "core/vm/vm.h"
#include "sdk/common/params.h"

static struct volt_arg_test eq(uint8_t arg, uint64_t value)
{
	return (struct volt_arg_test){.arg = arg, .op = VOLT_TEST_EQ, .value = value};
}

static int add(struct policy *p, uint32_t thread, const struct volt_rule *rule)
{
	struct policy_thread *t = &p->storage[thread];
	uint32_t role = p->threads[thread].role;

	if (!allowlist_has(rule->syscall, role))
		return log_error(EPERM,
		    "%s asks for %s on %s threads (%s), which the file of --allowlist does not "
		    "allow",
		    rule->asked_by, rule->syscall, allowlist_role_name(role), rule->reason);
	if (t->count == t->capacity)
		return log_error(ENOSPC, "policy: more than %u rules for one thread", t->capacity);
	t->rules[t->count++] = *rule;
	return 0;
}

/* One call on one fd, with one more test if `more` is not NULL. */
static int allow_fd(struct policy *p, uint32_t thread, const char *syscall, int fd,
    const struct volt_arg_test *more, const char *by, const char *reason)
{
	struct volt_rule rule = {.syscall = syscall,
	    .asked_by = by,
	    .reason = reason,
	    .test_count = 1,
	    .tests = {eq(0, (uint64_t)fd)}};

	if (fd < 0)
		return 0;
	if (more != NULL)
		rule.tests[rule.test_count++] = *more;
	return add(p, thread, &rule);
}

static int allow_test(struct policy *p, uint32_t thread, const char *syscall,
    struct volt_arg_test test, const char *reason)
{
	struct volt_rule rule = {.syscall = syscall,
	    .asked_by = "core",
	    .reason = reason,
	    .test_count = 1,
	    .tests = {test}};

	return add(p, thread, &rule);
}

/* One call on the fds [base, base + count): in as few rules as a mask can say exactly,
 * that is one for each aligned block of a power of two. */
static int allow_fds(struct policy *p, uint32_t thread, const char *syscall, uint32_t base,
    uint32_t count, const struct volt_arg_test *more, const char *by, const char *reason)
{
	int err = 0;

	while (err == 0 && count > 0) {
		uint32_t block = base != 0 ? base & -base : 1u << 31;

		while (block > count)
			block >>= 1;
		struct volt_rule rule = {.syscall = syscall,
		    .asked_by = by,
		    .reason = reason,
		    .test_count = 1,
		    .tests = {{.op = VOLT_TEST_MASKED_EQ,
			.value = base,
			.mask = ~(uint64_t)(block - 1)}}};
		if (more != NULL)
			rule.tests[rule.test_count++] = *more;
		err = add(p, thread, &rule);
		base += block;
		count -= block;
	}
	return err;
}

static int allow_vm(struct policy *p, struct machine *m, uint32_t thread, uint32_t request,
    const char *by, const char *reason)
{
	const struct volt_arg_test test = {
	    .arg = 1, .op = VOLT_TEST_MASKED_EQ, .mask = 0xffffffff, .value = request};

	return allow_fd(p, thread, "ioctl", m->kvm.vm_fd, &test, by, reason);
}

/* Who raises an interrupt delivers it, so that it is there when set_irq() or fire() returns. */
static int allow_interrupts(struct policy *p, struct machine *m, uint32_t thread)
{
	const struct irq *q = &m->irq;
	const struct callee *sender = q->chip != NULL ? q->chip : q->msi.user;
	int err = 0;

	if (q->chip == NULL && irq_has_lines(q))
		err = allow_vm(p, m, thread, KVM_IRQ_LINE, "core", "drives interrupt lines");
	if (err == 0 && sender != NULL)
		err = allow_vm(p, m, thread, KVM_SIGNAL_MSI, sender->id, "sends interrupts");
	if (err == 0 && q->chip != NULL)
		err = allow_vm(p, m, thread, KVM_SET_GSI_ROUTING, sender->id,
		    "says which interrupts' ends it takes");
	return err;
}

/* For irq_fd() of volt.doorbell/1. */
static int allow_irq_fds(struct policy *p, struct machine *m, uint32_t thread)
{
	const struct volt_arg_test eight = eq(2, sizeof(uint64_t));
	int err = 0;

	for (uint32_t gsi = 0; err == 0 && gsi < IRQ_LINES; gsi++)
		if (m->irq.lines[gsi].owner != NULL)
			err = allow_fd(p, thread, "write", m->irq.lines[gsi].event_fd, &eight,
			    m->irq.lines[gsi].owner->id, "raises its interrupt");
	return err;
}

/* The vDSO mostly answers without a call, but nobody can promise that it always will. */
static int allow_wall_clock(struct policy *p, struct machine *m, uint32_t thread)
{
	for (uint32_t i = 0; i < m->instance_count; i++) {
		const struct volt_rule rule = {.syscall = "clock_gettime",
		    .asked_by = m->instances[i]->callee.id,
		    .reason = "tells the time of day",
		    .test_count = 1,
		    .tests = {eq(0, CLOCK_REALTIME)}};

		if (m->instances[i]->plugin.flags & VOLT_FLAG_WALL_CLOCK)
			return add(p, thread, &rule);
	}
	return 0;
}

/* What every thread may do: take a lock, wake the loop, raise an interrupt, and ask for
 * the time where the TSC cannot tell it. */
static int allow_common(struct policy *p, struct machine *m, uint32_t thread)
{
	const struct volt_arg_test eight = eq(2, sizeof(uint64_t));
	uint32_t base = (uint32_t)m->lock_fd_base, count = m->lock_fd_count;
	int err =
	    allow_fd(p, thread, "write", m->loop.wake_fd, &eight, "core", "wakes the event loop");

	if (err == 0)
		err = allow_interrupts(p, m, thread);
	if (err == 0)
		err = allow_irq_fds(p, m, thread);
	if (err == 0)
		err = allow_fds(p, thread, "read", base, count, &eight, "core", "waits for a lock");
	if (err == 0)
		err = allow_fds(
		    p, thread, "write", base, count, &eight, "core", "wakes who waits for a lock");
	if (err == 0)
		err = allow_wall_clock(p, m, thread);
	if (err == 0 && clock_needs_call())
		err = allow_test(p, thread, "clock_gettime", eq(0, CLOCK_MONOTONIC),
		    "tells the time: this host has no invariant TSC");
	return err;
}

/* What a VM has only if something asked to pause it: here of a vCPU's thread, which comes back
 * from the kick's empty handler. */
static int allow_kick(struct policy *p, struct machine *m, uint32_t thread)
{
	const struct volt_rule back = {.syscall = "rt_sigreturn",
	    .asked_by = m->pause.asked_by,
	    .reason = "comes back from a kick that stops it"};

	return pause_is_allowed(&m->pause) ? add(p, thread, &back) : 0;
}

/* And of the loop's. By blocks of descriptors, so that their number does not grow with that
 * of vCPUs. */
static int allow_pause(struct policy *p, struct machine *m)
{
	const struct park *park = &m->pause.park;
	const char *by = m->pause.asked_by;
	const struct volt_arg_test one = eq(2, 1);
	const struct volt_arg_test clock = {
	    .arg = 1, .op = VOLT_TEST_MASKED_EQ, .mask = 0xffffffff, .value = KVM_KVMCLOCK_CTRL};

	if (!pause_is_allowed(&m->pause))
		return 0;
	int err = allow_fds(p, POLICY_LOOP, "write", (uint32_t)park->push_fd_base, park->count,
	    &one, by, "kicks a vCPU to stop it");
	if (err == 0)
		err = allow_fds(p, POLICY_LOOP, "read", (uint32_t)park->kick_fd_base, park->count,
		    NULL, by, "takes the kick back");
	if (err == 0)
		err = allow_fds(p, POLICY_LOOP, "ioctl", (uint32_t)m->vcpus[0].fd, park->count,
		    &clock, by, "tells the guest that it was stopped");
	return err;
}

static int allow_vcpu(struct policy *p, struct machine *m, uint32_t id)
{
	const struct volt_arg_test run = {
	    .arg = 1, .op = VOLT_TEST_MASKED_EQ, .mask = 0xffffffff, .value = KVM_RUN};
	int err =
	    allow_fd(p, POLICY_VCPU(id), "ioctl", m->vcpus[id].fd, &run, "core", "runs the guest");

	if (err == 0)
		err = allow_kick(p, m, POLICY_VCPU(id));
	return err != 0 ? err : allow_common(p, m, POLICY_VCPU(id));
}

/* The numbers that accept4 will give out: the kernel takes the lowest free ones. */
static uint32_t free_fds(uint32_t wanted, int *fds)
{
	uint32_t n = 0;

	for (int fd = 0; n < wanted && fd < 1 << 16; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			fds[n++] = fd;
	return n;
}

static int allow_socket(struct policy *p, const struct stream *s)
{
	const struct volt_arg_test flags = eq(3, SOCK_NONBLOCK | SOCK_CLOEXEC);

	return allow_fd(
	    p, POLICY_LOOP, "accept4", s->listen_fd, &flags, s->owner->id, "lets a client in");
}

/* A client gets one of these numbers, whichever socket it came by. */
static int allow_clients(struct policy *p, struct machine *m, const int *fds, uint32_t count)
{
	const struct volt_arg_test add_one = eq(1, 1 /* EPOLL_CTL_ADD */);
	int err = allow_fd(
	    p, POLICY_LOOP, "epoll_ctl", m->loop.epoll_fd, &add_one, "core", "watches a client");

	for (uint32_t i = 0; err == 0 && i < count; i++) {
		err = allow_fd(p, POLICY_LOOP, "read", fds[i], NULL, "core", "reads from a client");
		if (err == 0)
			err = allow_fd(
			    p, POLICY_LOOP, "write", fds[i], NULL, "core", "writes to a client");
		if (err == 0)
			err = allow_fd(
			    p, POLICY_LOOP, "close", fds[i], NULL, "core", "drops a client");
	}
	return err;
}

static int allow_streams(struct policy *p, struct machine *m)
{
	int fds[STREAM_MAX];
	uint32_t sockets = 0, fd_count;
	int err = 0;

	for (uint32_t i = 0; i < m->streams.count; i++)
		sockets += m->streams.list[i].listen_fd >= 0;
	fd_count = free_fds(sockets, fds);
	for (uint32_t i = 0; i < fd_count; i++)
		if ((uint32_t)fds[i] > p->table.max_fd)
			p->table.max_fd = (uint32_t)fds[i];
	for (uint32_t i = 0; err == 0 && i < m->streams.count; i++) {
		const struct stream *s = &m->streams.list[i];

		err = allow_fd(
		    p, POLICY_LOOP, "read", s->in_fd, NULL, s->owner->id, "reads its input");
		if (err == 0)
			err = allow_fd(p, POLICY_LOOP, "write", s->out_fd, NULL, s->owner->id,
			    "writes its output");
		if (err == 0 && s->listen_fd >= 0 && s->listener == s)
			err = allow_socket(p, s);
	}
	if (err == 0 && fd_count > 0)
		err = allow_clients(p, m, fds, fd_count);
	return err;
}

static int allow_loop(struct policy *p, struct machine *m)
{
	const struct volt_rule end = {
	    .syscall = "exit_group", .asked_by = "core", .reason = "ends the process"};
	int err = allow_fd(
	    p, POLICY_LOOP, "epoll_pwait2", m->loop.epoll_fd, NULL, "core", "waits for events");

	if (err == 0)
		err = allow_common(p, m, POLICY_LOOP);
	if (err == 0)
		err = allow_fd(
		    p, POLICY_LOOP, "read", m->events.signal_fd, NULL, "core", "takes signals");
	if (err == 0)
		err = allow_fd(p, POLICY_LOOP, "write", log_fd(), NULL, "core", "writes the log");
	if (err == 0)
		err = allow_fd(
		    p, POLICY_LOOP, "write", m->trace_fd, NULL, "core", "writes the trace");
	if (err == 0)
		err = allow_fd(
		    p, POLICY_LOOP, "write", helper_fd(), NULL, "core", "calls the helper");
	if (err == 0)
		err = allow_fd(
		    p, POLICY_LOOP, "read", helper_fd(), NULL, "core", "waits for the helper");
	if (err == 0)
		err = allow_pause(p, m);
	return err != 0 ? err : add(p, POLICY_LOOP, &end);
}

/* On the loop's thread, and on those workers that are the instance's own. */
static int add_need(
    struct policy *p, struct machine *m, const struct instance *i, const struct volt_need *need)
{
	struct volt_rule rule;
	int err = need_check(need, i->callee.id);

	if (err == 0)
		err = need_to_rule(need, i->callee.id, &i->plugin, i->params.values, &rule);
	if (err == NEED_DROPPED)
		return 0;
	if (err == 0 && (need->roles & VOLT_ROLE_BIT(VOLT_ROLE_LOOP)))
		err = add(p, POLICY_LOOP, &rule);
	for (uint32_t w = 0; err == 0 && w < m->worker_count; w++)
		if (m->workers[w].owner == &i->callee &&
		    (need->roles & VOLT_ROLE_BIT(VOLT_ROLE_WORKER)))
			err = add(p, POLICY_WORKER(m, w), &rule);
	return err;
}

static int add_needs(struct policy *p, struct machine *m, const struct instance *i)
{
	const char *row = (const char *)i->plugin.needs;
	int err = 0;

	for (uint32_t n = 0; err == 0 && n < i->plugin.need_count;
	     n++, row += i->plugin.need_stride)
		err = add_need(p, m, i, (const void *)row);
	return err;
}

static int make_thread(
    struct policy *p, uint32_t index, uint32_t role, uint32_t number, const char *name)
{
	struct policy_thread *t = &p->storage[index];

	t->capacity = role == VOLT_ROLE_VCPU ? POLICY_VCPU_RULES : POLICY_RULE_MAX;
	t->rules = calloc(t->capacity, sizeof(t->rules[0]));
	if (t->rules == NULL)
		return log_error(ENOMEM, "policy: no memory");
	if (role == VOLT_ROLE_VCPU)
		snprintf(t->name, sizeof(t->name), "%s%u", name, number);
	else
		snprintf(t->name, sizeof(t->name), "%s", name);
	p->threads[index] = (struct volt_thread){.role = role,
	    .index = number,
	    .name = t->name,
	    .rules = t->rules,
	    .rule_stride = sizeof(t->rules[0])};
	return 0;
}

uint32_t policy_flags(const struct options *o)
{
	return (o->no_seccomp ? VOLT_POLICY_NO_SECCOMP : 0) |
	       (o->no_landlock ? VOLT_POLICY_NO_LANDLOCK : 0) |
	       (o->seccomp_log ? VOLT_POLICY_LOG : 0);
}

static int make_vcpus(struct policy *p, struct machine *m)
{
	int err = 0;

	for (uint32_t id = 0; err == 0 && id < m->firmware.cpus; id++) {
		err = make_thread(p, POLICY_VCPU(id), VOLT_ROLE_VCPU, id, "vcpu");
		if (err == 0)
			err = allow_vcpu(p, m, id);
	}
	return err;
}

/* A worker without files waits in a read of its eventfd, as for a lock. */
static int allow_worker(struct policy *p, struct machine *m, uint32_t w)
{
	const struct worker *worker = &m->workers[w];
	int err = allow_common(p, m, POLICY_WORKER(m, w));

	if (err != 0 || worker->watch_count == 0)
		return err;
	return allow_fd(p, POLICY_WORKER(m, w), "epoll_pwait2", worker->epoll_fd, NULL,
	    worker->owner->id, "waits for posts and for files");
}

static int make_workers(struct policy *p, struct machine *m)
{
	int err = 0;

	for (uint32_t w = 0; err == 0 && w < m->worker_count; w++) {
		err = make_thread(p, POLICY_WORKER(m, w), VOLT_ROLE_WORKER, w, m->workers[w].name);
		if (err == 0)
			err = allow_worker(p, m, w);
	}
	return err;
}

int policy_build(struct policy *p, struct machine *m)
{
	p->table = (struct volt_policy){.size = sizeof(p->table),
	    .flags = policy_flags(m->options),
	    .thread_stride = sizeof(p->threads[0]),
	    .thread_count = 1 + m->firmware.cpus + m->worker_count,
	    .threads = p->threads,
	    .max_fd = open_files_highest()};
	int err = make_thread(p, POLICY_LOOP, VOLT_ROLE_LOOP, 0, "loop");
	if (err == 0)
		err = allow_loop(p, m);
	if (err == 0)
		err = allow_streams(p, m);
	if (err == 0)
		err = make_vcpus(p, m);
	if (err == 0)
		err = make_workers(p, m);
	for (uint32_t i = 0; err == 0 && i < m->instance_count; i++)
		err = add_needs(p, m, m->instances[i]);
	for (uint32_t i = 0; i < p->table.thread_count; i++)
		p->threads[i].rule_count = p->storage[i].count;
	return err;
}
