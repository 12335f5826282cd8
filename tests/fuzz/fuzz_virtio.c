/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_virtio - a hostile driver for libvolt-virtio, whose acts are the bytes of an input.
 *
 * The first byte chooses the transport. Each act is a byte and its arguments: registers at any
 * offset and width, configuration space, the MSI-X table, BARs that move, descriptors and indices,
 * memory, kicks, changes of the device's configuration, saved states. A device that may not use
 * memory must leave it alone. Then the driver puts the function back to where it was, resets the
 * device, sets it up anew, and one honest request on each queue must be answered, with an
 * interrupt.
 */
#include <stdio.h>
#include <stdlib.h>

#include <fuzz_driver.h>

#include <sdk/common/state.h>
#include <sdk/virtio/test_virtio.h>

#define INPUT_MAX 512u

#define COMMAND 4u
#define BAR     0x10u
#define MASTER  4u

enum { MMIO, PCI, TRANSPORTS };

/* One host for each: inputs come one after the other, as drivers of one VM would. */
static struct bench *benches[TRANSPORTS];
static struct bench *b;
static bool is_pci;
static uint32_t home; /* of BAR 0 */

static struct fuzz_driver z;

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "%s: %s; last message: %s\n", is_pci ? "pci" : "mmio", what,
	    fake_host_message(b->f));
	abort();
}

/* -------------------------------------------------------------------- arguments */

static uint64_t next(unsigned bytes)
{
	return fuzz_next(&z, bytes);
}

static uint32_t width(void)
{
	return 1u << next(1) % 4;
}

/* Now and then the device's own range. */
static uint64_t address(void)
{
	return next(1) % 8 == 0 ? fake_range(b->f, 0)->base + next(2) : fuzz_address(&z);
}

/* A number as registers have them: small, one bit, an address, or anything. */
static uint64_t value(void)
{
	switch (next(1) % 4) {
	case 0:
		return next(1) % 16;
	case 1:
		return UINT64_C(1) << next(1) % 64;
	case 2:
		return address();
	default:
		return next(4);
	}
}

/* ------------------------------------------------------------------------- acts */

/* The structures lie at multiples of 0x400 or at the start; most bytes between answer nothing. */
static uint64_t register_at(void)
{
	static const uint64_t parts[] = {
	    0, 0, 0, 0x50, 0x100, 0x400, 0x800, 0x1000, 0x2000, 0x3000};
	const struct volt_range *r = fake_range(b->f, 0);
	const uint64_t off = parts[next(1) % (sizeof(parts) / sizeof(parts[0]))] + next(1);

	return r->base + off % r->len;
}

static void act_read(void)
{
	const uint64_t at = register_at();

	(void)fake_read(b->f, VOLT_SPACE_MMIO, at, width());
}

static void act_write(void)
{
	const uint64_t at = register_at();
	const uint32_t n = width();

	fake_write(b->f, VOLT_SPACE_MMIO, at, n, value());
}

static void act_register(void)
{
	static const uint32_t registers[] = {FAKE_REG_DEVICE_SELECT, FAKE_REG_DRIVER_SELECT,
	    FAKE_REG_DRIVER_FEATURES, FAKE_REG_QUEUE_SELECT, FAKE_REG_QUEUE_SIZE,
	    FAKE_REG_QUEUE_READY, FAKE_REG_QUEUE_NOTIFY, FAKE_REG_ISR_ACK, FAKE_REG_STATUS,
	    FAKE_REG_QUEUE_DESC, FAKE_REG_QUEUE_DRIVER, FAKE_REG_QUEUE_DEVICE};
	const uint32_t reg = registers[next(1) % (sizeof(registers) / sizeof(registers[0]))];

	fake_driver_set(b->d, reg, (uint32_t)value());
}

static void act_config(void)
{
	const uint32_t n = 1u << next(1) % 3, off = (uint32_t)next(1) & ~(n - 1);

	if (!is_pci)
		return;
	if (next(1) & 1)
		fake_pci_write(b->f, off, n, (uint32_t)value());
	else
		(void)fake_pci_read(b->f, off, n);
}

/* Memory, master and MSI-X, each as the input says; the BAR at home, or moved. */
static void act_function(void)
{
	const uint32_t bits = (uint32_t)next(1);

	if (!is_pci)
		return;
	fake_pci_write(b->f, COMMAND, 2, bits & 6);
	fake_pci_write(b->f, fake_pci_find(b->f, 0x11, 0) + 2, 2, (bits & 0x60) << 9);
	if (bits & 0x10)
		fake_pci_write(b->f, BAR, 4, bits & 8 ? home : 0xe0000000 | (uint32_t)next(4));
}

static void act_moved(void)
{
	const uint64_t at = 0xe0000000 + next(2);
	const uint32_t n = width();

	if (!is_pci)
		return;
	fake_pci_write(b->f, BAR, 4, 0xe0000000);
	fake_write(b->f, VOLT_SPACE_MMIO, at, n, value());
	(void)fake_read(b->f, VOLT_SPACE_MMIO, at, n);
}

static void act_descriptor(void)
{
	const struct fake_ring *r = fake_driver_ring(b->d, next(1) & 1);

	if (!r->size)
		return;
	const unsigned i = (unsigned)next(1) % r->size;
	const uint64_t at = address();
	const uint32_t len = (uint32_t)value();

	fake_driver_put(
	    b->d, r->desc, i, at, len, (uint16_t)(next(1) % 8), (uint16_t)(next(1) % 9));
}

static void act_show(void)
{
	fuzz_act_show(&z);
}

static void act_request(void)
{
	const unsigned q = next(1) & 1;
	const struct fake_segment s[] = {
	    {address(), (uint32_t)next(1), false}, {address(), (uint32_t)next(1), true}};

	if (fake_driver_ring(b->d, q)->size)
		fake_driver_add(b->d, q, s, 2, FAKE_DIRECT);
}

static void act_memory(void)
{
	const uint64_t off = next(2) % RAM_SIZE;

	*fake_driver_at(b->d, RAM + off) = (uint8_t)next(1);
}

/* Who is no bus master, or is reset, writes nothing. */
static void act_run(void)
{
	const bool quiet =
	    (is_pci && !(fake_pci_read(b->f, COMMAND, 2) & MASTER)) || !(b->toy->v.status & 4);
	const uint64_t before = fake_memory_dirtied(b->f);

	fake_run_workers(b->f);
	if (quiet && fake_memory_dirtied(b->f) != before)
		wrong("it wrote memory that it may not use");
}

static void act_changed(void)
{
	volt_virtio_config_changed(&b->toy->v);
	b->toy->busy = next(1) & 1;
}

static void act_save(void)
{
	size_t n;
	const uint8_t *saved = fake_state_save(b->f, &n);
	uint64_t random = next(2) | 1;
	uint8_t *bytes = malloc(n + 64);

	if (!bytes)
		abort();
	memcpy(bytes, saved, n);
	if (random & 2)
		n = state_corrupt(bytes, n, n + 64, &random);
	fake_host_reset(b->f); /* as the host does before a restore */
	fake_state_load(b->f, bytes, n);
	free(bytes);
}

static void act_start(void)
{
	fake_driver_free_all(b->d);
	fake_driver_start(b->d, value() | VOLT_VIRTIO_F_VERSION_1, 2, 8);
}

static void (*const acts[])(void) = {act_read, act_write, act_register, act_register, act_config,
    act_function, act_moved, act_descriptor, act_show, act_request, act_memory, act_run, act_run,
    act_changed, act_save, act_start};

/* ----------------------------------------------------------------------- the end */

static void bring_home(void)
{
	if (!is_pci)
		return;
	fake_pci_write(b->f, BAR, 4, home);
	fake_driver_find(b->d);
	if (fake_pci_read(b->f, 0, 4) != (0x10401af4 | TOY_ID << 16))
		wrong("it is another function now");
}

static void play(const uint8_t *bytes, size_t n)
{
	z = (struct fuzz_driver){
	    .at = bytes, .end = bytes + n, .ram = RAM, .ram_size = RAM_SIZE, .queues = 2};
	is_pci = next(1) & 1;
	b = benches[is_pci ? PCI : MMIO];
	z.host = b->f;
	z.driver = b->d;
	while (z.at < z.end)
		acts[next(1) % (sizeof(acts) / sizeof(acts[0]))]();
	b->toy->busy = false;
	bring_home();
	fake_run_workers(b->f);
	fake_driver_reset(b->d);
	memset(fake_driver_at(b->d, RAM), 0, RAM_SIZE);
	const unsigned before = fake_driver_interrupts(b->d);

	if (!recovers(b))
		wrong("an honest driver is not served");
	if (fake_driver_interrupts(b->d) != before + 2)
		wrong("two requests did not make two interrupts");
}

static void set_up(void)
{
	use_mmio(NULL);
	benches[MMIO] = bench_open();
	use_pci(NULL);
	benches[PCI] = bench_open();
	home = fake_pci_read(benches[PCI]->f, BAR, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (!benches[MMIO])
		set_up();
	if (n && n <= INPUT_MAX)
		play(bytes, n);
	return 0;
}
