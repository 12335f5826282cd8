/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_pmem - a hostile driver, whose acts are the bytes of an input.
 *
 * The first byte chooses the transport, and whether the file is only read. Each act is a byte and
 * its arguments: requests that are nearly right, raw descriptors and indices, registers, memory,
 * writes to the file's memory, saved states. Then the driver resets the device and sets it up anew;
 * a flush must come back, and the file be as the guest left it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fuzz_driver.h>

#define RAM       0x100000u
#define SMALL_RAM 0x10000u
#define REQUEST   (RAM + 0xb000u)
#define ANSWER    (RAM + 0xc000u)
#define RING      8u
#define FEATURES  (UINT64_C(3) << 28 | UINT64_C(1) << 32)
#define INPUT_MAX 512u

extern const struct volt_plugin volt_plugin_virtio_pmem;

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

/* Not of interest here, and slow. */
int fdatasync(int fd)
{
	return 0;
}

static uint64_t next(unsigned bytes)
{
	return fuzz_next(&z, bytes);
}

static uint64_t start_of_memory(void)
{
	return fake_driver_get(driver, FAKE_REG_CONFIG) |
	       (uint64_t)fake_driver_get(driver, FAKE_REG_CONFIG + 4) << 32;
}

static void act_request(void)
{
	const struct fake_segment s[] = {{REQUEST + next(1) % 4, (uint32_t)next(1) % 8, false},
	    {ANSWER + next(1) % 4, (uint32_t)next(1) % 8, true}};

	volt_put_le32(fake_driver_at(driver, REQUEST), (uint32_t)next(1) % 3);
	if (fake_driver_ring(driver, 0)->desc)
		fake_driver_add(driver, 0, s, 2, next(1) % 2 ? FAKE_INDIRECT : FAKE_DIRECT);
}

static void act_chain(void)
{
	const unsigned count = 1 + (unsigned)next(1) % 4;
	struct fake_segment s[4];

	for (unsigned i = 0; i < count; i++)
		s[i] = (struct fake_segment){
		    next(1) % 4 ? RAM + next(2) % SMALL_RAM : start_of_memory() + next(2),
		    (uint32_t)next(2), next(1) % 2};
	if (fake_driver_ring(driver, 0)->desc)
		fake_driver_add(driver, 0, s, count, FAKE_DIRECT);
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

/* As KVM hands over what a slot that is only read refused. */
static void act_write(void)
{
	fake_write(host, VOLT_SPACE_MMIO, start_of_memory() + next(2) * 8, 1u << next(1) % 4, 1);
}

static void act_state(void)
{
	fuzz_act_state(&z);
}

static void act(void)
{
	static void (*const acts[])(void) = {act_request, act_request, act_chain, act_descriptor,
	    act_show, act_memory, act_register, act_write, act_state};
	const uint64_t which = next(1) % 16;

	if (which < sizeof(acts) / sizeof(acts[0]))
		acts[which]();
	else
		fake_driver_kick(driver, 0);
}

static void start(void)
{
	fake_driver_free_all(driver);
	if (!fake_driver_start(driver, FEATURES, 1, RING))
		wrong("the device does not start");
}

static void check_flush(void)
{
	const struct fake_segment s[] = {{REQUEST, 4, false}, {ANSWER, 4, true}};
	const uint8_t *memory = fake_region_at(host, start_of_memory(), NULL);
	uint32_t head, len;

	volt_put_le32(fake_driver_at(driver, REQUEST), 0);
	volt_put_le32(fake_driver_at(driver, ANSWER), 7);
	fake_driver_add(driver, 0, s, 2, FAKE_DIRECT);
	fake_driver_kick(driver, 0);
	if (!fake_driver_used(driver, 0, &head, &len) || len != 4)
		wrong("an honest request does not come back");
	if (volt_le32(fake_driver_at(driver, ANSWER)) != 0)
		wrong("a flush fails");
	for (unsigned i = 0; i < 4096; i++)
		if (memory[i] != 0x5a)
			wrong("the device wrote to the file");
}

static void play(const uint8_t *bytes, size_t n)
{
	z = (struct fuzz_driver){.at = bytes, .end = bytes + n, .ram = RAM, .ram_size = SMALL_RAM};
	const unsigned device = (unsigned)next(1) % 2;

	host = devices[device].f;
	driver = devices[device].d;
	z.host = host;
	z.driver = driver;
	z.queues = 1;
	start();
	while (z.at < z.end)
		act();
	start();
	check_flush();
}

static void make_file(char *path)
{
	static uint8_t bytes[65536];
	const int fd = mkstemp(path);

	memset(bytes, 0x5a, sizeof(bytes));
	if (fd < 0 || ftruncate(fd, VOLT_REGION_ALIGN) != 0 ||
	    pwrite(fd, bytes, sizeof(bytes), 0) != sizeof(bytes))
		abort();
	close(fd);
}

static void set_up(void)
{
	static const char *const more[] = {"", ",transport=pci,readonly=on"};
	char path[] = "/tmp/volt-pmem-fuzz-XXXXXX", params[96];

	make_file(path);
	for (unsigned i = 0; i < 2; i++) {
		host = fake_host_create(&volt_plugin_virtio_pmem);
		snprintf(params, sizeof(params), "file=%s%s", path, more[i]);
		if (fake_host_wire(host, params) || fake_host_run(host))
			wrong("the device is not wired");
		devices[i].f = host;
		devices[i].d = fake_driver_create(host, RAM, SMALL_RAM);
	}
	unlink(path);
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
