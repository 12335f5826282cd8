/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Guest memory, doorbells and messages of the fake host.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "toy.h"

#include <cmocka.h> /* last: it defines fail() */

#define RAM 0x10000ull

struct dma {
	const struct volt_host *h;
	const struct volt_mem *mem;
	const struct volt_doorbell *doorbell;
	const struct volt_msi *msi;
	uint32_t line, level, number, vector, rung, written;
};

static void dma_rung(void *self, uint32_t doorbell)
{
	struct dma *d = self;

	d->rung += doorbell == d->number;
	d->msi->fire(d->h, d->vector);
}

static void (*on_write)(struct dma *d);

static void dma_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct dma *d = self;

	d->written++;
	if (on_write)
		on_write(d);
}

static struct volt_doorbell_at at(uint64_t address, uint8_t width)
{
	return (struct volt_doorbell_at){.size = sizeof(struct volt_doorbell_at),
	    .width = width,
	    .address = address,
	    .rung = dma_rung};
}

static int dma_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct dma *d = self;
	const struct volt_range r = {.size = sizeof(r),
	    .sizes = VOLT_IO_1 | VOLT_IO_2,
	    .base = 0x80,
	    .len = 4,
	    .name = "dma",
	    .write = dma_write};
	struct volt_doorbell_at where = at(0x80, 2);
	uint32_t n;

	d->h = h;
	d->mem = h->get_ext(h, VOLT_EXT_MEM);
	d->doorbell = h->get_ext(h, VOLT_EXT_DOORBELL);
	d->msi = h->get_ext(h, VOLT_EXT_MSI);
	if (!d->mem)
		return volt_fail(h, ENOTSUP, "no memory");
	assert_int_equal(d->mem->read(h, RAM, &n, 4), -EAGAIN);
	assert_int_equal(d->doorbell->add(h, &where, &d->number), -ENXIO);
	h->add_range(h, &r);
	h->add_irq(h, 5, VOLT_IRQ_EDGE, &d->line);
	h->add_irq(h, 6, VOLT_IRQ_LEVEL, &d->level);
	int err = d->doorbell->add(h, &where, &d->number);
	if (err)
		return volt_fail(h, -err, "refused");
	err = d->msi->alloc(h, 2, &d->vector);
	if (err)
		return volt_fail(h, -err, "refused");
	assert_int_equal(d->doorbell->add(h, &where, &n), -EEXIST);
	where = at(0x83, 2);
	assert_int_equal(d->doorbell->add(h, &where, &n), -ENXIO);
	where = at(0x82, 4);
	assert_int_equal(d->doorbell->add(h, &where, &n), -ENXIO);
	where.flags = 8;
	assert_int_equal(d->doorbell->add(h, &where, &n), -EOPNOTSUPP);
	where = at(0x82, 1);
	where.flags = VOLT_DOORBELL_MATCH;
	where.value = 256;
	assert_int_equal(d->doorbell->add(h, &where, &n), -EINVAL);
	return 0;
}

static struct volt_plugin plugin;
static struct fake_host *f;
static uint8_t *ram;

static int setup(void **state)
{
	plugin = (struct volt_plugin){VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE), .name = "dma",
	    .version = "1", .summary = "Works on memory", .flags = VOLT_FLAG_GUEST_MEMORY,
	    .instance_size = sizeof(struct dma), .init = dma_init};
	on_write = NULL;
	f = fake_host_create(&plugin);
	assert_int_equal(fake_host_wire(f, NULL), 0);
	ram = fake_memory_add(f, RAM, 8192);
	assert_int_equal(fake_host_run(f), 0);
	return 0;
}

static int teardown(void **state)
{
	fake_host_destroy(f);
	return 0;
}

static struct dma *self(void)
{
	return fake_host_self(f);
}

static void memory_is_for_those_who_asked(void **state)
{
	plugin.flags = 0;
	struct fake_host *g = fake_host_create(&plugin);

	assert_int_equal(fake_host_wire(g, NULL), -ENOTSUP);
	fake_host_destroy(g);
}

static void memory_is_checked_at_its_edges(void **state)
{
	const struct volt_mem *m = self()->mem;
	const struct volt_host *h = fake_host_table(f);
	uint8_t bytes[16] = {0};

	assert_int_equal(m->read(h, RAM + 8192 - 16, bytes, 16), 0);
	assert_int_equal(m->read(h, RAM + 8192 - 15, bytes, 16), -EFAULT);
	assert_int_equal(m->write(h, RAM - 1, bytes, 1), -EFAULT);
	assert_int_equal(m->write(h, UINT64_MAX, bytes, 16), -EFAULT);
	assert_int_equal(m->read(h, UINT64_MAX, bytes, 0), 0);
	assert_null(m->map(h, RAM, 8193, true));
	assert_null(m->map(h, RAM, 0, true));
	assert_ptr_equal(m->map(h, RAM + 100, 1, true), ram + 100);
}

static void accessors_load_and_store_little_endian_anywhere(void **state)
{
	uint8_t bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

	assert_int_equal(volt_le16(bytes + 1), 0x0201);
	assert_int_equal(volt_le32(bytes + 1), 0x04030201);
	assert_true(volt_le64(bytes + 1) == 0x0807060504030201);
	volt_put_le16(bytes + 3, 0x1122);
	volt_put_le32(bytes + 5, 0x33445566);
	assert_int_equal(bytes[3], 0x22);
	assert_int_equal(bytes[8], 0x33);
	volt_put_le64(bytes + 7, 0x8899aabbccddeeff);
	assert_int_equal(bytes[14], 0x88);
}

static void a_ring_waits_for_the_loop_and_is_no_write(void **state)
{
	fake_write(f, VOLT_SPACE_PIO, 0x80, 2, 1);
	fake_write(f, VOLT_SPACE_PIO, 0x80, 2, 2);
	assert_int_equal(self()->rung, 0);
	assert_int_equal(fake_ring(f), 1);
	assert_int_equal(self()->rung, 1);
	assert_int_equal(fake_ring(f), 0);
	assert_int_equal(self()->written, 0);
	fake_write(f, VOLT_SPACE_PIO, 0x80, 1, 1);
	assert_int_equal(self()->written, 1);
}

static void messages_are_noted(void **state)
{
	const struct volt_msi *m = self()->msi;
	const struct volt_host *h = fake_host_table(f);
	uint64_t address;
	uint32_t data;

	m->fire(h, self()->vector); /* nothing is set: remembered, once */
	m->fire(h, self()->vector);
	assert_true(m->pending(h, self()->vector) && fake_message_pending(f, 0));
	assert_int_equal(m->set(h, self()->vector + 2, 0xfee00000, 0x41), -EINVAL);
	assert_int_equal(m->set(h, self()->vector, 0xfed00000, 0x41), -EINVAL);
	assert_int_equal(m->set(h, self()->vector, 0xfee00000, 0x0f), -EINVAL);
	assert_int_equal(fake_messages(f, NULL, NULL), 0);
	assert_int_equal(m->set(h, self()->vector, 0xfee01000, 0x41), 0);
	assert_int_equal(fake_messages(f, NULL, NULL), 1);
	assert_false(m->pending(h, self()->vector));
	m->fire(h, self()->vector);
	assert_int_equal(m->inject(h, 0xfee02000, 0x400), 0);
	assert_int_equal(fake_messages(f, &address, &data), 3);
	assert_int_equal(address, 0xfee02000);
	assert_int_equal(data, 0x400);
}

static void irq_fds_are_for_edges_and_may_be_refused(void **state)
{
	const struct volt_doorbell *b = self()->doorbell;
	const struct volt_host *h = fake_host_table(f);
	const uint64_t one = 1;
	const int fd = b->irq_fd(h, self()->line);

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(fake_irq_fd_count(f, 5), 1);
	assert_int_equal(fake_irq_fd_count(f, 5), 0);
	assert_int_equal(b->irq_fd(h, self()->level), -EOPNOTSUPP);
	assert_int_equal(b->irq_fd(h, 5), -EOPNOTSUPP);
	fake_irq_fds_refused(f);
	assert_int_equal(b->irq_fd(h, self()->line), -EOPNOTSUPP);
}

static void every_new_wiring_call_can_fail(void **state)
{
	for (unsigned n = 1; n <= 5; n++) {
		struct fake_host *g = fake_host_create(&plugin);

		if (n >= 4) { /* the add that counts, and alloc */
			fake_host_fail_call(g, n + 1, ENOMEM);
			assert_int_equal(fake_host_wire(g, NULL), -ENOMEM);
		}
		fake_host_destroy(g);
	}
}

static void write_silently(struct dma *d)
{
	uint8_t *p = d->mem->map(d->h, RAM, 16, true);

	p[3]++;
}

static void write_loudly(struct dma *d)
{
	write_silently(d);
	d->mem->dirty(d->h, RAM + 3, 1);
}

static void write_fixed(struct dma *d)
{
	uint8_t *p = d->mem->map(d->h, RAM, 16, false);

	if (memcmp(p, ram, 16) == 0)
		fake_host_fail_call(f, 1, -1); /* aborts: the mapping is the right one */
}

static void touch(void)
{
	fake_out(f, 0x80, 1);
}

static void memory_that_is_written_must_be_said_dirty(void **state)
{
	on_write = write_silently;
	assert_aborts(touch, "wrote guest memory at 0x10003 without dirty()");
	on_write = write_loudly;
	touch();
	assert_int_equal(fake_memory_dirtied(f), 1);
	on_write = write_fixed;
	assert_aborts(touch, "not a positive errno");
}

/* Neither copy is wrong, and the plugin is not blamed for what it did not write. */
static void what_is_read_twice_may_be_two_things(void **state)
{
	const struct volt_host *h = fake_host_table(f);
	uint64_t a, b;
	unsigned differ = 0;

	fake_memory_races(f, 1);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(self()->mem->read(h, RAM + 8, &a, 8), 0);
		memcpy(&b, ram + 8, 8);
		differ += a != b;
	}
	assert_in_range(differ, 20, 80);
	assert_int_equal(fake_memory_dirtied(f), 0);
	assert_int_equal(fake_irq_fd(f, 6), -1);
	assert_int_equal(fake_doorbell_at(f, 0)->width, 2);
	assert_null(fake_doorbell_at(f, 1));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(memory_is_for_those_who_asked),
	    T(memory_is_checked_at_its_edges),
	    T(accessors_load_and_store_little_endian_anywhere),
	    T(a_ring_waits_for_the_loop_and_is_no_write),
	    T(messages_are_noted),
	    T(irq_fds_are_for_edges_and_may_be_refused),
	    T(every_new_wiring_call_can_fail),
	    T(what_is_read_twice_may_be_two_things),
	    T(memory_that_is_written_must_be_said_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
