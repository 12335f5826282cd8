/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_state - volt.state/1: saves and restores the instance by the code that the real
 * host uses, and holds the plugin to its half of the contract.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_internal.h"

void fake_find_state(struct fake_host *f)
{
	const struct volt_plugin *p = f->plugin;
	char why[256];

	f->state_table = p->get_ext ? p->get_ext(VOLT_EXT_STATE) : NULL;
	if (f->state_table &&
	    state_check_table(f->state_table, p->instance_size, why, sizeof(why)) != 0)
		fake_die(f, "%s", why);
}

static struct state_target target(struct fake_host *f, const char *what)
{
	fake_must_run(f, what);
	if (!f->state_table)
		fake_die(f, "the test calls %s, but the plugin offers no " VOLT_EXT_STATE, what);
	if (!f->scratch)
		f->scratch = fake_alloc(f->plugin->instance_size);
	return (struct state_target){
	    .id = f->params.id ? f->params.id : f->plugin->name,
	    .plugin = f->plugin->name,
	    .table = f->state_table,
	    .self = f->self,
	    .scratch = f->scratch,
	    .instance_size = f->plugin->instance_size,
	};
}

static void call(struct fake_host *f, void (*slot)(void *self), const char *name)
{
	if (!slot)
		return;
	fake_enter(f, name);
	slot(f->self);
	fake_leave(f);
}

static bool job_waits(const struct fake_host *f)
{
	for (unsigned i = 0; i < f->worker_count; i++)
		if (f->workers[i].waits)
			return true;
	return false;
}

/* As the real host does before a pause: one more run, and its results. */
static void settle(struct fake_host *f)
{
	if (!job_waits(f))
		return;
	fake_run_workers(f);
	fake_advance(f, 0);
}

/* It may look at the instance and no more. */
static const char *ask_obstacle(struct fake_host *f)
{
	const size_t size = f->plugin->instance_size;
	uint8_t *before = fake_alloc(size);

	memcpy(before, f->self, size);
	fake_enter(f, "obstacle");
	const char *why = f->state_table->obstacle(f->self);
	if (memcmp(before, f->self, size) != 0)
		fake_die(f, "it changed the instance");
	if (why && (!*why || strchr(why, '\n')))
		fake_die(f, "what it says must be one line");
	fake_leave(f);
	free(before);
	return why;
}

/* True: the plugin says that it cannot be saved now; then the pause is over. */
static bool is_hindered(struct fake_host *f)
{
	if (!VOLT_HAS(f->state_table, obstacle) || !f->state_table->obstacle)
		return false;
	call(f, f->state_table->pause, "pause");
	const char *why = ask_obstacle(f);
	if (!why)
		return false;
	snprintf(f->message, sizeof(f->message), "%s", why);
	call(f, f->state_table->resume, "resume");
	return true;
}

static uint8_t *save_once(struct fake_host *f, const struct state_target *t, size_t *n)
{
	const size_t size = state_size(t);
	uint8_t *bytes = fake_alloc(size);

	call(f, f->state_table->pause, "pause");
	*n = state_save(t, bytes, size);
	return bytes;
}

struct lines {
	bool level[FAKE_IRQ_MAX];
	unsigned rises[FAKE_IRQ_MAX];
};

static struct lines look_at_lines(const struct fake_host *f)
{
	struct lines l = {{false}, {0}};

	for (unsigned i = 0; i < FAKE_IRQ_MAX; i++) {
		l.level[i] = f->lines[i].level;
		l.rises[i] = f->lines[i].rises;
	}
	return l;
}

/* Twice: a save that changed the instance shows in the second one. */
const uint8_t *fake_state_save(struct fake_host *f, size_t *n)
{
	const struct state_target t = target(f, "fake_state_save");
	size_t again;

	settle(f);
	const struct lines before = look_at_lines(f);
	free(f->saved);
	f->saved = NULL;
	*n = 0;
	if (is_hindered(f))
		return NULL;
	f->saved = save_once(f, &t, n);
	uint8_t *second = save_once(f, &t, &again); /* pause may come twice */
	if (again != *n || memcmp(f->saved, second, again) != 0)
		fake_die(f, "a second pause changed what is saved");
	free(second);
	call(f, f->state_table->resume, "resume");
	second = save_once(f, &t, &again);
	call(f, f->state_table->resume, "resume");
	if (again != *n || memcmp(f->saved, second, again) != 0)
		fake_die(f, "saving changed the state: it differs after resume");
	free(second);
	const struct lines after = look_at_lines(f);
	if (memcmp(&before, &after, sizeof(before)) != 0)
		fake_die(f, "saving changed an interrupt line");
	return f->saved;
}

int fake_state_load(struct fake_host *f, const uint8_t *bytes, size_t n)
{
	const struct state_target t = target(f, "fake_state_load");
	uint8_t *before = fake_alloc(t.instance_size);

	memcpy(before, t.self, t.instance_size);
	fake_enter(f, "validate");
	f->in_validate = true;
	const int err = state_load(&t, bytes, n, f->message, sizeof(f->message));
	f->in_validate = false;
	if (err && memcmp(before, t.self, t.instance_size) != 0)
		fake_die(f, "a state that was refused changed the instance");
	fake_leave(f);
	free(before);
	if (err)
		return err;
	fake_identify(f, VOLT_IDENTITY_RESTORED);
	call(f, f->state_table->resume, "resume");
	return 0;
}

void fake_finish_state(struct fake_host *f)
{
	free(f->saved);
	free(f->scratch);
}

/* -------- state fuzzing */

struct state_fuzz {
	struct fake_host *a, *b;
	uint64_t seed, random;
	unsigned round;
	/* Of the newest write, which may have chosen what the port behind it reaches: an index
	 * port, whose data port has the next address. */
	uint64_t index_at, index_value;
	uint32_t index_n;
};

/* xorshift64* (Vigna 2014). */
static uint64_t draw(struct state_fuzz *d, uint64_t below)
{
	d->random ^= d->random >> 12;
	d->random ^= d->random << 25;
	d->random ^= d->random >> 27;
	return (d->random * 0x2545f4914f6cdd1dull >> 16) % below;
}

VOLT_PRINTF(2, 3)
static _Noreturn void fuzz_fails(const struct state_fuzz *d, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fake_die(d->a, "state fuzzing, round %u of seed %llu: %s", d->round,
	    (unsigned long long)d->seed, text);
}

static struct fake_host *start(const struct volt_plugin *plugin, const char *params)
{
	struct fake_host *f = fake_host_create(plugin);

	if (fake_host_wire(f, params) != 0 || fake_host_run(f) != 0)
		fake_die(f, "the state fuzzing cannot start it: %s", fake_host_message(f));
	if (fake_pci_is_there(f))
		fake_pci_enable(f);
	return f;
}

/* Random numbers are mostly small or have few bits: registers like those. */
static uint64_t draw_value(struct state_fuzz *d)
{
	switch (draw(d, 5)) {
	case 0:
		return draw(d, 8);
	case 1:
		return draw(d, 16 << draw(d, 3)); /* the number of a register */
	case 2:
		return 1ull << draw(d, 8 << draw(d, 4));
	default:
		return draw(d, 1ull << 47) * draw(d, 1ull << 17);
	}
}

static void drive_chip(struct state_fuzz *d, bool both)
{
	const uint32_t pin = (uint32_t)draw(d, d->a->irqchip_info.pins);
	const uint8_t vector = (uint8_t)draw(d, 256);
	const bool level = draw(d, 2);

	fake_set_line(d->a, pin, level);
	fake_eoi(d->a, vector);
	if (!both)
		return;
	fake_set_line(d->b, pin, level);
	fake_eoi(d->b, vector);
}

static void bring_home(struct fake_host *f)
{
	fake_pci_enable(f);
	fake_pci_write(f, 0x10, 4, (uint32_t)f->ranges[0].base);
}

/* Configuration space: mostly so that the function still answers afterwards. */
static bool drive_function(struct state_fuzz *d, bool both)
{
	const uint32_t n = 1u << draw(d, 3);
	const uint32_t off = (uint32_t)draw(d, 256) & ~(n - 1);
	const uint32_t val = (uint32_t)draw_value(d);

	if (draw(d, 2)) {
		fake_pci_write(d->a, off, n, val);
		if (both)
			fake_pci_write(d->b, off, n, val);
		return false;
	}
	if (draw(d, 2)) {
		bring_home(d->a);
		if (both)
			bring_home(d->b);
	}
	const uint32_t seen = fake_pci_read(d->a, off, n);

	return both && fake_pci_read(d->b, off, n) != seen;
}

/* Mostly one that the range takes. */
static uint32_t draw_size(struct state_fuzz *d, const struct volt_range *r)
{
	const bool any = draw(d, 8) == 0;
	uint32_t n;

	do
		n = 1u << draw(d, r->space == VOLT_SPACE_PIO ? 3 : 4);
	while (!any && !(r->sizes & n));
	while (n > r->len)
		n /= 2;
	return n;
}

/* Half of the accesses to its range go to the data port of the newest index, and some to the index
 * again. True for those. */
static bool choose_behind(
    struct state_fuzz *d, const struct volt_range *r, uint64_t *at, uint32_t *n, uint64_t *val)
{
	const uint64_t kind = draw(d, 8), end = d->index_at + 2ull * d->index_n;

	if (!d->index_n || d->index_at < r->base || end > r->base + r->len || kind >= 5)
		return false;
	*n = d->index_n;
	*at = d->index_at + (kind == 4 ? 0 : d->index_n);
	*val = kind == 4 ? d->index_value : draw(d, UINT64_C(1) << 48);
	return true;
}

static void remember(struct state_fuzz *d, uint64_t at, uint32_t n, uint64_t val)
{
	d->index_at = at;
	d->index_n = n;
	d->index_value = val;
}

/* One access or event, the same for both; true if what a guest sees differs. */
static bool step(struct state_fuzz *d, bool both)
{
	const uint64_t kind = draw(d, 16);
	const unsigned count = d->a->range_count;

	if (kind == 3 && fake_pci_is_there(d->a))
		return drive_function(d, both);
	if (kind == 0 || count == 0) {
		const uint64_t ns = draw(d, 20000000);

		fake_advance(d->a, ns);
		if (both)
			fake_advance(d->b, ns);
		return false;
	}
	if (kind == 1 && d->a->stream_count > 0 && d->a->streams[0].ops &&
	    d->a->streams[0].ops->rx && d->a->streams[0].connected) {
		const uint8_t byte = (uint8_t)draw(d, 256);

		if (d->a->streams[0].input_len == 0)
			fake_stream_feed(d->a, 0, &byte, 1);
		if (both && d->b->streams[0].input_len == 0)
			fake_stream_feed(d->b, 0, &byte, 1);
		return false;
	}
	if (kind == 2 && d->a->irqchip) {
		drive_chip(d, both);
		return false;
	}
	const struct volt_range *r = &d->a->ranges[draw(d, count)];
	uint32_t n = draw_size(d, r);
	uint64_t at = r->base + draw(d, (r->len < 4096 ? r->len : 4096) - n + 1);
	uint64_t val = draw_value(d);
	const bool behind = choose_behind(d, r, &at, &n, &val);
	if (kind < 9) {
		if (!behind)
			remember(d, at, n, val);
		fake_write(d->a, r->space, at, n, val);
		if (both)
			fake_write(d->b, r->space, at, n, val);
		return false;
	}
	/* A page tells of the identity, which is another one after a restore. */
	const bool told = r->space == VOLT_SPACE_MMIO && fake_page_at(d->a, at);
	const uint64_t seen = fake_read(d->a, r->space, at, n);
	return both && fake_read(d->b, r->space, at, n) != seen && !told;
}

static void compare(struct state_fuzz *d, const char *when)
{
	size_t n, m;
	const uint8_t *a = fake_state_save(d->a, &n), *b = fake_state_save(d->b, &m);

	if (n != m || !a != !b || (a && memcmp(a, b, n) != 0))
		fuzz_fails(d, "the states differ %s", when);
	for (unsigned i = 0; i < FAKE_IRQ_MAX; i++)
		if (d->a->lines[i].level != d->b->lines[i].level)
			fuzz_fails(d, "interrupt line %u differs %s", i, when);
}

/* Input that waits at a peer is no state of the device. */
static void drain(struct state_fuzz *d)
{
	for (unsigned i = 0; i < d->a->stream_count; i++)
		d->a->streams[i].input_len = 0;
}

/* An obstacle lasts a while only: what the device waits for is served meanwhile. */
static const uint8_t *save_at_last(struct state_fuzz *d, size_t *n)
{
	const uint8_t *saved = fake_state_save(d->a, n);

	for (unsigned i = 0; !saved && i < 16; i++) {
		fake_run_workers(d->a);
		fake_advance(d->a, 1000000000);
		saved = fake_state_save(d->a, n);
	}
	return saved;
}

static void restore_and_go_on(struct state_fuzz *d)
{
	size_t n;
	const uint8_t *saved = save_at_last(d, &n);

	if (!saved)
		return;
	/* It is the same time of day for both. */
	fake_set_realtime(d->b, d->a->now_ns + (uint64_t)d->a->wall_ns);
	const int err = fake_state_load(d->b, saved, n);

	if (err)
		fuzz_fails(d, "its own state is refused (%s): %s", strerror(-err), d->b->message);
	/* What the host restores itself: the levels of the lines that end at an irqchip. */
	for (unsigned i = 0; i < FAKE_IRQ_MAX; i++)
		d->b->pins[i].level = d->a->pins[i].level;
	compare(d, "after the restore");
	for (unsigned i = 0; i < 64; i++)
		if (step(d, true))
			fuzz_fails(d, "a read differs %u steps after the restore", i);
	compare(d, "64 steps after the restore");
}

/* What was corrupted is refused, leaving b alone, or is a state that b can live with. */
static bool restore_corrupted(struct state_fuzz *d)
{
	size_t n;
	const uint8_t *saved = save_at_last(d, &n);

	if (!saved)
		return false;
	uint8_t *bytes = fake_alloc(n + 64);

	memcpy(bytes, saved, n);
	const size_t len = state_corrupt(bytes, n, n + 64, &d->random);
	const bool taken = fake_state_load(d->b, bytes, len) == 0;
	free(bytes);
	fake_state_save(d->b, &n);
	for (unsigned i = 0; i < 16; i++)
		step(d, true);
	return taken;
}

static bool any_line_high(const struct fake_host *f)
{
	for (unsigned i = 0; i < FAKE_IRQ_MAX; i++)
		if (f->lines[i].level)
			return true;
	return false;
}

/* A past for a. Half of them end where a line is high: a device whose lines mostly are low would
 * seldom show that its resume drives none. */
static void live(struct state_fuzz *d)
{
	const bool until_high = draw(d, 2);

	for (uint64_t i = draw(d, draw(d, 4) ? 64 : 512); i > 0; i--) {
		step(d, false);
		if (until_high && any_line_high(d->a))
			return;
	}
}

unsigned fake_state_fuzz(
    const struct volt_plugin *plugin, const char *params, uint64_t seed, unsigned rounds)
{
	struct state_fuzz d = {.seed = seed, .random = seed | 1};
	unsigned taken = 0;

	for (d.round = 0; d.round < rounds; d.round++) {
		d.a = start(plugin, params);
		d.b = start(plugin, params);
		live(&d);
		drain(&d);
		fake_advance(d.b, draw(&d, 1000000000));
		restore_and_go_on(&d);
		for (unsigned i = 0; i < 8; i++)
			taken += restore_corrupted(&d);
		fake_host_destroy(d.a);
		fake_host_destroy(d.b);
	}
	return taken;
}
