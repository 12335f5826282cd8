/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/pause.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/event/end.h"
#include "core/event/loop.h"
#include "core/kvm/irq.h"
#include "core/kvm/vcpu.h"
#include "core/plugin/instance.h"

/* Two whole turns of the loop: the first serves what came before the last vCPU stopped and
 * fires the timers that were due, the second whatever these began. */
#define QUIET_TURNS 2

bool pause_is_allowed(const struct pause *p)
{
	return p->asked_by != NULL;
}

enum pause_state pause_state(const struct pause *p)
{
	if (vm_is_ending(p->parts.end))
		return VM_ENDING;
	if (p->step == PAUSE_NONE)
		return VM_RUNNING;
	return p->step == PAUSE_STILL ? VM_PAUSED : VM_PAUSING;
}

/* ------------------------------------------------------------- plugins' part */

static bool is_irqchip(const struct pause *p, const struct instance *i)
{
	return &i->callee == p->parts.irq->chip;
}

static void call_slot(const struct instance *i, void (*slot)(void *self))
{
	if (!slot)
		return;
	callee_lock(&i->callee);
	slot(i->callee.self);
	callee_unlock(&i->callee);
}

/* Irqchips last: a device's pause may still drive its lines. */
static void pause_plugins(struct pause *p)
{
	for (unsigned chips = 0; chips < 2; chips++)
		for (uint32_t n = 0; n < p->parts.instance_count; n++) {
			const struct instance *i = p->parts.instances[n];

			if (i->saved && is_irqchip(p, i) == chips)
				call_slot(i, i->saved->pause);
		}
}

/* And first: devices drive their lines in resume. */
static void resume_plugins(struct pause *p)
{
	for (unsigned devices = 0; devices < 2; devices++)
		for (uint32_t n = 0; n < p->parts.instance_count; n++) {
			const struct instance *i = p->parts.instances[n];

			if (i->saved && !is_irqchip(p, i) == devices)
				call_slot(i, i->saved->resume);
		}
}

/* What files ask for from here on waits until the end of the pause. One more run of each worker
 * serves all kicks of the guest, whichever way they came. */
static void request_runs(struct pause *p)
{
	for (uint32_t i = 0; i < p->parts.worker_count; i++) {
		worker_hold(&p->parts.workers[i]);
		p->tickets[i] = worker_request(&p->parts.workers[i]);
	}
}

static void let_workers_go(struct pause *p)
{
	for (uint32_t i = 0; i < p->parts.worker_count; i++)
		worker_let_go(&p->parts.workers[i]);
}

/* ------------------------------------------------------------- from step to step */

/* Whoever is told may ask for the next thing at once. */
static void tell(struct pause *p, int err)
{
	void (*done)(void *arg, int err) = p->done;

	p->done = NULL;
	if (done)
		done(p->arg, err);
}

static void stop_waiting(struct pause *p)
{
	loop_arm(p->parts.loop, p->timer, 0);
	p->parts.loop->hurry = false;
}

/* The vCPUs stand and their accesses are complete; doorbells are served. */
static void stand_still(struct pause *p)
{
	stop_waiting(p);
	p->parts.loop->held = true;
	pause_plugins(p);
	p->step = PAUSE_STILL;
	tell(p, 0);
}

/* The guest's watchdog must not take the pause for a lockup. Where it has no kvm-clock KVM
 * answers EINVAL, and nothing is to be told. */
static void excuse_vcpus(const struct pause *p)
{
	for (uint32_t i = 0; i < p->parts.vcpu_count; i++)
		vcpu_excuse(&p->parts.vcpus[i]);
}

static void go_on(struct pause *p)
{
	resume_plugins(p);
	irq_renew_routes(p->parts.irq);
	excuse_vcpus(p);
	p->parts.loop->held = false;
	p->parts.loop->hurry =
	    true; /* streams looked before us in this turn, and must look again */
	let_workers_go(p);
	park_release(&p->park);
	p->step = PAUSE_NONE;
}

/* Before it came to a standstill. */
static void give_up(struct pause *p, int err)
{
	stop_waiting(p);
	let_workers_go(p);
	park_release(&p->park);
	p->step = PAUSE_NONE;
	tell(p, err);
}

static bool workers_have_run(struct pause *p)
{
	for (uint32_t i = 0; i < p->parts.worker_count; i++)
		if (!worker_has_run_or_wakes(&p->parts.workers[i], p->tickets[i], p->parts.loop))
			return false;
	return true;
}

static void settle(struct pause *p)
{
	bool served = workers_have_run(p);

	/* A worker wakes the loop; until then there is nothing to hurry for. */
	p->parts.loop->hurry = served;
	p->quiet = served && p->parts.loop->ready < LOOP_BATCH ? p->quiet + 1 : 0;
	if (p->quiet > QUIET_TURNS)
		stand_still(p);
}

static void do_step(struct pause *p)
{
	switch (p->step) {
	case PAUSE_LEAVE:
		if (!park_is_left(&p->park))
			return;
		park_request(&p->park);
		p->step = PAUSE_PARK;
		return;
	case PAUSE_PARK:
		if (!park_is_full(&p->park))
			return;
		p->step = PAUSE_SETTLE;
		p->quiet = 0;
		request_runs(p);
		settle(p);
		return;
	case PAUSE_SETTLE:
		settle(p);
		return;
	case PAUSE_RESUME:
		go_on(p);
		return;
	case PAUSE_CANCEL:
		give_up(p, -ECANCELED);
		return;
	case PAUSE_NONE:
	case PAUSE_STILL:
		return;
	}
}

/* The prepare callback. */
static void look(void *arg)
{
	struct pause *p = arg;

	if (p->step == PAUSE_NONE) {
		p->parts.loop->hurry = false;
		return;
	}
	if (vm_is_ending(p->parts.end)) {
		p->step = PAUSE_NONE;
		tell(p, -ESHUTDOWN);
		return;
	}
	do_step(p);
}

static void on_deadline(void *arg)
{
	struct pause *p = arg;

	if (pause_state(p) == VM_PAUSING && p->step != PAUSE_RESUME)
		give_up(p, -ETIMEDOUT);
}

/* ------------------------------------------------------------- from outside */

void pause_allow(struct pause *p, struct loop *loop, const char *asked_by)
{
	if (pause_is_allowed(p))
		return;
	p->asked_by = asked_by;
	park_init(&p->park, loop);
}

static int wire_parts(struct pause *p)
{
	int err = loop_add_core_timer(p->parts.loop, on_deadline, p, &p->timer);

	if (err)
		return err;
	err = loop_add_prepare(p->parts.loop, look, p);
	return err ? err : vcpu_renumber(p->parts.vcpus, p->parts.vcpu_count);
}

int pause_wire(struct pause *p, const struct pause_parts *parts)
{
	p->parts = *parts;
	if (!pause_is_allowed(p))
		return 0;
	const int err = wire_parts(p);
	if (err)
		return log_error(-err, "the VM cannot be made one to pause: %s", strerror(-err));
	for (uint32_t i = 0; i < parts->vcpu_count; i++)
		park_add(&p->park, &parts->vcpus[i].spot, parts->vcpus[i].run, i);
	return park_wire(&p->park);
}

void pause_declare(const struct pause *p, struct ledger *l)
{
	const struct volt_arg_test clock = ledger_request(KVM_KVMCLOCK_CTRL);

	if (!pause_is_allowed(p))
		return;
	const struct ledger_block vcpus = {
	    .fd = p->parts.vcpus[0].fd, .count = p->parts.vcpu_count, .owner = p->asked_by};
	park_declare(&p->park, p->asked_by, l);
	ledger_allow(l, vcpus, LEDGER_LOOP, "ioctl", &clock, "tells the guest that it was stopped");
}

int pause_begin(struct pause *p, uint64_t limit_ns, void (*done)(void *arg, int err), void *arg)
{
	if (!pause_is_allowed(p))
		return -EPERM;
	if (vm_is_ending(p->parts.end))
		return -ESHUTDOWN;
	if (p->step != PAUSE_NONE)
		return -EBUSY;
	p->done = done;
	p->arg = arg;
	p->step = PAUSE_LEAVE;
	loop_arm(p->parts.loop, p->timer, clock_now() + limit_ns);
	loop_wake(p->parts.loop);
	return 0;
}

void pause_restored(struct pause *p)
{
	resume_plugins(p);
	irq_renew_routes(p->parts.irq);
}

int pause_resume(struct pause *p)
{
	if (p->step == PAUSE_NONE || p->step == PAUSE_RESUME || p->step == PAUSE_CANCEL)
		return -EINVAL;
	p->step = p->step == PAUSE_STILL ? PAUSE_RESUME : PAUSE_CANCEL;
	loop_wake(p->parts.loop);
	return 0;
}
