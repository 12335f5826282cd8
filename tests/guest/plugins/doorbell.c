/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * doorbell - a device for tests: guest memory, doorbells and messages.
 *
 * Ports, four bytes each, which take eight in two pieces:
 *
 *   +0   rings; the loop then adds 1 to the number at `page`, through a mapping
 *   +4   rings if 7 is written; the loop adds 1 to the number at `page` + 4 by copies
 *   +8   a guest address, `page`
 *   +12  the message of the vector that both doorbells fire, if not 0: its data
 *   +16  writes: 1 fires from this vCPU, 2 injects the message, 3 writes the irqfd
 *   +20  reads: what irq_fd() answered, negated, or 0
 *   +24  reads: errors of memory services seen so far; writes: reads beyond RAM
 *   +28  reads: how often `write` was called for a doorbell's address
 *   +32  or-ed to the address of the messages: their destination
 *
 * With workers=N there are N of them, at least three: the first two do what the loop does
 * otherwise, and are posted by the doorbells; a write of `page` runs the third, and counts an error
 * if no run of it that began later has ended then.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <volt/draft/doorbell.h>
#include <volt/draft/msi.h>
#include <volt/memory.h>
#include <volt/plugin.h>
#include <volt/worker.h>

#define BASE    0x720u
#define ADDRESS 0xfee00000u
#define GSI     5u

enum { COUNT_RUNG, COUNT_MATCHED };

struct doorbell {
	const struct volt_host *h;
	const struct volt_mem *mem;
	const struct volt_doorbell *doorbell;
	const struct volt_msi *msi;
	const struct volt_worker *worker;
	uint32_t workers, first, runs;
	uint32_t line, vector, any, seven, page, data, to, errors, called;
	int irq_fd;
};

static void ring_any(struct doorbell *b)
{
	uint8_t *p = b->mem->map(b->h, b->page, 4, true);

	volt_count(b->h, COUNT_RUNG, 1);
	if (!p) {
		b->errors++;
		return;
	}
	volt_put_le32(p, volt_le32(p) + 1);
	b->mem->dirty(b->h, b->page, 4);
}

static void ring_seven(struct doorbell *b)
{
	uint32_t n = 0;

	volt_count(b->h, COUNT_MATCHED, 1);
	if (b->mem->read(b->h, b->page + 4, &n, sizeof(n)) != 0)
		b->errors++;
	n++;
	if (b->mem->write(b->h, b->page + 4, &n, sizeof(n)) != 0)
		b->errors++;
}

static void doorbell_rung(void *self, uint32_t doorbell)
{
	struct doorbell *b = self;

	if (doorbell == b->any)
		ring_any(b);
	else if (doorbell == b->seven)
		ring_seven(b);
	b->msi->fire(b->h, b->vector);
}

static void doorbell_job(void *self, uint32_t worker)
{
	struct doorbell *b = self;

	if (worker == b->first + 2)
		__atomic_fetch_add(&b->runs, 1, __ATOMIC_SEQ_CST);
	else
		doorbell_rung(b, worker == b->first ? b->any : b->seven);
}

static void run_third(struct doorbell *b)
{
	const uint32_t before = __atomic_load_n(&b->runs, __ATOMIC_SEQ_CST);

	if (b->workers == 0)
		return;
	if (b->worker->run(b->h, b->first + 2) != 0 ||
	    __atomic_load_n(&b->runs, __ATOMIC_SEQ_CST) == before)
		b->errors++;
}

static void command(struct doorbell *b, uint32_t what)
{
	const uint64_t one = 1;

	if (what == 1)
		b->msi->fire(b->h, b->vector);
	else if (what == 2 && b->msi->inject(b->h, ADDRESS | b->to, b->data) != 0)
		b->errors++;
	else if (what == 3 && write(b->irq_fd, &one, sizeof(one)) != sizeof(one))
		b->errors++;
}

static void reach_too_far(struct doorbell *b)
{
	uint32_t n = 0;
	const struct volt_mem *m = b->mem;

	b->errors += m->read(b->h, 0xd0000000, &n, 4) == -EFAULT;
	b->errors += m->write(b->h, UINT64_MAX - 1, &n, 4) == -EFAULT;
	b->errors += m->map(b->h, 0, SIZE_MAX, false) == NULL;
	b->errors += m->map(b->h, UINT64_MAX, 1, false) == NULL;
	b->errors += m->map(b->h, 0, 0, false) == NULL;
	b->errors += m->read(b->h, UINT64_MAX, NULL, 0) == 0;
	b->errors += b->msi->set(b->h, b->vector, 0x1000, 0x41) == -EINVAL;
	b->errors += b->msi->set(b->h, b->vector + 3, ADDRESS, 0x41) == -EINVAL;
	b->errors += b->msi->inject(b->h, ADDRESS, 0x341) == -EINVAL;
}

static uint64_t doorbell_read(void *self, uint64_t off, uint32_t n)
{
	const struct doorbell *b = self;

	switch (off) {
	case 20:
		return (uint32_t)(b->irq_fd < 0 ? -b->irq_fd : 0);
	case 24:
		return b->errors;
	case 28:
		return b->called;
	default:
		return 0;
	}
}

static void doorbell_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct doorbell *b = self;

	switch (off) {
	case 0:
	case 4:
		b->called++;
		break;
	case 8:
		b->page = (uint32_t)val;
		run_third(b);
		break;
	case 12:
		b->data = (uint32_t)val;
		b->errors += b->msi->set(b->h, b->vector, val ? ADDRESS | b->to : 0, b->data) != 0;
		break;
	case 32:
		b->to = (uint32_t)val;
		break;
	case 16:
		command(b, (uint32_t)val);
		break;
	case 24:
		reach_too_far(b);
		break;
	}
}

static int add_doorbells(struct doorbell *b)
{
	struct volt_doorbell_at at = {.size = sizeof(at),
	    .space = VOLT_SPACE_PIO,
	    .width = 4,
	    .address = BASE,
	    .rung = b->workers > 0 ? NULL : doorbell_rung,
	    .flags = b->workers > 0 ? VOLT_DOORBELL_POST : 0,
	    .worker = b->first};
	int err = b->doorbell->add(b->h, &at, &b->any);

	if (err)
		return err;
	at.address = BASE + 4;
	at.flags |= VOLT_DOORBELL_MATCH;
	at.worker++;
	at.value = 7;
	return b->doorbell->add(b->h, &at, &b->seven);
}

/* Their handles follow each other. */
static int add_workers(struct doorbell *b)
{
	uint32_t worker;

	for (uint32_t i = 0; i < b->workers; i++) {
		int err = b->worker->add(b->h, "doorbell-worker", doorbell_job, &worker);

		if (err)
			return err;
		if (i == 0)
			b->first = worker;
	}
	return 0;
}

static int doorbell_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct doorbell *b = self;
	const struct volt_range range = {.size = sizeof(range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_4,
	    .flags = VOLT_RANGE_SPLIT,
	    .base = BASE,
	    .len = 36,
	    .name = "doorbell",
	    .read = doorbell_read,
	    .write = doorbell_write};
	uint32_t n;

	b->h = h;
	b->mem = h->get_ext(h, VOLT_EXT_MEM);
	b->doorbell = h->get_ext(h, VOLT_EXT_DOORBELL);
	b->msi = h->get_ext(h, VOLT_EXT_MSI);
	b->worker = h->get_ext(h, VOLT_EXT_WORKER);
	b->workers = (uint32_t)volt_arg(a, 0)->u;
	if (!b->mem || !b->doorbell || !b->msi)
		return volt_fail(h, ENOTSUP, "the host does not offer %s",
		    !b->mem        ? VOLT_EXT_MEM
		    : !b->doorbell ? VOLT_EXT_DOORBELL
				   : VOLT_EXT_MSI);
	if (b->mem->read(h, 0, &n, sizeof(n)) != -EAGAIN || b->mem->map(h, 0, 1, false))
		return volt_fail(h, EINVAL, "there is memory too early");
	if (add_workers(b) != 0 || h->add_range(h, &range) != 0 ||
	    h->add_irq(h, GSI, VOLT_IRQ_EDGE, &b->line) != 0 ||
	    b->msi->alloc(h, 3, &b->vector) != 0 || add_doorbells(b) != 0)
		return volt_fail(h, EINVAL, "cannot be wired");
	return 0;
}

static void doorbell_reset(void *self)
{
	struct doorbell *b = self;

	b->page = b->data = b->to = b->errors = b->called = 0;
	b->errors += b->msi->set(b->h, b->vector, 0, 0) != 0;
}

static int doorbell_start(void *self)
{
	struct doorbell *b = self;

	b->irq_fd = b->doorbell->irq_fd(b->h, b->line);
	return 0;
}

static const struct volt_param params[] = {
    {.name = "workers",
	.def = "0",
	.max = 64,
	.type = VOLT_PARAM_UINT,
	.help = "how many do the work, 0: the loop"},
};

static const struct volt_counter counters[] = {
    [COUNT_RUNG] = {"rung", "calls for the first doorbell"},
    [COUNT_MATCHED] = {"matched", "calls for the second"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "doorbell",
    .version = "0.1.0",
    .summary = "guest memory, doorbells and messages, for tests",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct doorbell),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = doorbell_init,
    .reset = doorbell_reset,
    .start = doorbell_start,
};
