/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_host - the life of one instance, the host table, and the guard around every
 * call into the plugin.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define FAKE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAKE_ASAN 1
#endif
#endif
#ifdef FAKE_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size)   ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

#include "fake_internal.h"

#define CANARY_BYTE 0xa5

void fake_die(const struct fake_host *f, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "fake host: plugin %s: ", f->plugin->name ? f->plugin->name : "(no name)");
	if (f->inside)
		fprintf(stderr, "in %s: ", f->inside);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void *fake_alloc(size_t size)
{
	void *mem = calloc(1, size);

	if (!mem) {
		fputs("fake host: out of memory\n", stderr);
		abort();
	}
	return mem;
}

/* ----------------------------------------------------------------- guard */

static void *alloc_guarded(size_t size)
{
	uint8_t *mem = fake_alloc(size + FAKE_CANARY);

	memset(mem + size, CANARY_BYTE, FAKE_CANARY);
	ASAN_POISON_MEMORY_REGION(mem + size, FAKE_CANARY);
	return mem;
}

static void check_guard(const struct fake_host *f, const void *mem, size_t size, const char *what)
{
	const uint8_t *canary = (const uint8_t *)mem + size;

	ASAN_UNPOISON_MEMORY_REGION(canary, FAKE_CANARY);
	const bool whole =
	    canary[0] == CANARY_BYTE && memcmp(canary, canary + 1, FAKE_CANARY - 1) == 0;

	for (unsigned i = 0; !whole && i < FAKE_CANARY; i++)
		if (canary[i] != CANARY_BYTE)
			fake_die(f, "wrote at offset %zu of its %s, which has %zu bytes", size + i,
			    what, size);
	ASAN_POISON_MEMORY_REGION(canary, FAKE_CANARY);
}

static void free_guarded(void *mem, size_t size)
{
	ASAN_UNPOISON_MEMORY_REGION((uint8_t *)mem + size, FAKE_CANARY);
	free(mem);
}

static size_t counter_bytes(const struct fake_host *f)
{
	return f->plugin->counter_count * sizeof(uint64_t);
}

void fake_enter(struct fake_host *f, const char *callback)
{
	if (f->inside)
		fake_die(f, "%s was called before %s returned", callback, f->inside);
	if (f->state == FAKE_FINISHED)
		fake_die(f, "%s was called after fini", callback);
	f->inside = callback;
	fake_memory_enter(f);
}

void fake_leave(struct fake_host *f)
{
	check_guard(f, f->self, f->plugin->instance_size, "instance");
	check_guard(f, f->counters, counter_bytes(f), "counters");
	for (unsigned i = 0; i < f->plugin->counter_count; i++) {
		if (f->counters[i] < f->counted[i])
			fake_die(f, "counter %u went down", i);
		f->counted[i] = f->counters[i];
	}
	if (memcmp(&f->host, &f->host_copy, sizeof(f->host)) != 0)
		fake_die(f, "wrote into the host's table");
	fake_memory_leave(f);
	f->inside = NULL;
}

void fake_must_run(const struct fake_host *f, const char *what)
{
	if (f->state != FAKE_RUNNING)
		fake_die(f, "the test calls %s while the VM does not run", what);
}

struct fake_host *fake_of(const struct volt_host *h, const char *function)
{
	if (!h || !h->core) {
		fprintf(
		    stderr, "fake host: %s: the first argument is not a host table\n", function);
		abort();
	}
	struct fake_host *f = h->core;

	if (h != &f->host)
		fake_die(f, "%s: was given a copy of the host table", function);
	if (f->in_validate)
		fake_die(f, "%s: called by validate, which must call nothing", function);
	if (f->state == FAKE_CREATED)
		fake_die(f, "%s: called before init", function);
	if (f->state == FAKE_FINISHED && !f->inside)
		fake_die(f, "%s: called after fini", function);
	return f;
}

struct fake_host *fake_wire_call(const struct volt_host *h, const char *function, int *err)
{
	struct fake_host *f = fake_of(h, function);

	if (f->state >= FAKE_RUNNING) {
		fake_fault_late(f, function);
		*err = -EPERM;
		return f;
	}
	*err = fake_fault_count(f, function);
	return f;
}

/* ----------------------------------------------------------------- table */

static void keep_log(struct fake_host *f, const char *msg)
{
	snprintf(f->logged, sizeof(f->logged), "%s", msg);
	f->log_count++;
}

void fake_note(struct fake_host *f, const char *fmt, ...)
{
	char msg[sizeof(f->logged)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	keep_log(f, msg);
}

static void host_log(const struct volt_host *h, uint32_t level, const char *msg)
{
	struct fake_host *f = fake_of(h, "log");

	if (!msg || level > VOLT_LOG_TRACE)
		fake_die(f, "log: no message, or unknown level %u", level);
	if (strchr(msg, '\n'))
		fake_die(f, "log: newline in \"%s\"", msg);
	keep_log(f, msg);
}

static int host_fail(const struct volt_host *h, int32_t err, const char *msg)
{
	struct fake_host *f = fake_of(h, "fail");

	if (err <= 0 || err > 4095)
		fake_die(f, "fail: %d is not a positive errno", err);
	if (!msg || !*msg || strchr(msg, '\n'))
		fake_die(f, "fail: the message must be one line");
	snprintf(f->message, sizeof(f->message), "%s", msg);
	f->failed = -err;
	return -err;
}

static void host_request(const struct volt_host *h, uint32_t what, uint32_t code, const char *why)
{
	struct fake_host *f = fake_of(h, "ask");

	if (what < VOLT_REQUEST_RESET || what > VOLT_REQUEST_ATTENTION)
		fake_die(f, "request: unknown request %u", what);
	if (what == VOLT_REQUEST_EXIT && code > 255)
		fake_die(f, "ask: exit status %u is above 255", code);
	if (!why || !*why)
		fake_die(f, "ask: says not why");
	f->requests[what] = (struct fake_request){f->requests[what].count + 1, code, why};
}

static const void *host_get_ext(const struct volt_host *h, const char *id)
{
	struct fake_host *f = fake_of(h, "get_ext");

	if (f->state >= FAKE_RUNNING) {
		fake_fault_late(f, "get_ext");
		return NULL;
	}
	if (fake_fault_hides(f, id))
		return NULL;
	if (strcmp(id, VOLT_EXT_LOOP) == 0)
		return &fake_loop;
	if (strcmp(id, VOLT_EXT_STREAM) == 0)
		return &fake_stream;
	if (strcmp(id, VOLT_EXT_DESCRIBE) == 0)
		return &fake_describe;
	if (strcmp(id, VOLT_EXT_WORKER) == 0)
		return &fake_worker;
	if (strcmp(id, VOLT_EXT_URING) == 0)
		return &fake_uring;
	if (strcmp(id, VOLT_EXT_PEERS) == 0)
		return &fake_peers;
	if (strcmp(id, VOLT_EXT_PAGE) == 0)
		return &fake_page;
	if (strcmp(id, VOLT_EXT_REGION) == 0)
		return &fake_region;
	if (strcmp(id, VOLT_EXT_METRICS) == 0)
		return &fake_metrics;
	if (strcmp(id, VOLT_EXT_MEM) == 0 && f->plugin->flags & VOLT_FLAG_GUEST_MEMORY)
		return &fake_mem;
	if (strcmp(id, VOLT_EXT_DISCARD) == 0 && f->plugin->flags & VOLT_FLAG_GUEST_MEMORY)
		return &fake_discard;
	if (strcmp(id, VOLT_EXT_MANAGE) == 0)
		return &fake_manage;
	if (strcmp(id, VOLT_EXT_EVENT) == 0)
		return &fake_event;
	if (strcmp(id, VOLT_EXT_DOORBELL) == 0)
		return &fake_doorbell;
	if (strcmp(id, VOLT_EXT_MSI) == 0)
		return &fake_msi;
	if (strcmp(id, VOLT_EXT_IRQROUTE) == 0 && f->plugin->get_ext &&
	    f->plugin->get_ext(VOLT_EXT_IRQCHIP))
		return &fake_irqroute;
	return NULL;
}

void fake_offer(struct fake_host *f, const char *id, const void *table, void *self)
{
	f->peer.id = id;
	f->peer.table = table;
	f->peer.self = self;
}

int fake_find(const struct volt_host *h, const char *id, struct volt_peer *peer)
{
	int err = 0;
	struct fake_host *f = fake_of(h, "find");

	if (f->state >= FAKE_RUNNING) {
		fake_fault_late(f, "find");
		return -EPERM;
	}
	if (!id || !peer || peer->size < sizeof(*peer) || f->plugin->flags & VOLT_FLAG_BUS)
		err = -EINVAL;
	else if (fake_fault_hides(f, id) || !f->peer.id || strcmp(id, f->peer.id) != 0)
		err = -ENOENT;
	if (err)
		return err;
	peer->table = f->peer.table;
	peer->self = f->peer.self;
	return 0;
}

/* The device's lock is the test's business: it plays the device. */
void fake_call(const struct volt_host *h, const struct volt_host *device,
    void (*call)(void *self, void *arg), void *arg)
{
	struct fake_host *f = fake_of(h, "call");
	struct fake_host *other = fake_of(device, "call");

	if (!(f->plugin->flags & VOLT_FLAG_BUS) || other->plugin->flags & VOLT_FLAG_BUS)
		fake_die(f, "call: only a plugin with VOLT_FLAG_BUS may, and only a device");
	fake_enter(other, "call");
	call(other->self, arg);
	fake_leave(other);
}

static void make_table(struct fake_host *f)
{
	f->host = (struct volt_host){
	    .size = sizeof(f->host),
	    .abi_major = VOLT_ABI_MAJOR,
	    .abi_minor = VOLT_ABI_MINOR,
	    .log_level = VOLT_LOG_TRACE,
	    .core = f,
	    .counters = f->counters,
	    .log = host_log,
	    .fail = host_fail,
	    .add_range = fake_add_range,
	    .add_irq = fake_add_irq,
	    .set_irq = fake_set_irq,
	    .request = host_request,
	    .get_ext = host_get_ext,
	    .place = fake_place,
	    .irq_number = fake_irq_number,
	    .pulse = fake_pulse,
	    .find = fake_find,
	    .call = fake_call,
	};
	f->host_copy = f->host;
}

/* ------------------------------------------------------------------ life */

struct fake_host *fake_host_create(const struct volt_plugin *plugin)
{
	struct fake_host *f = fake_alloc(sizeof(*f));

	f->plugin = plugin;
	fake_check_descriptor(f);
	f->self = alloc_guarded(plugin->instance_size);
	f->counters = alloc_guarded(counter_bytes(f));
	f->counted = fake_alloc(counter_bytes(f) + 1);
	f->now_ns = 1000000000;
	fake_set_realtime(f, FAKE_REALTIME);
	fake_find_state(f);
	fake_find_identified(f);
	fake_find_commands(f);
	make_table(f);
	return f;
}

void fake_host_destroy(struct fake_host *f)
{
	if (!f)
		return;
	bool wired = f->state == FAKE_WIRED || f->state == FAKE_RUNNING;

	if (wired && f->plugin->fini) {
		fake_enter(f, "fini");
		f->plugin->fini(f->self);
		fake_leave(f);
	}
	f->state = FAKE_FINISHED;
	while (f->fd_count)
		close(f->fds[--f->fd_count]);
	while (f->param_peer_count)
		close(f->param_peers[--f->param_peer_count]);
	params_finish(&f->params);
	fake_finish_bus(f);
	fake_finish_streams(f);
	fake_finish_describe(f);
	fake_finish_state(f);
	fake_finish_filter(f);
	fake_finish_peers(f);
	fake_finish_urings(f);
	fake_finish_guest(f);
	fake_finish_pages(f);
	fake_finish_regions(f);
	free_guarded(f->self, f->plugin->instance_size);
	free_guarded(f->counters, counter_bytes(f));
	free(f->counted);
	fake_host_destroy(f->bus);
	free(f);
}

/* The values are a copy that dies with the call: they are valid during init only. */
static int call_init(struct fake_host *f)
{
	size_t bytes = f->plugin->param_count * sizeof(struct volt_value);
	struct volt_value *values = fake_alloc(bytes + 1);
	struct volt_args *args = fake_alloc(sizeof(*args));

	memcpy(values, f->params.values, bytes);
	*args = (struct volt_args){sizeof(*args), sizeof(*values), f->plugin->param_count, values};
	fake_enter(f, "init");
	int err = f->plugin->init(f->self, &f->host, args);

	if (err > 0 || (err && !f->failed))
		fake_die(
		    f, "returned %d without volt_fail(); init returns 0 or what that did", err);
	if (err != f->failed)
		fake_die(f, "returned %d, but volt_fail() returned %d", err, f->failed);
	fake_leave(f);
	free(args);
	free(values);
	return err;
}

static void keep_files(struct fake_host *f)
{
	for (unsigned i = 0; i < f->plugin->param_count; i++) {
		const uint32_t count = params_file_count(f->plugin, f->params.values, i);

		for (uint32_t n = 0; n < count; n++)
			f->fds[f->fd_count++] = f->params.values[i].fd + (int)n;
	}
}

int fake_host_wire(struct fake_host *f, const char *params)
{
	struct params_opener opener = {fake_open, f};

	if (f->state != FAKE_CREATED)
		fake_die(f, "the test wires a host twice");
	int err =
	    params_parse(&f->params, f->plugin, params, &opener, f->message, sizeof(f->message));

	if (err) {
		f->state = FAKE_REFUSED;
		return err;
	}
	keep_files(f);
	fake_pci_offer_if_wanted(f);
	f->state = FAKE_WIRING;
	err = call_init(f);
	f->state = err ? FAKE_REFUSED : FAKE_WIRED;
	if (err)
		return err;
	fake_find_irqchip(f);
	return 0;
}

int fake_host_run(struct fake_host *f)
{
	int err = 0;

	if (f->state != FAKE_WIRED)
		fake_die(f, "the test runs a host that is not wired, or runs it twice");
	err = fake_check_overlap(f);
	if (err)
		return err;
	if (f->bus)
		err = fake_host_run(f->bus);
	if (err)
		return err;
	f->state = FAKE_RUNNING;
	fake_host_reset(f);
	fake_identify(f, VOLT_IDENTITY_BOOTED);
	fake_connect_streams(f);
	if (f->plugin->start) {
		fake_enter(f, "start");
		err = f->plugin->start(f->self);
		if (err > 0)
			fake_die(f, "returned %d; start returns 0 or a negative errno", err);
		fake_leave(f);
	}
	f->started = err == 0;
	return err;
}

void fake_host_reset(struct fake_host *f)
{
	fake_must_run(f, "fake_host_reset");
	if (f->bus)
		fake_host_reset(f->bus);
	if (!f->plugin->reset)
		return;
	fake_enter(f, "reset");
	f->plugin->reset(f->self);
	fake_leave(f);
}
