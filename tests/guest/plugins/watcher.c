/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * watcher - a device for tests: one worker that a socket, a doorbell and run() ask for.
 *
 * Its job reads all that the socket has and sends the byte that waits, if one does: it cannot
 * tell what woke it. Ports, four bytes each:
 *
 *   +0   reads: how many bytes have come
 *   +4   rings, which posts the worker
 *   +8   writes: the byte that the next run sends
 *   +12  reads: 1 once the other side has closed
 *   +16  writes: run(); reads: how often it failed, or returned before a run had ended
 *   +20  reads: runs so far
 */
#include <errno.h>
#include <unistd.h>

#include <volt/draft/doorbell.h>
#include <volt/plugin.h>
#include <volt/worker.h>

#define BASE 0x740u
#define SENT 0x100u /* beside the byte: there is one */

enum { PARAM_SOCKET };

struct watcher {
	const struct volt_host *h;
	const struct volt_worker *workers;
	int fd;
	uint32_t worker, doorbell, errors;
	uint32_t bytes, closed, waiting, runs; /* atomic */
};

static uint32_t load(const uint32_t *field)
{
	return __atomic_load_n(field, __ATOMIC_SEQ_CST);
}

static void read_all(struct watcher *w)
{
	char bytes[16];
	ssize_t n;

	while ((n = read(w->fd, bytes, sizeof(bytes))) > 0)
		__atomic_fetch_add(&w->bytes, (uint32_t)n, __ATOMIC_SEQ_CST);
	if (n == 0)
		__atomic_store_n(&w->closed, 1, __ATOMIC_SEQ_CST);
}

static void work(void *self, uint32_t worker)
{
	struct watcher *w = self;

	read_all(w);
	const uint32_t waiting = __atomic_exchange_n(&w->waiting, 0, __ATOMIC_SEQ_CST);
	const uint8_t byte = (uint8_t)waiting;
	if (waiting != 0 && write(w->fd, &byte, 1) != 1)
		__atomic_store_n(&w->closed, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&w->runs, 1, __ATOMIC_SEQ_CST);
}

static uint64_t port_read(void *self, uint64_t off, uint32_t n)
{
	const struct watcher *w = self;

	switch (off) {
	case 0:
		return load(&w->bytes);
	case 12:
		return load(&w->closed);
	case 16:
		return w->errors;
	case 20:
		return load(&w->runs);
	default:
		return 0;
	}
}

static void port_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct watcher *w = self;

	if (off == 8)
		__atomic_store_n(&w->waiting, SENT | (uint8_t)val, __ATOMIC_SEQ_CST);
	if (off != 16)
		return;
	const uint32_t before = load(&w->runs);
	if (w->workers->run(w->h, w->worker) != 0 || load(&w->runs) == before)
		w->errors++;
}

static int watcher_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct watcher *w = self;
	const struct volt_doorbell *doorbells = h->get_ext(h, VOLT_EXT_DOORBELL);
	const struct volt_range range = {.size = sizeof(range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_4,
	    .base = BASE,
	    .len = 24,
	    .name = "watcher",
	    .read = port_read,
	    .write = port_write};
	struct volt_doorbell_at at = {.size = sizeof(at),
	    .space = VOLT_SPACE_PIO,
	    .width = 4,
	    .address = BASE + 4,
	    .flags = VOLT_DOORBELL_POST};

	w->h = h;
	w->fd = volt_arg(a, PARAM_SOCKET)->fd;
	w->workers = h->get_ext(h, VOLT_EXT_WORKER);
	if (!doorbells || !w->workers || h->add_range(h, &range) != 0 ||
	    w->workers->add(h, "watcher", work, &w->worker) != 0)
		return volt_fail(h, EINVAL, "cannot be wired");
	at.worker = w->worker;
	if (doorbells->add(h, &at, &w->doorbell) != 0)
		return volt_fail(h, EINVAL, "there can be no doorbell");
	int err = w->workers->watch(h, w->worker, w->fd, VOLT_WATCH_READ);
	return err ? volt_fail(h, -err, "its socket cannot be watched") : 0;
}

static void watcher_reset(void *self)
{
}

static const struct volt_param params[] = {
    [PARAM_SOCKET] = {.name = "socket", .type = VOLT_PARAM_SOCKET, .help = "what it watches"},
};

static const struct volt_need needs[] = {
    {.syscall = "read",
	.reason = "reads what came",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 1,
	.tests = {{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_SOCKET}}},
    {.syscall = "write",
	.reason = "sends a byte",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 1,
	.tests = {{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_SOCKET}}},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "watcher",
    .version = "0.1.0",
    .summary = "a worker that watches a socket, for tests",
    .instance_size = sizeof(struct watcher),
    VOLT_PARAMS(params),
    VOLT_NEEDS(needs),
    .init = watcher_init,
    .reset = watcher_reset,
};
