/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/host.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <volt/describe.h>
#include <volt/irqchip.h>
#include <volt/loop.h>
#include <volt/metrics.h>
#include <volt/stream.h>
#include <volt/worker.h>

#include "core/base/clock.h"
#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/config.h"
#include "core/event/window.h"
#include "core/vm/commands.h"
#include "core/vm/host_caller.h"
#include "core/vm/host_discard.h"
#include "core/vm/host_guest.h"
#include "core/vm/host_manage.h"
#include "core/vm/host_page.h"
#include "core/vm/host_peers.h"
#include "core/vm/host_region.h"
#include "core/vm/host_rings.h"
#include "core/vm/metrics.h"
#include "core/vm/pause_service.h"
#include "core/vm/vm.h"

#define WORKER_NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* A guest can make a plugin log; 20 lines at once and 5 a second are enough for people
 * and too few to fill a disk. */
#define LOG_BURST   20
#define SERVE_MAX   16u /* clients of one socket */
#define LOG_LINE_NS 200000000ull

static struct instance *owner_of(const struct volt_host *h)
{
	return h->core;
}

/* Each line uses LOG_LINE_NS of time; what is used may run ahead of the clock by a burst. One
 * word, for workers and handlers of PARALLEL ranges log at the same time. */
static bool may_log(struct instance_state *s)
{
	const uint64_t now = clock_now();
	uint64_t used = __atomic_load_n(&s->log_used_ns, __ATOMIC_RELAXED), then;

	do {
		then = used > now ? used : now;
		if (then - now > (LOG_BURST - 1) * LOG_LINE_NS) {
			__atomic_fetch_add(&s->log_suppressed, 1, __ATOMIC_RELAXED);
			return false;
		}
	} while (!__atomic_compare_exchange_n(
	    &s->log_used_ns, &used, then + LOG_LINE_NS, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

static void host_log(const struct volt_host *h, uint32_t level, const char *msg)
{
	struct instance *i = owner_of(h);

	if (level > log_level || (i->machine->sealed && !may_log(i->state)))
		return;
	const uint64_t lost = __atomic_exchange_n(&i->state->log_suppressed, 0, __ATOMIC_RELAXED);
	if (lost > 0)
		log_warn("%s: %llu messages suppressed", i->callee.id, (unsigned long long)lost);
	log_line(level, "%s: %s", i->callee.id, msg);
}

/* One line for a failed start: the plugin's words, and the host's reason if a call of
 * the host was what failed. */
static int host_fail(const struct volt_host *h, int32_t err, const char *msg)
{
	struct instance *i = owner_of(h);
	const char *reason = i->state->reason;

	i->state->failed = true;
	return log_error(err > 0 ? err : EINVAL, "%s: %s%s%s", i->callee.id, msg,
	    reason[0] != '\0' ? ": " : "", reason);
}

VOLT_PRINTF(3, 4)
static int refuse(struct instance *i, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(i->state->reason, sizeof(i->state->reason), fmt, ap);
	va_end(ap);
	return -err;
}

static int host_add_range(const struct volt_host *h, const struct volt_range *r)
{
	struct instance *i = host_calling_instance(h);
	char why[200];

	if (i->machine->sealed)
		return -EPERM;
	int err = bus_add_range(&i->machine->bus, &i->callee, r, why, sizeof(why));
	return err ? refuse(i, -err, "%s", why) : 0;
}

static int host_add_irq(const struct volt_host *h, uint32_t gsi, uint32_t flags, uint32_t *line)
{
	struct instance *i = host_calling_instance(h);
	struct callee *holder = NULL;

	if (i->machine->sealed)
		return -EPERM;
	if (gsi == VOLT_ANY && flags <= VOLT_IRQ_LEVEL)
		gsi = irq_free_line(&i->machine->irq);
	if (gsi == VOLT_ANY && flags <= VOLT_IRQ_LEVEL)
		return refuse(i, ENOSPC, "no interrupt line is free");
	int err = irq_add(&i->machine->irq, &i->callee, gsi, flags, &holder);
	if (err == -EBUSY)
		return refuse(
		    i, EBUSY, "interrupt %u is already used by plugin %s", gsi, holder->id);
	if (err)
		return refuse(i, -err,
		    "no interrupt line %u (flags %u): use 0 to %u, edge or level", gsi, flags,
		    IRQ_LINES - 1);
	*line = gsi;
	return 0;
}

static void host_set_irq(const struct volt_host *h, uint32_t line, bool level)
{
	struct instance *i = owner_of(h);

	if (line < IRQ_LINES && i->machine->irq.lines[line].owner == &i->callee)
		irq_set(&i->machine->irq, line, level);
}

static int host_place(const struct volt_host *h, const struct volt_range *r, uint64_t *base)
{
	struct instance *i = host_calling_instance(h);
	char why[200];

	if (i->machine->sealed)
		return -EPERM;
	int err = bus_place(&i->machine->bus, &i->callee, r, base, why, sizeof(why));
	return err ? refuse(i, -err, "%s", why) : 0;
}

static uint32_t host_irq_number(const struct volt_host *h, uint32_t line)
{
	return line < IRQ_LINES &&
		       owner_of(h)->machine->irq.lines[line].owner == &owner_of(h)->callee
		   ? line
		   : VOLT_ANY;
}

static void host_pulse(const struct volt_host *h, uint32_t line)
{
	struct instance *i = owner_of(h);

	if (line < IRQ_LINES && i->machine->irq.lines[line].owner == &i->callee)
		irq_pulse(&i->machine->irq, line);
}

static int host_find(const struct volt_host *h, const char *id, struct volt_peer *peer)
{
	const struct instance *i = host_calling_instance(h);
	const struct machine *m = i->machine;

	if (m->sealed)
		return -EPERM;
	if (!id || !peer || peer->size < sizeof(*peer) || i->plugin.flags & VOLT_FLAG_BUS)
		return -EINVAL;
	for (uint32_t k = 0; k < m->instance_count; k++) {
		const struct instance *bus = m->instances[k];

		if (!(bus->plugin.flags & VOLT_FLAG_BUS))
			continue;
		peer->table = bus->plugin.get_ext(id);
		peer->self = bus->callee.self;
		if (peer->table)
			return 0;
	}
	return -ENOENT;
}

static void host_call(const struct volt_host *h, const struct volt_host *device,
    void (*f)(void *self, void *arg), void *arg)
{
	const struct instance *other = owner_of(device);

	if (!(owner_of(h)->plugin.flags & VOLT_FLAG_BUS) || other->plugin.flags & VOLT_FLAG_BUS)
		return;
	callee_lock(&other->callee);
	f(other->callee.self, arg);
	callee_unlock(&other->callee);
}

static void host_request(const struct volt_host *h, uint32_t what, uint32_t code, const char *why)
{
	struct machine *m = owner_of(h)->machine;

	switch (what) {
	case VOLT_REQUEST_RESET:
		vm_end(&m->end, EXIT_RESET, "the guest asked for a reset (%s)", why);
		break;
	case VOLT_REQUEST_POWEROFF:
		vm_end(&m->end, EXIT_POWEROFF, "the guest turned itself off (%s)", why);
		break;
	case VOLT_REQUEST_EXIT:
		vm_end(&m->end, EXIT_STATUS + (int)(code & 0xff),
		    "the guest ended with status %u (%s)", code & 0xff, why);
		break;
	case VOLT_REQUEST_PANIC:
		vm_end(&m->end, EXIT_PANIC, "the guest's kernel panicked (%s)", why);
		break;
	case VOLT_REQUEST_ATTENTION:
		events_want_attention(&m->events);
		break;
	}
}

/* ------------------------------------------------------------- volt.loop/1 */

static int host_add_timer(const struct volt_host *h, void (*fire)(void *self), uint32_t *timer)
{
	struct instance *i = host_calling_instance(h);

	if (i->machine->sealed)
		return -EPERM;
	if (!fire)
		return -EINVAL;
	if (i->timer_count == INSTANCE_TIMER_MAX)
		return -ENOSPC;
	int err = loop_add_timer(&i->machine->loop, &i->callee, fire, timer);
	i->timer_count += err == 0;
	return err;
}

static void host_arm(const struct volt_host *h, uint32_t timer, uint64_t deadline_ns)
{
	struct instance *i = owner_of(h);
	struct loop *l = &i->machine->loop;

	if (timer < l->table->timer_count && l->table->timers[timer].owner == &i->callee)
		loop_arm(l, timer, deadline_ns);
}

static uint64_t host_now(const struct volt_host *h)
{
	return clock_now();
}

static uint64_t host_realtime(const struct volt_host *h)
{
	return owner_of(h)->plugin.flags & VOLT_FLAG_WALL_CLOCK ? clock_wall() : 0;
}

static const struct volt_loop loop_table = {.size = sizeof(loop_table),
    .add_timer = host_add_timer,
    .arm = host_arm,
    .now = host_now,
    .realtime = host_realtime};

/* ----------------------------------------------------------- volt.stream/1 */

static struct stream *own_stream(const struct volt_host *h, uint32_t number)
{
	struct machine *m = owner_of(h)->machine;

	if (number < m->streams.count && m->streams.list[number].owner == &owner_of(h)->callee)
		return &m->streams.list[number];
	return NULL;
}

static int host_attach(
    const struct volt_host *h, uint32_t number, const struct volt_stream_ops *ops)
{
	struct stream *s = own_stream(h, number);

	if (host_calling_instance(h)->machine->sealed)
		return -EPERM;
	return s && ops ? stream_attach(s, ops) : -EINVAL;
}

/* The stream itself is the first client's. */
static int make_siblings(
    struct stream *first, const struct volt_stream_ops *ops, uint32_t count, uint32_t *streams)
{
	streams[0] = first->number;
	for (uint32_t n = 1; n < count; n++) {
		int number = stream_open_sibling(first);
		int err = number >= 0 ? stream_attach(&first->all->list[number], ops) : number;

		if (err)
			return err;
		streams[n] = (uint32_t)number;
	}
	return 0;
}

static int host_serve(const struct volt_host *h, uint32_t number, const struct volt_stream_ops *ops,
    uint32_t count, uint32_t *streams)
{
	struct instance *i = host_calling_instance(h);
	struct stream *s = own_stream(h, number);

	if (i->machine->sealed)
		return -EPERM;
	if (!s || !ops || count < 1 || count > SERVE_MAX)
		return -EINVAL;
	if (s->kind != STREAM_UNIX)
		count = 1;
	int err = stream_attach(s, ops);
	if (err)
		return err;
	err = make_siblings(s, ops, count, streams);
	if (err == -ENOSPC)
		return refuse(i, ENOSPC, "there are more than %u streams", STREAM_MAX);
	return err ? err : (int)count;
}

static size_t host_tx(const struct volt_host *h, uint32_t number, const uint8_t *bytes, size_t n)
{
	struct stream *s = own_stream(h, number);

	return s ? stream_tx(s, bytes, n) : 0;
}

static void host_set_room(const struct volt_host *h, uint32_t number, size_t n)
{
	struct stream *s = own_stream(h, number);

	if (s)
		stream_set_room(s, n);
}

static void host_hang_up(const struct volt_host *h, uint32_t number)
{
	struct stream *s = own_stream(h, number);

	if (s)
		stream_hang_up(s);
}

#if VOLT_HAS_OPERATE
static int host_window(
    const struct volt_host *h, uint32_t number, uint16_t *columns, uint16_t *rows)
{
	struct stream *s = own_stream(h, number);

	return s ? window_size(s, columns, rows) : -EINVAL;
}
#endif

static const struct volt_stream stream_table = {.size = sizeof(stream_table),
    .attach = host_attach,
    .tx = host_tx,
    .set_room = host_set_room,
    .hang_up = host_hang_up,
#if VOLT_HAS_OPERATE
    .window = host_window,
#endif
    .serve = host_serve};

/* ----------------------------------------------------------- volt.worker/1 */

static int host_add_worker(const struct volt_host *h, const char *name,
    void (*job)(void *self, uint32_t worker), uint32_t *worker)
{
	struct instance *i = host_calling_instance(h);
	struct machine *m = i->machine;

	if (m->sealed)
		return -EPERM;
	/* The kernel's audit log quotes other names in a way that the reporter cannot read. */
	size_t n = name ? strspn(name, WORKER_NAME_BYTES) : 0;
	if (n == 0 || n > 15 || name[n] != '\0' || !job)
		return -EINVAL;
	if (m->worker_count == WORKER_MAX)
		return refuse(i, ENOSPC, "there are %u workers already", WORKER_MAX);
	struct worker *w = &m->workers[m->worker_count];
	worker_init(w, &i->callee, name, job, m->worker_count);
	w->end = &m->end;
	*worker = m->worker_count++;
	return 0;
}

static void host_post(const struct volt_host *h, uint32_t worker)
{
	struct worker *w = host_worker(owner_of(h), worker);

	if (w)
		worker_post(w);
}

static const char *watch_why(const struct worker *w, int err)
{
	if (err == EEXIST)
		return "it watches it already";
	if (err == EOPNOTSUPP)
		return "the file is always ready";
	if (err == ENOSPC && w->watch_count == WORKER_WATCH_MAX)
		return "it watches 16 files already";
	return loop_watch_why(err);
}

static int host_watch(const struct volt_host *h, uint32_t worker, int32_t fd, uint32_t events)
{
	struct instance *i = host_calling_instance(h);
	struct worker *w = host_worker(i, worker);

	if (i->machine->sealed)
		return -EPERM;
	if (!w || !host_is_parameter(i, fd) || events == 0 ||
	    events & ~(VOLT_WATCH_READ | VOLT_WATCH_WRITE))
		return -EINVAL;
	int err = worker_watch(w, fd, events);
	return err ? refuse(i, -err, "worker %s cannot watch file %d: %s", w->name, fd,
			 watch_why(w, -err))
		   : 0;
}

static int host_run(const struct volt_host *h, uint32_t worker)
{
	struct worker *w = host_worker(owner_of(h), worker);

	if (!w)
		return -EINVAL;
	if (!__atomic_load_n(&w->released, __ATOMIC_SEQ_CST))
		return -EAGAIN;
	worker_await(w, worker_request(w));
	return 0;
}

#if VOLT_HAS_SHARING
static int host_add_event(const struct volt_host *h, uint32_t worker)
{
	struct instance *i = host_calling_instance(h);
	struct worker *w = host_worker(i, worker);

	if (i->machine->sealed)
		return -EPERM;
	if (!w)
		return -EINVAL;
	w->has_event = true;
	return 0;
}

static int host_worker_event(const struct volt_host *h, uint32_t worker)
{
	const struct worker *w = host_worker(owner_of(h), worker);

	if (!w || !w->has_event)
		return -EINVAL;
	return owner_of(h)->machine->sealed ? w->event_fd : -EAGAIN;
}

#endif

static const struct volt_worker worker_table = {
    .add = host_add_worker,
    .post = host_post,
    .watch = host_watch,
    .run = host_run,
#if VOLT_HAS_SHARING
    .size = sizeof(worker_table),
    .add_event = host_add_event,
    .event_fd = host_worker_event,
#else
    .size = offsetof(struct volt_worker, add_event),
#endif
};

/* --------------------------------------------------------- volt.irqroute/1 */

static void host_route(const struct volt_host *h, uint32_t pin, uint64_t address, uint32_t data)
{
	irq_route(&owner_of(h)->machine->irq, pin, address, data);
}

static void host_fire(const struct volt_host *h, uint32_t pin)
{
	irq_fire(&owner_of(h)->machine->irq, pin);
}

static const struct volt_irqroute irqroute_table = {
    .size = sizeof(irqroute_table), .route = host_route, .fire = host_fire};

/* --------------------------------------------------------- volt.describe/1 */

static int host_device(const struct volt_host *h, const struct volt_acpi_device *d)
{
	struct machine *m = host_calling_instance(h)->machine;
	struct firmware *fw = &m->firmware;

	if (m->sealed)
		return -EPERM;
	/* Its first size, in ABI 0.1. */
	if (d->size < offsetof(struct volt_acpi_device, ddn) || !d->hid ||
	    d->resource_count > VOLT_RESOURCE_MAX)
		return -EINVAL;
	if (fw->device_count == FIRMWARE_DEVICE_MAX)
		return -ENOSPC;
	struct volt_acpi_device *copy = &fw->devices[fw->device_count];
	memcpy(copy, d, d->size < sizeof(*d) ? d->size : sizeof(*d));
	copy->hid = strdup(d->hid);
	copy->cid = d->cid ? strdup(d->cid) : NULL;
	if (!copy->hid || (d->cid && !copy->cid))
		return -ENOMEM;
	if (VOLT_HAS_SNAPSHOT && copy->ddn) {
		copy->ddn = strdup(copy->ddn);
		if (!copy->ddn)
			return -ENOMEM;
	}
	fw->device_count++;
	return 0;
}

static int host_fixed(const struct volt_host *h, const struct volt_acpi_fixed *f)
{
	struct machine *m = host_calling_instance(h)->machine;
	struct firmware_fixed *slots[] = {
	    NULL, &m->firmware.reset, &m->firmware.sleep_control, &m->firmware.sleep_status};

	if (m->sealed)
		return -EPERM;
	if (f->size < sizeof(*f) || f->kind < VOLT_FIXED_RESET ||
	    f->kind > VOLT_FIXED_SLEEP_STATUS || f->space > VOLT_SPACE_MMIO)
		return -EINVAL;
	if (slots[f->kind]->present)
		return -ENOSPC;
	*slots[f->kind] = (struct firmware_fixed){
	    .present = true, .space = f->space, .value = f->value, .address = f->address};
	return 0;
}

static int host_cmdline(const struct volt_host *h, const char *words)
{
	struct machine *m = host_calling_instance(h)->machine;
	size_t used = strlen(m->device_cmdline);

	if (m->sealed)
		return -EPERM;
	for (const char *p = words; *p != '\0'; p++)
		if (!isprint((unsigned char)*p))
			return -EINVAL;
	if (strlen(words) + 2 > sizeof(m->device_cmdline) - used)
		return -ENOSPC;
	snprintf(m->device_cmdline + used, sizeof(m->device_cmdline) - used, " %s", words);
	return 0;
}

static const struct volt_describe describe_table = {.size = sizeof(describe_table),
    .device = host_device,
    .fixed = host_fixed,
    .cmdline = host_cmdline};

static bool always(struct instance *i)
{
	return true;
}

/* A plugin that cannot do without says what it lacks; this is why. */
static bool has_metrics(struct instance *i)
{
	if (metrics_table.size > 0)
		return true;
	refuse(i, ENOTSUP, "this volt was built for plugins that do not use " VOLT_EXT_METRICS);
	return false;
}

static bool has_commands(struct instance *i)
{
	if (VOLT_HAS_COMMANDS)
		return true;
	refuse(i, ENOTSUP, "this volt was built for plugins that do not use " VOLT_EXT_MANAGE);
	return false;
}

static bool has_workers(struct instance *i)
{
	if (VOLT_HAS_WORKERS)
		return true;
	refuse(i, ENOTSUP, "this volt was built for plugins that do not use " VOLT_EXT_WORKER);
	return false;
}

static bool is_irqchip(struct instance *i)
{
	return i->irqchip != NULL;
}

static bool wants_memory(struct instance *i)
{
	return i->plugin.flags & VOLT_FLAG_GUEST_MEMORY;
}

/* Only who asks for doorbells can ask for the descriptor of an edge line. */
static bool note_doorbells(struct instance *i)
{
	if (!i->machine->sealed)
		i->wants_irq_fd = true;
	return true;
}

/* Who asks for messages gets the calls that they need, so the first is remembered. */
static bool note_messages(struct instance *i)
{
	struct irq *q = &i->machine->irq;

	if (!q->msi.user && !i->machine->sealed)
		q->msi.user = &i->callee;
	return !i->machine->sealed;
}

/* -------------------------------------------------------------- core.pause/0 */

/* Of the instance that asked, for one machine has one. */
static void tell_paused(void *arg, int err)
{
	struct instance *i = arg;

	callee_lock(&i->callee);
	i->machine->pause.plugin_done(i->callee.self, err);
	callee_unlock(&i->callee);
}

static int host_pause(
    const struct volt_host *h, uint64_t limit_ns, void (*done)(void *self, int err))
{
	struct instance *i = owner_of(h);
	const int err = pause_begin(&i->machine->pause, limit_ns, tell_paused, i);

	if (err)
		return err;
	i->machine->pause.plugin_done = done;
	return 0;
}

static int host_resume(const struct volt_host *h)
{
	return pause_resume(&owner_of(h)->machine->pause);
}

static int host_keep_timer(const struct volt_host *h, uint32_t timer)
{
	struct instance *i = host_calling_instance(h);
	struct loop *l = &i->machine->loop;

	if (i->machine->sealed)
		return -EPERM;
	if (timer >= l->table->timer_count || l->table->timers[timer].owner != &i->callee)
		return -EINVAL;
	loop_keep_timer(l, timer);
	return 0;
}

static const struct pause_service pause_table = {.size = sizeof(pause_table),
    .pause = host_pause,
    .resume = host_resume,
    .keep_timer = host_keep_timer};

/* Who asks for it makes the VM one that can be paused. */
static bool note_pause(struct instance *i)
{
	if (i->machine->sealed)
		return false;
	pause_allow(&i->machine->pause, &i->machine->loop, i->callee.id);
	return true;
}

static const void *host_get_ext(const struct volt_host *h, const char *id)
{
	static const struct {
		const char *id;
		const void *table;
		bool (*has)(struct instance *i);
	} tables[] = {
		{VOLT_EXT_LOOP, &loop_table, always},
		{VOLT_EXT_STREAM, &stream_table, always},
		{VOLT_EXT_MANAGE, &host_manage, has_commands},
		{VOLT_EXT_EVENT, &host_event, always},
		{VOLT_EXT_DESCRIBE, &describe_table, always},
		{VOLT_EXT_WORKER, &worker_table, has_workers},
#if VOLT_HAS_RINGS
		{VOLT_EXT_URING, &host_rings, always},
#endif
#if VOLT_HAS_DISCARD
		{VOLT_EXT_DISCARD, &host_discard, wants_memory},
#endif
#if VOLT_HAS_PEERS
		{VOLT_EXT_PEERS, &host_peers, always},
#endif
#if VOLT_HAS_REGIONS
		{VOLT_EXT_REGION, &host_region, always},
#endif
#if VOLT_HAS_SNAPSHOT
		{VOLT_EXT_PAGE, &host_page, always},
#endif
		{VOLT_EXT_METRICS, &metrics_table, has_metrics},
		{VOLT_EXT_IRQROUTE, &irqroute_table, is_irqchip},
		{VOLT_EXT_MEM, &host_mem, wants_memory},
		{VOLT_EXT_DOORBELL, &host_doorbell, note_doorbells},
		{VOLT_EXT_MSI, &host_msi, note_messages},
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (strcmp(id, tables[i].id) == 0 && tables[i].has(owner_of(h)))
			return tables[i].table;
	/* Not a row of the table, which would hold its functions in a build without pauses. */
	if (VOLT_HAS_PAUSE && strcmp(id, PAUSE_SERVICE) == 0 && note_pause(owner_of(h)))
		return &pause_table;
	return NULL;
}

void host_init(struct instance *i)
{
	uint64_t *counters = i->host.counters;

	i->host = (struct volt_host){
	    .size = sizeof(struct volt_host),
	    .abi_major = VOLT_ABI_MAJOR,
	    .abi_minor = VOLT_ABI_MINOR,
	    .log_level = log_level,
	    .core = i,
	    .counters = counters,
	    .log = host_log,
	    .fail = host_fail,
	    .add_range = host_add_range,
	    .add_irq = host_add_irq,
	    .set_irq = host_set_irq,
	    .request = host_request,
	    .get_ext = host_get_ext,
	    .place = host_place,
	    .irq_number = host_irq_number,
	    .pulse = host_pulse,
	    .find = host_find,
	    .call = host_call,
	};
}
