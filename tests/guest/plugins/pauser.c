/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pauser - a device for tests: pauses its VM at random moments, and registers that notice an
 * access that was lost or made twice.
 *
 * Eight tapes, one for each vCPU that uses them, at base + 16 t among the ports and at
 * mmio + 0x4000 t in memory. A write to a tape is added to its sum, in order; a read gives the
 * next number of a sequence, which is added too. Any access of 1, 2, 4 or 8 bytes.
 *
 *   base + 0   ports of tape 0 (to + 7)      base + 16  of tape 1, and so on
 *   base + 8   4 bytes: the sum of tape 0    base + 24  of tape 1, and so on
 *   base + 128 4 bytes: how many pauses are over
 *   base + 132 1 byte: a write asks for one pause now
 *
 *   every=US   mean time from one pause to the next; 0: none but those asked for
 *   hold=US    how long the VM stays paused
 *   within=US  the pause's deadline
 *   hang=on    its worker never comes to an end
 *   seed=N     of the random times
 *
 * `core.pause/0` is asked for only if pauses=on, so that an unpaused run has no call more.
 */
#include <errno.h>
#include <string.h>

#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/state.h>
#include <volt/worker.h>

#include "core/vm/pause_service.h"

#define MMIO_STRIDE 0x4000u
#define PORT_STRIDE 16u
#define TAPES       8u
#define PAUSES      (TAPES * PORT_STRIDE)

enum {
	PARAM_PAUSES,
	PARAM_EVERY,
	PARAM_HOLD,
	PARAM_WITHIN,
	PARAM_HANG,
	PARAM_SEED,
	PARAM_BASE,
	PARAM_MMIO,
};

enum { COUNT_PAUSES, COUNT_LATE, COUNT_NS_SUM, COUNT_NS_MIN, COUNT_NS_MAX, COUNT_UNDER_MS };

struct tape {
	uint32_t sum, next;
};

struct pauser {
	const struct volt_host *h;
	const struct volt_loop *loop;
	const struct volt_worker *workers;
	const struct pause_service *service; /* NULL without pauses=on */
	uint64_t every_ns, hold_ns, within_ns, random, asked_ns, least_ns, most_ns;
	uint32_t timer, worker, count; /* of pauses that are over; atomic */
	uint32_t wanted;               /* atomic: the guest asks for one */
	bool paused, hang;
	struct tape tapes[TAPES];
};

/* xorshift64* (Vigna 2014). */
static uint64_t draw(struct pauser *p, uint64_t below)
{
	p->random ^= p->random >> 12;
	p->random ^= p->random << 25;
	p->random ^= p->random >> 27;
	return below > 0 ? (p->random * 0x2545f4914f6cdd1dull >> 16) % below : 0;
}

static void sleep_until_next(struct pauser *p)
{
	if (p->every_ns > 0)
		p->loop->arm(p->h, p->timer, p->loop->now(p->h) + 1 + draw(p, 2 * p->every_ns));
}

static void note_time(struct pauser *p, uint64_t ns)
{
	volt_count(p->h, COUNT_NS_SUM, ns);
	if (p->least_ns == 0 || ns < p->least_ns) {
		volt_count(p->h, COUNT_NS_MIN, ns - p->least_ns);
		p->least_ns = ns;
	}
	if (ns > p->most_ns) {
		volt_count(p->h, COUNT_NS_MAX, ns - p->most_ns);
		p->most_ns = ns;
	}
	volt_count(p->h, COUNT_UNDER_MS, ns < 1000000);
}

static void on_paused(void *self, int err)
{
	struct pauser *p = self;

	if (err) {
		volt_log(p->h, VOLT_LOG_INFO, "not paused: %d", err);
		volt_count(p->h, COUNT_LATE, 1);
		__atomic_fetch_add(&p->count, 1, __ATOMIC_RELAXED);
		sleep_until_next(p);
		return;
	}
	note_time(p, p->loop->now(p->h) - p->asked_ns);
	p->paused = true;
	volt_log(p->h, VOLT_LOG_DEBUG, "paused");
	p->loop->arm(p->h, p->timer, p->loop->now(p->h) + p->hold_ns);
}

static void fire(void *self)
{
	struct pauser *p = self;

	if (p->paused) {
		p->paused = false;
		volt_count(p->h, COUNT_PAUSES, 1);
		__atomic_fetch_add(&p->count, 1, __ATOMIC_RELAXED);
		p->service->resume(p->h);
		sleep_until_next(p);
		return;
	}
	p->asked_ns = p->loop->now(p->h);
	if (p->service->pause(p->h, p->within_ns, on_paused) != 0)
		sleep_until_next(p); /* the VM is ending */
}

static void work(void *self, uint32_t worker)
{
	while (((const struct pauser *)self)->hang)
		__asm__ volatile("pause" : : : "memory");
}

/* ---------------------------------------------------------------- registers */

static void add(struct tape *t, uint64_t value)
{
	t->sum = t->sum * 16777619u ^ (uint32_t)(value ^ value >> 32);
}

static uint64_t tape_read(struct tape *t, uint32_t n)
{
	const uint64_t value = t->next++ * 0x9e3779b97f4a7c15ull;
	const uint64_t seen = n < 8 ? value & ((1ull << 8 * n) - 1) : value;

	add(t, seen);
	return seen;
}

static uint64_t port_read(void *self, uint64_t off, uint32_t n)
{
	struct pauser *p = self;

	if (off >= PAUSES)
		return __atomic_load_n(&p->count, __ATOMIC_RELAXED);
	struct tape *t = &p->tapes[off / PORT_STRIDE];
	return off % PORT_STRIDE >= 8 ? t->sum : tape_read(t, n);
}

static void port_write(void *self, uint64_t off, uint32_t n, uint64_t value)
{
	struct pauser *p = self;

	if (off < PAUSES)
		add(&p->tapes[off / PORT_STRIDE], value);
	else if (p->service)
		p->loop->arm(p->h, p->timer, p->loop->now(p->h));
}

static uint64_t memory_read(void *self, uint64_t off, uint32_t n)
{
	return tape_read(&((struct pauser *)self)->tapes[off / MMIO_STRIDE], n);
}

static void memory_write(void *self, uint64_t off, uint32_t n, uint64_t value)
{
	add(&((struct pauser *)self)->tapes[off / MMIO_STRIDE], value);
}

/* ------------------------------------------------------------------- wiring */

static void pauser_reset(void *self)
{
	struct pauser *p = self;

	memset(p->tapes, 0, sizeof(p->tapes));
}

static int pauser_start(void *self)
{
	sleep_until_next(self);
	return 0;
}

static int find_service(struct pauser *p)
{
	p->service = p->h->get_ext(p->h, PAUSE_SERVICE);
	if (!p->service)
		return volt_fail(p->h, ENOTSUP, "the host has no " PAUSE_SERVICE);
	return p->service->keep_timer(p->h, p->timer);
}

static int add_worker(struct pauser *p)
{
	p->workers = p->h->get_ext(p->h, VOLT_EXT_WORKER);
	const int err = p->workers ? p->workers->add(p->h, "hanger", work, &p->worker) : -ENOTSUP;

	if (err)
		return err;
	p->workers->post(p->h, p->worker);
	return 0;
}

static int wire(
    struct pauser *p, const struct volt_range *ports, const struct volt_range *memory, bool pauses)
{
	int err = p->h->add_range(p->h, ports);

	if (err)
		return err;
	err = p->h->add_range(p->h, memory);
	if (err)
		return err;
	err = p->loop ? p->loop->add_timer(p->h, fire, &p->timer) : -ENOTSUP;
	if (err)
		return err;
	err = pauses ? find_service(p) : 0;
	if (err)
		return err;
	return p->hang ? add_worker(p) : 0;
}

static int pauser_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct pauser *p = self;
	const struct volt_range ports = {
	    .size = sizeof(ports),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4,
	    .base = volt_arg(a, PARAM_BASE)->u,
	    .len = PAUSES + 8,
	    .name = "tapes",
	    .read = port_read,
	    .write = port_write,
	};
	struct volt_range memory = ports;

	memory.space = VOLT_SPACE_MMIO;
	memory.sizes |= VOLT_IO_8;
	memory.base = volt_arg(a, PARAM_MMIO)->u;
	memory.len = (uint64_t)TAPES * MMIO_STRIDE;
	memory.read = memory_read;
	memory.write = memory_write;
	p->h = h;
	p->every_ns = volt_arg(a, PARAM_EVERY)->u * 1000;
	p->hold_ns = volt_arg(a, PARAM_HOLD)->u * 1000;
	p->within_ns = volt_arg(a, PARAM_WITHIN)->u * 1000;
	p->hang = volt_arg(a, PARAM_HANG)->u != 0;
	p->random = volt_arg(a, PARAM_SEED)->u | 1;
	p->loop = h->get_ext(h, VOLT_EXT_LOOP);
	const int err = wire(p, &ports, &memory, volt_arg(a, PARAM_PAUSES)->u != 0);
	if (err)
		return volt_fail(h, -err, "cannot be wired");
	if (!p->service)
		p->every_ns = 0;
	return 0;
}

#define MICROSECONDS .type = VOLT_PARAM_UINT, .max = 60000000, .flags = VOLT_PARAM_HOST_SIDE

static const struct volt_param params[] = {
    [PARAM_PAUSES] = {.name = "pauses",
	.type = VOLT_PARAM_BOOL,
	.flags = VOLT_PARAM_HOST_SIDE,
	.def = "on",
	.help = "pause at all"},
    [PARAM_EVERY] = {.name = "every",
	.def = "0",
	.help = "mean microseconds between pauses",
	MICROSECONDS},
    [PARAM_HOLD] = {.name = "hold", .def = "0", .help = "microseconds of a pause", MICROSECONDS},
    [PARAM_WITHIN] = {.name = "within",
	.def = "10000000",
	.help = "microseconds to get there",
	MICROSECONDS},
    [PARAM_HANG] = {.name = "hang",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "a worker for ever"},
    [PARAM_SEED] = {.name = "seed",
	.type = VOLT_PARAM_UINT,
	.flags = VOLT_PARAM_HOST_SIDE,
	.def = "1",
	.max = UINT32_MAX,
	.help = "of the times"},
    [PARAM_BASE] = {.name = "base",
	.type = VOLT_PARAM_UINT,
	.def = "0x740",
	.max = 0xff00,
	.help = "its ports"},
    [PARAM_MMIO] = {.name = "mmio",
	.type = VOLT_PARAM_UINT,
	.def = "0xd0100000",
	.max = 0xe0000000,
	.help = "its memory"},
};

static const struct volt_counter counters[] = {
    [COUNT_PAUSES] = {"pauses", "pauses that are over"},
    [COUNT_LATE] = {"refused", "those that were not to be had"},
    [COUNT_NS_SUM] = {"ns", "nanoseconds from the ask to the standstill, of all pauses"},
    [COUNT_NS_MIN] = {"ns_least", "of the fastest"},
    [COUNT_NS_MAX] = {"ns_most", "of the slowest"},
    [COUNT_UNDER_MS] = {"within_ms", "pauses that took less than a millisecond"},
};

static const struct volt_field fields[] = {
    {VOLT_FIELD_EACH(struct pauser, tapes, sum, VOLT_F_U32)},
    {VOLT_FIELD_EACH(struct pauser, tapes, next, VOLT_F_U32)},
    {VOLT_FIELD(struct pauser, count, VOLT_F_U32, 1)},
};

static const struct volt_state state = {
    .size = sizeof(state), .version = 1, .oldest = 1, VOLT_FIELDS(fields)};

static const void *pauser_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &state;
}

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "pauser",
    .version = "0.1.0",
    .summary = "pauses its VM at random moments, for tests",
    .instance_size = sizeof(struct pauser),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = pauser_init,
    .reset = pauser_reset,
    .start = pauser_start,
    .get_ext = pauser_get_ext,
};
