/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * relic - a device that tells of each call that it gets, in the log: "init t0", "write t1".
 *
 * tN is the thread, t0 the one that called init. It uses what ABI 0.1 has, and must always
 * compile against the headers of 0.1: tests/abi/museum keeps what came of it.
 *
 *   base + 0   a read gives how many calls there were; a write of v is noted as "write v"
 *   base + 1   a write arms the timer for now
 *   base + 2   a write posts the worker's job
 *   base + 3   a write sends the byte to the stream; a read takes one received
 *   base + 4   a write ends the VM with that status
 *   base + 5   a write raises (1) or lowers (0) the line
 *
 * The operator's attention arms the timer and posts the job as well.
 */
#include <errno.h>
#include <string.h>

#include <volt/attention.h>
#include <volt/describe.h>
#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/stream.h>
#include <volt/worker.h>

enum { PARAM_BASE, PARAM_IRQ, PARAM_FAR, PARAM_FAIL, PARAM_ROWS };
enum { FAIL_NEVER, FAIL_INIT, FAIL_START };
enum { COUNT_CALLS, COUNT_ROWS };
enum { REG_CALLS, REG_TIMER, REG_WORKER, REG_STREAM, REG_EXIT, REG_LINE, REG_ROWS };

#define THREAD_MAX 8u

struct relic {
	const struct volt_host *h;
	const struct volt_loop *loop;
	const struct volt_stream *stream;
	const struct volt_worker *worker;
	uint32_t line, timer, far, job, fail;
	uint64_t calls;
	uintptr_t threads[THREAD_MAX]; /* in the order in which they were first seen */
	uint8_t received;
};

static unsigned thread_number(struct relic *r)
{
	uintptr_t mine;

	__asm__("mov %%fs:0, %0" : "=r"(mine)); /* differs in each thread; no system call */
	for (unsigned i = 0; i < THREAD_MAX; i++) {
		uintptr_t free_slot = 0;

		if (__atomic_compare_exchange_n(&r->threads[i], &free_slot, mine, false,
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
		    free_slot == mine)
			return i;
	}
	return THREAD_MAX;
}

static void tell(struct relic *r, const char *what, uint64_t value)
{
	__atomic_fetch_add(&r->calls, 1, __ATOMIC_SEQ_CST);
	volt_count(r->h, COUNT_CALLS, 1);
	volt_log(
	    r->h, VOLT_LOG_INFO, "%s %llu t%u", what, (unsigned long long)value, thread_number(r));
}

static uint64_t relic_read(void *self, uint64_t off, uint32_t n)
{
	struct relic *r = self;

	tell(r, "read", off);
	return off == REG_STREAM ? r->received : r->calls;
}

static void relic_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct relic *r = self;
	uint8_t byte = (uint8_t)val;

	tell(r, "write", off);
	if (off == REG_TIMER)
		r->loop->arm(r->h, r->timer, r->loop->now(r->h));
	if (off == REG_WORKER)
		r->worker->post(r->h, r->job);
	if (off == REG_STREAM)
		r->stream->tx(r->h, r->far, &byte, 1);
	if (off == REG_EXIT)
		r->h->request(r->h, VOLT_REQUEST_EXIT, byte, "the relic was told so");
	if (off == REG_LINE)
		r->h->set_irq(r->h, r->line, byte != 0);
}

static void relic_fire(void *self)
{
	tell(self, "timer", 0);
}

#if VOLT_ABI_MINOR < 3
static void relic_job(void *self)
#else /* told its worker */
static void relic_job(void *self, uint32_t worker)
#endif
{
	tell(self, "job", 0);
}

static void relic_rx(void *self, uint32_t stream, const uint8_t *bytes, size_t n)
{
	struct relic *r = self;

	r->received = bytes[n - 1];
	tell(r, "rx", n);
}

static void relic_event(void *self, uint32_t stream, uint32_t event)
{
	tell(self, "event", event);
}

static const struct volt_stream_ops ops = {
    .size = sizeof(ops), .rx = relic_rx, .event = relic_event};

static int describe(struct relic *r, uint64_t base)
{
	const struct volt_describe *d = r->h->get_ext(r->h, VOLT_EXT_DESCRIBE);
	struct volt_acpi_device device = {.size = sizeof(device), .hid = "VOLT0001"};

	device.resource_count = 1;
	device.resources[0] =
	    (struct volt_resource){.type = VOLT_RES_PIO, .base = base, .len = REG_ROWS};
	return d ? d->device(r->h, &device) : -ENOSYS;
}

static int find_services(struct relic *r)
{
	r->loop = r->h->get_ext(r->h, VOLT_EXT_LOOP);
	r->stream = r->h->get_ext(r->h, VOLT_EXT_STREAM);
	r->worker = r->h->get_ext(r->h, VOLT_EXT_WORKER);
	if (!r->loop || !r->stream || !r->worker)
		return volt_fail(r->h, ENOSYS, "this host lacks a service of ABI 0.1");
	return 0;
}

static int add_all(struct relic *r, const struct volt_range *range, uint32_t irq)
{
	int err = find_services(r);

	if (err)
		return err;
	err = r->h->add_range(r->h, range);
	if (err)
		return err;
	err = r->h->add_irq(r->h, irq, VOLT_IRQ_EDGE, &r->line);
	if (err)
		return err;
	err = r->loop->add_timer(r->h, relic_fire, &r->timer);
	if (err)
		return err;
	err = r->worker->add(r->h, "relic-job", relic_job, &r->job);
	if (err)
		return err;
	err = r->stream->attach(r->h, r->far, &ops);
	return err ? err : describe(r, range->base);
}

static int relic_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct relic *r = self;
	const struct volt_range range = {
	    .size = sizeof(range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .base = volt_arg(a, PARAM_BASE)->u,
	    .len = REG_ROWS,
	    .name = "registers",
	    .read = relic_read,
	    .write = relic_write,
	};

	r->h = h;
	r->far = (uint32_t)volt_arg(a, PARAM_FAR)->u;
	r->fail = (uint32_t)volt_arg(a, PARAM_FAIL)->u;
	tell(r, "init", 0);
	const int err = add_all(r, &range, (uint32_t)volt_arg(a, PARAM_IRQ)->u);
	if (err)
		return volt_fail(h, -err, "wiring failed");
	return r->fail == FAIL_INIT ? volt_fail(h, EIO, "told to fail in init") : 0;
}

static void relic_reset(void *self)
{
	tell(self, "reset", 0);
}

static int relic_start(void *self)
{
	struct relic *r = self;

	tell(r, "start", 0);
	r->stream->set_room(r->h, r->far, 1);
	return r->fail == FAIL_START ? -EIO : 0;
}

static void relic_fini(void *self)
{
	tell(self, "fini", 0);
}

static void relic_attention(void *self)
{
	struct relic *r = self;

	tell(r, "attention", 0);
	r->loop->arm(r->h, r->timer, r->loop->now(r->h));
	r->worker->post(r->h, r->job);
}

static const struct volt_attention attention = {
    .size = sizeof(attention), .attention = relic_attention};

static const void *relic_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_ATTENTION) == 0 ? &attention : NULL;
}

static const struct volt_param params[PARAM_ROWS] = {
    [PARAM_BASE] =
	{
	    .name = "base",
	    .type = VOLT_PARAM_UINT,
	    .def = "0x6f0",
	    .help = "first port",
	    .min = 1,
	    .max = 0xfff0,
	},
    [PARAM_IRQ] =
	{
	    .name = "irq",
	    .type = VOLT_PARAM_UINT,
	    .def = "10",
	    .help = "interrupt line",
	    .max = 23,
	},
    [PARAM_FAR] =
	{
	    .name = "far",
	    .type = VOLT_PARAM_STREAM,
	    .def = "null",
	    .help = "the peer",
	},
    [PARAM_FAIL] =
	{
	    .name = "fail",
	    .type = VOLT_PARAM_ENUM,
	    .def = "never",
	    .choices = "never|init|start",
	    .help = "where to fail",
	},
};

static const struct volt_counter counters[COUNT_ROWS] = {
    [COUNT_CALLS] = {"calls", "calls of this device"}};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "relic",
    .version = "1",
    .summary = "tells of every call",
    .instance_size = sizeof(struct relic),
    .param_stride = sizeof(params[0]),
    .param_count = PARAM_ROWS,
    .params = params,
    .counter_stride = sizeof(counters[0]),
    .counter_count = COUNT_ROWS,
    .counters = counters,
    .init = relic_init,
    .reset = relic_reset,
    .start = relic_start,
    .fini = relic_fini,
    .get_ext = relic_get_ext,
};
