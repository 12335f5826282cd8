/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtio over PCI (virtio 4.1): structures, notifications, vectors, and what a guest can do to
 * a function. Cases of both transports are in test_virtio.c and test_virtio_rings.c.
 */
#include "test_virtio.h"

#define COMMON 1u
#define NOTIFY 2u
#define DEVICE 4u

#define COMMAND 4u
#define BAR     0x10u

#define CONFIG_VECTOR 0x10u
#define QUEUE_VECTOR  0x1au
#define NO_VECTOR     0xffffu

static uint64_t part(void **state, unsigned kind)
{
	return fake_driver_part(((struct bench *)*state)->d, kind);
}

static uint32_t mem(void **state, uint64_t at, uint32_t n)
{
	return (uint32_t)fake_read(((struct bench *)*state)->f, VOLT_SPACE_MMIO, at, n);
}

static void put_mem(void **state, uint64_t at, uint32_t n, uint32_t val)
{
	fake_write(((struct bench *)*state)->f, VOLT_SPACE_MMIO, at, n, val);
}

static uint64_t table(void **state)
{
	struct fake_host *f = ((struct bench *)*state)->f;
	const uint32_t at = fake_pci_find(f, 0x11, 0);

	return (fake_pci_read(f, BAR, 4) & ~0xfu) + (fake_pci_read(f, at + 4, 4) & ~7u);
}

static uint64_t pending(void **state)
{
	struct fake_host *f = ((struct bench *)*state)->f;
	const uint32_t at = fake_pci_find(f, 0x11, 0);

	return (fake_pci_read(f, BAR, 4) & ~0xfu) + (fake_pci_read(f, at + 8, 4) & ~7u);
}

/* ------------------------------------------------------------- structures */

/* virtio 4.1.2 and 4.1.2.1. */
static void the_function_is_a_modern_device(void **state)
{
	struct fake_host *f = ((struct bench *)*state)->f;

	assert_int_equal(fake_pci_read(f, 0, 4), 0x10401af4 + (TOY_ID << 16));
	assert_true(fake_pci_read(f, 8, 1) >= 1);
	assert_true(fake_pci_read(f, 0x2e, 2) >= 0x40);
	assert_int_equal(fake_pci_read(f, 0x0e, 1), 0);
	assert_int_equal(fake_pci_read(f, 0x3d, 1), 0); /* no pin */
	assert_int_equal(fake_pci_read(f, 6, 2) & 0x10, 0x10);
}

/* virtio 4.1.4: each kind once, wholly in its BAR, and none on another. */
static void each_structure_is_there_once(void **state)
{
	struct fake_host *f = ((struct bench *)*state)->f;
	unsigned seen = 0;

	for (unsigned i = 0;; i++) {
		const uint32_t at = fake_pci_find(f, 9, i);

		if (!at)
			break;
		const uint32_t kind = fake_pci_read(f, at + 3, 1);

		assert_true(fake_pci_read(f, at + 2, 1) >= (kind == 2 || kind == 5 ? 20 : 16));
		assert_int_equal(seen & 1u << kind, 0);
		seen |= 1u << kind;
		assert_true(fake_pci_read(f, at + 8, 4) + fake_pci_read(f, at + 12, 4) <= 0x4000);
	}
	assert_int_equal(seen, 0x3e);
}

/* Every byte of configuration space written with ones and zeroes: what identifies it stays. */
static void what_identifies_it_cannot_be_written(void **state)
{
	struct bench *b = *state;
	uint8_t before[256];

	for (unsigned i = 0; i < 256; i++)
		before[i] = (uint8_t)fake_pci_read(b->f, i, 1);
	for (unsigned i = 0; i < 256; i++) {
		if ((i >= BAR && i < BAR + 4) || i == COMMAND || i == COMMAND + 1 || i == 0x3c)
			continue;
		fake_pci_write(b->f, i, 1, 0xff);
		fake_pci_write(b->f, i, 1, 0);
	}
	const uint32_t msix = fake_pci_find(b->f, 0x11, 0);

	fake_pci_write(b->f, msix + 2, 2, 0x8000);
	for (unsigned i = 0; i < 256; i++)
		if (fake_pci_read(b->f, i, 1) != before[i])
			fail_msg("byte 0x%x changed", i);
	assert_true(recovers(b));
}

/* virtio 4.1.4.3: fields by their own width; others are not answered. */
static void common_fields_have_their_own_widths(void **state)
{
	struct bench *b = *state;
	const uint64_t at = part(state, COMMON);

	assert_int_equal(mem(state, at + 0x12, 2), 2);
	assert_int_equal(mem(state, at + 0x14, 1), 15);
	for (uint32_t n = 1; n <= 4; n *= 2) {
		for (uint32_t off = 0; off < 0x40; off++) {
			if (off == 0x14 && n == 1)
				continue; /* the status: another case */
			if ((off == CONFIG_VECTOR || off == QUEUE_VECTOR) && n == 2)
				continue;
			put_mem(state, at + off, n, 0);
			(void)mem(state, at + off, n);
		}
	}
	assert_int_equal(mem(state, at + 0x14, 1), 15);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(mem(state, at + 0x14, 4), 0);
	assert_int_equal(mem(state, at + 0x12, 1), 0);
}

/* A live queue reads back what runs, in halves and as a whole. */
static void addresses_are_read_in_halves(void **state)
{
	struct bench *b = *state;
	const struct fake_ring *r = fake_driver_ring(b->d, 0);
	const uint64_t at = part(state, COMMON);

	put_mem(state, at + 0x16, 2, 0);
	assert_int_equal(mem(state, at + 0x20, 4), r->desc);
	assert_int_equal(mem(state, at + 0x24, 4), 0);
	assert_int_equal(fake_read(b->f, VOLT_SPACE_MMIO, at + 0x28, 8), r->avail);
	assert_int_equal(mem(state, at + 0x1e, 2), 0);
	put_mem(state, at + 0x16, 2, 1);
	assert_int_equal(mem(state, at + 0x1e, 2), 1);
}

/* virtio 4.1.4.3.2: a driver must not write 0. */
static void a_queue_cannot_be_disabled(void **state)
{
	struct bench *b = *state;
	const uint64_t at = part(state, COMMON);

	put_mem(state, at + 0x16, 2, 0);
	put_mem(state, at + 0x1c, 2, 0);
	assert_int_equal(mem(state, at + 0x1c, 2), 1);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
}

static void a_queue_that_is_not_there_has_size_0(void **state)
{
	const uint64_t at = part(state, COMMON);

	for (uint32_t q = 2; q < 0x10000; q = q * 2 + 1) {
		put_mem(state, at + 0x16, 2, q);
		assert_int_equal(mem(state, at + 0x18, 2), 0);
		put_mem(state, at + QUEUE_VECTOR, 2, 1);
		assert_int_equal(mem(state, at + QUEUE_VECTOR, 2), NO_VECTOR);
		assert_int_equal(mem(state, at + 0x20, 4), 0);
	}
}

/* virtio 4.1.4.5: a read clears it. */
static void isr_is_cleared_by_a_read(void **state)
{
	struct bench *b = *state;

	volt_virtio_config_changed(&b->toy->v);
	assert_int_equal(fake_driver_get(b->d, FAKE_REG_ISR), 2);
	assert_int_equal(fake_driver_get(b->d, FAKE_REG_ISR), 0);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(
	    fake_driver_get(b->d, FAKE_REG_ISR), 0); /* MSI-X: queues say nothing here */
}

/* ------------------------------------------------------------ notifications */

/* virtio 4.1.5.2, and each queue at its own place. */
static void only_its_own_number_at_its_own_place_rings(void **state)
{
	struct bench *b = *state;
	const uint64_t at = part(state, NOTIFY);

	fake_run_workers(b->f);
	for (uint32_t off = 0; off < 0x800; off++) {
		for (uint32_t n = 1; n <= 4; n *= 2) {
			for (uint32_t q = 0; q < 3; q++) {
				const bool right = n == 2 && q < 2 && off == 4 * q;

				put_mem(state, at + off, n, q);
				assert_int_equal(fake_run_workers(b->f), right);
			}
		}
	}
	put_mem(state, at, 4, 0x10000);
	assert_int_equal(fake_run_workers(b->f), 0);
}

/* ------------------------------------------------------------------ vectors */

static uint32_t newest_vector(struct bench *b)
{
	uint32_t data;

	fake_messages(b->f, NULL, &data);
	return data - 0x30;
}

static void each_queue_has_a_vector_and_so_has_the_configuration(void **state)
{
	struct bench *b = *state;

	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(newest_vector(b), 1);
	assert_true(echo_works(b, 1, FAKE_DIRECT));
	assert_int_equal(newest_vector(b), 2);
	volt_virtio_config_changed(&b->toy->v);
	assert_int_equal(newest_vector(b), 0);
}

/* virtio 4.1.5.1.2.1: one that is not there reads back as none. */
static void a_vector_that_is_not_there_reads_as_none(void **state)
{
	static const uint32_t bad[] = {3, 4, 0x7fff, 0xfffe, 0xffff};
	struct bench *b = *state;
	const uint64_t at = part(state, COMMON);
	const unsigned before = fake_driver_interrupts(b->d);

	put_mem(state, at + 0x16, 2, 0);
	for (unsigned i = 0; i < 5; i++) {
		put_mem(state, at + QUEUE_VECTOR, 2, 1);
		put_mem(state, at + QUEUE_VECTOR, 2, bad[i]);
		assert_int_equal(mem(state, at + QUEUE_VECTOR, 2), NO_VECTOR);
		put_mem(state, at + CONFIG_VECTOR, 2, bad[i]);
		assert_int_equal(mem(state, at + CONFIG_VECTOR, 2), NO_VECTOR);
	}
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	volt_virtio_config_changed(&b->toy->v);
	assert_int_equal(fake_driver_interrupts(b->d), before);
	fake_driver_reset(b->d);
	assert_int_equal(mem(state, at + QUEUE_VECTOR, 2), NO_VECTOR);
	assert_true(recovers(b));
}

/* PCI 6.8.2.9 and 6.8.2.4. */
static void a_masked_vector_is_pending_until_it_is_unmasked(void **state)
{
	struct bench *b = *state;
	const uint64_t entry = table(state) + 16;
	const unsigned before = fake_driver_interrupts(b->d);

	put_mem(state, entry + 12, 4, 1);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(fake_driver_interrupts(b->d), before);
	assert_int_equal(mem(state, pending(state), 4), 2);
	put_mem(state, pending(state), 4, 0); /* not the driver's to write */
	assert_int_equal(mem(state, pending(state), 4), 2);
	put_mem(state, entry + 8, 4, 0x77);
	put_mem(state, entry + 12, 4, 0);
	assert_int_equal(fake_driver_interrupts(b->d), before + 1);
	assert_int_equal(newest_vector(b), 0x77 - 0x30);
	assert_int_equal(mem(state, pending(state), 4), 0);
}

static void a_masked_function_is_pending_too(void **state)
{
	struct bench *b = *state;
	const uint32_t msix = fake_pci_find(b->f, 0x11, 0);
	const unsigned before = fake_driver_interrupts(b->d);

	fake_pci_write(b->f, msix + 2, 2, 0xc000);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_true(echo_works(b, 1, FAKE_DIRECT));
	assert_int_equal(fake_driver_interrupts(b->d), before);
	assert_int_equal(mem(state, pending(state), 4), 6);
	fake_pci_write(b->f, msix + 2, 2, 0x8000);
	assert_int_equal(fake_driver_interrupts(b->d), before + 2);
}

/* Without MSI-X there is the ISR byte, and no interrupt (virtio 4.1.4.5.1). */
static void without_msix_causes_are_in_the_isr(void **state)
{
	struct bench *b = *state;
	const uint32_t msix = fake_pci_find(b->f, 0x11, 0);
	const unsigned before = fake_driver_interrupts(b->d);

	fake_pci_write(b->f, msix + 2, 2, 0);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(fake_driver_get(b->d, FAKE_REG_ISR), 1);
	fake_pci_write(b->f, msix + 2, 2, 0x8000);
	assert_int_equal(fake_driver_interrupts(b->d), before);
}

static void messages_to_nobody_are_not_sent(void **state)
{
	static const uint32_t bad[][3] = {{0, 0, 0x31}, {RAM, 0, 0x31}, {0xfee00000, 1, 0x31},
	    {0xfed00000, 0, 0x31}, {0xfef00000, 0, 0x31}, {0xfee00000, 0, 1},
	    {0xfee00000, 0, 0x231}};
	struct bench *b = *state;
	const uint64_t entry = table(state) + 16;
	const unsigned before = fake_driver_interrupts(b->d);

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_mem(state, entry + 12, 4, 1);
		for (unsigned k = 0; k < 3; k++)
			put_mem(state, entry + 4 * k, 4, bad[i][k]);
		put_mem(state, entry + 12, 4, 0);
		assert_true(echo_works(b, 0, FAKE_DIRECT));
		assert_int_equal(fake_driver_interrupts(b->d), before);
		assert_int_equal(mem(state, pending(state), 4), 0);
	}
	put_mem(state, entry + 12, 4, 1);
	assert_int_equal(mem(state, pending(state), 4), 0); /* lost, and not kept */
}

static void entries_are_words(void **state)
{
	const uint64_t at = table(state);

	for (uint32_t off = 0; off < 48; off++) {
		put_mem(state, at + off, 1, 0xff);
		put_mem(state, at + off, 2, 0xffff);
		if (off % 4)
			put_mem(state, at + off, 4, 0xffffffff);
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(mem(state, at + 16 * i, 4), 0xfee00000);
		assert_int_equal(mem(state, at + 16 * i + 8, 4), 0x30 + i);
		put_mem(state, at + 16 * i + 12, 4, 0xfffffffe);
		assert_int_equal(mem(state, at + 16 * i + 12, 4), 0);
	}
	fake_write(((struct bench *)*state)->f, VOLT_SPACE_MMIO, at, 8, 0xfee01003);
	assert_int_equal(mem(state, at, 4), 0xfee01000);
	assert_true(echo_works(*state, 0, FAKE_DIRECT));
}

/* ----------------------------------------------------- what a guest turns off */

/* PCI 6.2.2, bit 2. */
static void without_bus_master_nothing_is_read_or_written(void **state)
{
	struct bench *b = *state;
	const unsigned before = fake_driver_interrupts(b->d);
	const uint64_t dirtied = fake_memory_dirtied(b->f);
	uint32_t head, len;

	fake_pci_write(b->f, COMMAND, 2, 2);
	assert_false(echo_works(b, 0, FAKE_DIRECT));
	volt_virtio_config_changed(&b->toy->v);
	assert_int_equal(fake_memory_dirtied(b->f), dirtied);
	assert_int_equal(fake_driver_interrupts(b->d), before);
	fake_pci_write(b->f, COMMAND, 2, 6); /* the device looks again by itself */
	fake_run_workers(b->f);
	assert_true(fake_driver_used(b->d, 0, &head, &len));
	assert_int_equal(fake_driver_interrupts(b->d), before + 2);
}

/* PCI 6.2.2, bit 1. */
static void without_decoding_registers_read_as_ones(void **state)
{
	struct bench *b = *state;
	const uint64_t at = part(state, COMMON);

	fake_pci_write(b->f, COMMAND, 2, 4);
	assert_int_equal(mem(state, at + 0x14, 1), 0xff);
	put_mem(state, at + 0x14, 1, 0);
	put_mem(state, table(state) + 12, 4, 1);
	fake_pci_write(b->f, COMMAND, 2, 6);
	assert_int_equal(mem(state, at + 0x14, 1), 15);
	assert_int_equal(mem(state, table(state) + 12, 4), 0);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
}

/* PCI 6.2.5.1. */
static void a_bar_tells_its_size(void **state)
{
	struct bench *b = *state;
	const uint32_t home = fake_pci_read(b->f, BAR, 4);

	fake_pci_write(b->f, BAR, 4, 0xffffffff);
	assert_int_equal(fake_pci_read(b->f, BAR, 4), 0xffffc000);
	for (unsigned i = 1; i < 6; i++) {
		fake_pci_write(b->f, BAR + 4 * i, 4, 0xffffffff);
		assert_int_equal(fake_pci_read(b->f, BAR + 4 * i, 4), 0);
	}
	fake_pci_write(b->f, 0x30, 4, 0xffffffff); /* no expansion ROM */
	assert_int_equal(fake_pci_read(b->f, 0x30, 4), 0);
	fake_pci_write(b->f, BAR, 4, home);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
}

/* The device is used where the guest has put it, doorbells and table included. */
static void a_bar_can_be_moved(void **state)
{
	struct bench *b = *state;
	const uint32_t home = fake_pci_read(b->f, BAR, 4);

	fake_pci_write(b->f, BAR, 4, 0xe0100000);
	assert_int_equal(mem(state, home + 0x14u, 1), 0xff);
	assert_int_equal(mem(state, 0xe0100014, 1), 15);
	assert_int_equal(mem(state, 0xe0103fff, 1), 0);
	assert_int_equal(mem(state, 0xe0104000, 1), 0xff);
	put_mem(state, table(state) + 16 + 8, 4, 0x44);
	fake_driver_destroy(b->d);
	b->d = fake_driver_create(b->f, RAM + RAM_SIZE, RAM_SIZE);
	assert_true(recovers(b));
	fake_pci_write(b->f, BAR, 4, home);
	assert_int_equal(mem(state, 0xe0100014, 1), 0xff);
	assert_int_equal(mem(state, home + 0x14u, 1), 15);
}

/* Memory, the local APIC, and what the bridge does not pass on. */
static void a_bar_elsewhere_answers_nowhere(void **state)
{
	static const uint32_t bad[] = {
	    0, RAM, 0xdfffc000, 0xe7fff000, 0xe8004000, 0xfee00000, 0xffffc000};
	struct bench *b = *state;
	const uint32_t home = fake_pci_read(b->f, BAR, 4);
	uint8_t *ram = fake_driver_at(b->d, RAM);

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const uint8_t before = ram[0x14];

		fake_pci_write(b->f, BAR, 4, bad[i]);
		assert_int_equal(mem(state, home + 0x14u, 1), 0xff);
		put_mem(state, home + 0x14u, 1, 0);
		assert_int_equal(ram[0x14], before);
	}
	fake_pci_write(b->f, BAR, 4, home);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
}

/* ------------------------------------------- the window in configuration space */

static uint32_t window(void **state)
{
	struct fake_host *f = ((struct bench *)*state)->f;

	for (unsigned i = 0;; i++) {
		const uint32_t at = fake_pci_find(f, 9, i);

		if (!at || fake_pci_read(f, at + 3, 1) == 5)
			return at;
	}
}

static void aim(void **state, uint32_t bar, uint32_t off, uint32_t len)
{
	struct fake_host *f = ((struct bench *)*state)->f;
	const uint32_t at = window(state);

	fake_pci_write(f, at + 4, 1, bar);
	fake_pci_write(f, at + 8, 4, off);
	fake_pci_write(f, at + 12, 4, len);
}

/* virtio 4.1.4.9, with the memory not decoded. */
static void the_window_reaches_registers(void **state)
{
	struct bench *b = *state;
	const uint32_t data = window(state) + 16;

	fake_pci_write(b->f, COMMAND, 2, 4);
	aim(state, 0, 0x14, 1);
	assert_int_equal(fake_pci_read(b->f, data, 1), 15);
	aim(state, 0, 0x12, 2);
	assert_int_equal(fake_pci_read(b->f, data, 2), 2);
	aim(state, 0, 0x1000, 4);
	assert_int_equal(fake_pci_read(b->f, data, 4), 0x04030201);
	aim(state, 0, 0x14, 1);
	fake_pci_write(b->f, data, 1, 0);
	assert_int_equal(fake_pci_read(b->f, data, 1), 0);
	fake_pci_write(b->f, COMMAND, 2, 6);
	assert_true(recovers(b));
}

static void the_window_kicks(void **state)
{
	struct bench *b = *state;

	fake_run_workers(b->f);
	aim(state, 0, 0x804, 2);
	fake_pci_write(b->f, window(state) + 16, 2, 1);
	assert_int_equal(fake_run_workers(b->f), 1);
	fake_pci_write(b->f, window(state) + 16, 2, 0);
	assert_int_equal(fake_run_workers(b->f), 0);
}

static void a_window_that_is_aimed_badly_does_nothing(void **state)
{
	static const uint32_t bad[][3] = {{1, 0x14, 1}, {6, 0x14, 1}, {255, 0x14, 1}, {0, 0x14, 0},
	    {0, 0x14, 3}, {0, 0x14, 5}, {0, 0x14, 8}, {0, 0x14, 0xffffffff}, {0, 0x4000, 1},
	    {0, 0x3ffe, 4}, {0, 0xffffffff, 1}, {0, 0xfffffffc, 4}, {0, 0x15, 2}, {0, 0x13, 4}};
	struct bench *b = *state;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		aim(state, bad[i][0], bad[i][1], bad[i][2]);
		for (uint32_t n = 1; n <= 4; n *= 2) {
			fake_pci_write(b->f, window(state) + 16, n, 0);
			(void)fake_pci_read(b->f, window(state) + 16, n);
		}
		assert_int_equal(mem(state, part(state, COMMON) + 0x14, 1), 15);
	}
	assert_true(echo_works(b, 0, FAKE_DIRECT));
}

/* ------------------------------------------------------------------- states */

static void a_restored_function_is_where_it_was(void **state)
{
	struct bench *b = *state;
	size_t n;

	fake_pci_write(b->f, BAR, 4, 0xe0100000);
	put_mem(state, table(state) + 16 + 12, 4, 1);
	put_mem(state, 0xe0100800, 2, 0);
	fake_driver_show(b->d, 0, 0);
	fake_driver_put(b->d, fake_driver_ring(b->d, 0)->desc, 0, RAM, 4, 0, 0);
	fake_run_workers(b->f);
	assert_int_equal(mem(state, pending(state), 4), 2);
	const uint8_t *bytes = fake_state_save(b->f, &n);

	fake_host_reset(b->f);
	assert_int_equal(fake_pci_read(b->f, COMMAND, 2), 0);
	assert_int_equal(fake_state_load(b->f, bytes, n), 0);
	assert_int_equal(mem(state, 0xe0100014, 1), 15);
	assert_int_equal(mem(state, pending(state), 4), 2);
	const unsigned before = fake_driver_interrupts(b->d);

	put_mem(state, table(state) + 16 + 12, 4, 0);
	assert_int_equal(fake_driver_interrupts(b->d), before + 1);
}

static void a_state_with_another_identity_is_refused(void **state)
{
	struct bench *b = *state;
	size_t n;
	const uint8_t id[] = {0xf4, 0x1a, 0x7f, 0x10};
	const uint8_t *saved = fake_state_save(b->f, &n);
	uint8_t *bytes = malloc(n);

	memcpy(bytes, saved, n);
	uint8_t *at = memmem(bytes, n, id, sizeof(id));

	assert_non_null(at);
	at[0] ^= 1;
	assert_true(fake_state_load(b->f, bytes, n) < 0);
	free(bytes);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
}

/* --------------------------------------------------------------- the choice */

static void pci_without_a_bus_is_refused_and_auto_is_mmio(void **state)
{
	static const struct volt_peer none;
	struct fake_host *f = fake_host_create(&volt_plugin_toy_virtio);

	fake_offer(f, "com.example.other/1", NULL, (void *)(uintptr_t)&none);
	assert_int_equal(fake_host_wire(f, "transport=pci"), -ENOENT);
	assert_non_null(strstr(fake_host_message(f), "--plugin pci"));
	fake_host_destroy(f);
	f = fake_host_create(&volt_plugin_toy_virtio);
	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_int_equal(fake_device_count(f), 1);
	fake_host_destroy(f);
}

static void auto_is_pci_with_a_bus(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_toy_virtio);

	fake_pci_offer(f);
	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_true(fake_pci_is_there(f));
	assert_int_equal(fake_device_count(f), 0);
	fake_host_destroy(f);
	f = fake_host_create(&volt_plugin_toy_virtio);
	fake_pci_offer(f);
	assert_int_equal(fake_host_wire(f, "transport=mmio"), 0);
	assert_false(fake_pci_is_there(f));
	fake_host_destroy(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(the_function_is_a_modern_device),
	    T(each_structure_is_there_once),
	    T(what_identifies_it_cannot_be_written),
	    T(common_fields_have_their_own_widths),
	    T(addresses_are_read_in_halves),
	    T(a_queue_cannot_be_disabled),
	    T(a_queue_that_is_not_there_has_size_0),
	    T(isr_is_cleared_by_a_read),
	    T(only_its_own_number_at_its_own_place_rings),
	    T(each_queue_has_a_vector_and_so_has_the_configuration),
	    T(a_vector_that_is_not_there_reads_as_none),
	    T(a_masked_vector_is_pending_until_it_is_unmasked),
	    T(a_masked_function_is_pending_too),
	    T(without_msix_causes_are_in_the_isr),
	    T(messages_to_nobody_are_not_sent),
	    T(entries_are_words),
	    T(without_bus_master_nothing_is_read_or_written),
	    T(without_decoding_registers_read_as_ones),
	    T(a_bar_tells_its_size),
	    T(a_bar_can_be_moved),
	    T(a_bar_elsewhere_answers_nowhere),
	    T(the_window_reaches_registers),
	    T(the_window_kicks),
	    T(a_window_that_is_aimed_badly_does_nothing),
	    T(a_restored_function_is_where_it_was),
	    T(a_state_with_another_identity_is_refused),
	    cmocka_unit_test(pci_without_a_bus_is_refused_and_auto_is_mmio),
	    cmocka_unit_test(auto_is_pci_with_a_bus),
	};
#undef T
	return cmocka_run_group_tests(tests, use_pci, NULL);
}
