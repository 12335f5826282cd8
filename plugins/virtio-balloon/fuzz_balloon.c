/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_balloon - a hostile driver, whose acts are the bytes of an input.
 *
 * The first byte chooses the transport. Each act is a byte and its arguments: lists of pages that
 * are nearly right, reports, statistics, raw descriptors and indices, registers, memory, time,
 * commands, saved states. Then the driver resets the device and sets it up anew; a page must go
 * back, and the pages beside it stay.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fuzz_driver.h>

#define RAM       0x100000u
#define SMALL_RAM 0x10000u
#define PAGES     (RAM + 0xc000u)
#define RING      8u
#define QUEUES    5u
#define FEATURES  (UINT64_C(3) << 28 | UINT64_C(1) << 32 | 0x32)
#define INPUT_MAX 512u

extern const struct volt_plugin volt_plugin_virtio_balloon;

static struct {
	struct fake_host *f;
	struct fake_driver *d;
} devices[2];
static struct fake_host *host;
static struct fake_driver *driver;
static struct fuzz_driver z;

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "%s; last message: %s\n", what, fake_host_message(host));
	abort();
}

static uint64_t next(unsigned bytes)
{
	return fuzz_next(&z, bytes);
}

static void act_pages(void)
{
	const unsigned n = (unsigned)next(1) % 16, q = fuzz_queue(&z);
	const struct fake_segment s = {RAM + 0xb000, n * 4 + (uint32_t)next(1) % 4, false};

	for (unsigned i = 0; i < n; i++)
		volt_put_le32(fake_driver_at(driver, s.gpa + 4ull * i),
		    (uint32_t)(next(1) % 4 ? RAM / 4096 + next(1) % 18 : next(4)));
	if (fake_driver_ring(driver, q)->desc)
		fake_driver_add(driver, q, &s, 1, FAKE_DIRECT);
}

static void act_chain(void)
{
	const unsigned q = fuzz_queue(&z), count = 1 + (unsigned)next(1) % 4;
	struct fake_segment s[4];

	for (unsigned i = 0; i < count; i++)
		s[i] = (struct fake_segment){
		    RAM + next(2) % SMALL_RAM, (uint32_t)next(2), next(1) % 2};
	if (fake_driver_ring(driver, q)->desc)
		fake_driver_add(driver, q, s, count, FAKE_DIRECT);
}

static void act_descriptor(void)
{
	fuzz_act_descriptor(&z);
}

static void act_show(void)
{
	fuzz_act_show(&z);
}

static void act_memory(void)
{
	fuzz_act_memory(&z);
}

static void act_register(void)
{
	fuzz_act_register(&z);
}

static void act_command(void)
{
	char size[16];
	const struct volt_call_arg arg = {"size", size};

	snprintf(size, sizeof(size), "%uK", (unsigned)next(2));
	if (next(1) % 2)
		fake_command(host, "target", &arg, 1);
	else
		fake_command(host, "stats", NULL, 0);
}

static void act_state(void)
{
	fuzz_act_state(&z);
}

static void act(void)
{
	static void (*const acts[])(void) = {act_pages, act_pages, act_chain, act_descriptor,
	    act_show, act_memory, act_register, act_command, act_state};
	const uint64_t which = next(1) % 16;

	if (which < sizeof(acts) / sizeof(acts[0]))
		acts[which]();
	else if (which == 15)
		fake_advance(host, next(4));
	else
		fake_driver_kick(driver, fuzz_queue(&z));
}

static void start(void)
{
	fake_driver_free_all(driver);
	if (!fake_driver_start(driver, FEATURES, QUEUES, RING))
		wrong("the device does not start");
}

static void check_page(void)
{
	const struct fake_segment s = {RAM + 0xb000, 4, false};
	uint32_t head, len;

	memset(fake_driver_at(driver, PAGES), 0x5a, 3 * 4096);
	volt_put_le32(fake_driver_at(driver, s.gpa), PAGES / 4096 + 1);
	fake_driver_add(driver, 0, &s, 1, FAKE_DIRECT);
	fake_driver_kick(driver, 0);
	if (!fake_driver_used(driver, 0, &head, &len))
		wrong("an honest request does not come back");
	if (*fake_driver_at(driver, PAGES + 4096) || *fake_driver_at(driver, PAGES + 8191))
		wrong("its page did not go back");
	if (*fake_driver_at(driver, PAGES + 4095) != 0x5a ||
	    *fake_driver_at(driver, PAGES + 8192) != 0x5a)
		wrong("a page beside it did");
}

static void play(const uint8_t *bytes, size_t n)
{
	z = (struct fuzz_driver){.at = bytes, .end = bytes + n, .ram = RAM, .ram_size = SMALL_RAM};
	const unsigned device = (unsigned)next(1) % 2;

	host = devices[device].f;
	driver = devices[device].d;
	z.host = host;
	z.driver = driver;
	z.queues = QUEUES;
	start();
	while (z.at < z.end)
		act();
	start();
	check_page();
}

/* Little memory: the fake host compares all of it at each callback. */
static void set_up(void)
{
	static const char *const params[] = {"", "transport=pci,deflate-on-oom=off"};

	for (unsigned i = 0; i < 2; i++) {
		host = fake_host_create(&volt_plugin_virtio_balloon);
		if (fake_host_wire(host, params[i]) || fake_host_run(host))
			wrong("the device is not wired");
		devices[i].f = host;
		devices[i].d = fake_driver_create(host, RAM, SMALL_RAM);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (!devices[0].f)
		set_up();
	if (n && n <= INPUT_MAX)
		play(bytes, n);
	return 0;
}
