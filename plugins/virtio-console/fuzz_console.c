/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_console - a hostile driver, whose acts are the bytes of an input, and restless peers.
 *
 * The first byte chooses a device: the console alone, one with ports, one over PCI. Each act is a
 * byte and its arguments: control messages that are nearly right, chains, raw descriptors and
 * indices, registers, memory, peers that come, leave, send and take nothing, time, commands,
 * saved states. Then the driver resets the device and sets it up anew; the console must carry bytes
 * both ways, and each port of the device with ports be added, named and opened.
 */
#include "test_virtio-console.h"

#include <fuzz_driver.h>

#define INPUT_MAX 512u
#define SMALL_RAM 0x8000u

enum { ALONE, SEVERAL, BUS, DEVICES };

static const struct {
	const char *params;
	unsigned queues, streams;
	uint64_t features;
} kinds[DEVICES] = {
    {"", 2, 5, SIZE},
    {"port1=unix:/a,name1=a,port4=stdio", 12, 5, SIZE | MULTIPORT},
    {"port1=unix:/a,transport=pci", 6, 5, MULTIPORT},
};

/* One host for each: inputs come one after the other, as drivers of one VM would. */
static struct {
	struct fake_host *f;
	struct fake_driver *d;
} devices[DEVICES];
static unsigned device;

static struct fuzz_driver z;

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "device %u: %s; last message: %s\n", device, what, fake_host_message(host));
	abort();
}

/* -------------------------------------------------------------------- arguments */

static uint64_t next(unsigned bytes)
{
	return fuzz_next(&z, bytes);
}

static uint32_t stream(void)
{
	return (uint32_t)next(1) % kinds[device].streams;
}

/* ------------------------------------------------------------------------- acts */

static void act_chain(void)
{
	const unsigned q = fuzz_queue(&z), count = 1 + (unsigned)next(1) % 4;
	struct fake_segment s[4];

	for (unsigned i = 0; i < count; i++)
		s[i] = (struct fake_segment){
		    RAM + 0x6000 + next(1), (uint32_t)next(1) * 16, next(1) % 2};
	if (fake_driver_ring(driver, q)->desc)
		fake_driver_add(driver, q, s, count, FAKE_DIRECT);
}

static void act_control(void)
{
	const struct fake_segment s = {RAM + 0x7f00, (uint32_t)next(1) % 12, false};
	uint8_t *m = fake_driver_at(driver, s.gpa);

	volt_put_le32(m, (uint32_t)next(1) % 8);
	volt_put_le16(m + 4, (uint16_t)(next(1) % 9));
	volt_put_le16(m + 6, (uint16_t)(next(1) % 3));
	if (kinds[device].queues > 2 && fake_driver_ring(driver, CONTROL_TRANSMIT)->desc)
		fake_driver_add(driver, CONTROL_TRANSMIT, &s, 1, FAKE_DIRECT);
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

static void act_state(void)
{
	fuzz_act_state(&z);
}

static void act_register(void)
{
	fuzz_act_register(&z);
}

static void act_peer(void)
{
	const uint32_t s = stream();
	uint8_t bytes[64];

	switch (next(1) % 6) {
	case 0:
		fake_stream_event(host, s, VOLT_STREAM_CONNECTED);
		return;
	case 1:
		fake_stream_event(host, s, VOLT_STREAM_DISCONNECTED);
		return;
	case 2:
		fake_stream_limit(host, s, next(1));
		return;
	case 3:
		fake_stream_event(host, s, (uint32_t)next(1) % 6);
		return;
	default:
		memset(bytes, (int)next(1), sizeof(bytes));
		if (fake_stream_connected(host, s) && fake_stream_pump(host, s) == 0)
			fake_stream_feed(host, s, bytes, 1 + next(1) % sizeof(bytes));
	}
}

static void act_command(void)
{
	char columns[8];
	const struct volt_call_arg args[] = {{"columns", columns}, {"rows", "9"}};

	snprintf(columns, sizeof(columns), "%u", (unsigned)next(2));
	if (next(1) % 2)
		fake_command(host, "resize", args, 2);
	else
		fake_command(host, "ports", NULL, 0);
}

static void act(void)
{
	static void (*const acts[])(void) = {act_chain, act_chain, act_control, act_control,
	    act_descriptor, act_show, act_memory, act_register, act_peer, act_peer, act_command,
	    act_state};
	const uint64_t which = next(1) % 16;

	if (which < sizeof(acts) / sizeof(acts[0]))
		acts[which]();
	else if (which == 15)
		fake_advance(host, next(4));
	else
		fake_driver_kick(driver, fuzz_queue(&z));
}

/* ------------------------------------------------------------------ what must hold */

static void start(void)
{
	fake_driver_free_all(driver);
	if (!fake_driver_start(
		driver, kinds[device].features | LIBRARY, kinds[device].queues, RING))
		wrong("the device does not start");
	if (kinds[device].queues > 2)
		give(CONTROL_RECEIVE, RING);
}

static void connect_all(void)
{
	for (uint32_t s = 0; s < kinds[device].streams; s++) {
		fake_stream_limit(host, s, SIZE_MAX);
		fake_stream_clear(host, s);
	}
	fake_stream_event(host, 0, VOLT_STREAM_DISCONNECTED);
	fake_stream_event(host, 0, VOLT_STREAM_CONNECTED);
}

static bool hears_of(uint32_t port, uint16_t event)
{
	struct said s;
	bool found = false;

	while (hears(&s))
		found |= s.port == port && s.event == event;
	return found;
}

static void check_ports(void)
{
	control(0, DEVICE_READY, 1);
	if (!hears_of(1, DEVICE_ADD))
		wrong("a port is not added");
	control(0, PORT_READY, 1);
	if (!hears_of(0, CONSOLE_PORT))
		wrong("the console is not told");
	control(0, PORT_OPEN, 1);
}

/* What came before and was not read may still be there, in front. */
static void check_input(void)
{
	uint32_t n;
	const uint8_t *bytes;
	uint8_t last = 0;

	give(0, RING);
	fake_stream_pump(host, 0);
	fake_stream_feed(host, 0, "!", 1);
	for (unsigned i = 0; i < 64; i++) {
		fake_stream_pump(host, 0);
		bytes = guest_gets(0, &n);
		if (bytes && n)
			last = bytes[n - 1];
		else if (fake_stream_pump(host, 0) == 0)
			break;
	}
	if (last != '!')
		wrong("the console's input does not come");
}

static void check_output(void)
{
	size_t n;

	if (!guest_sends(1, "hello", 5))
		wrong("the console's chain does not come back");
	const char *text = fake_stream_output(host, 0, &n);

	if (n != 5 || memcmp(text, "hello", 5) != 0)
		wrong("the console's output does not come");
}

static void play(const uint8_t *bytes, size_t n)
{
	z = (struct fuzz_driver){.at = bytes, .end = bytes + n, .ram = RAM, .ram_size = SMALL_RAM};
	device = (unsigned)next(1) % DEVICES;
	host = devices[device].f;
	driver = devices[device].d;
	z.host = host;
	z.driver = driver;
	z.queues = kinds[device].queues;
	start();
	while (z.at < z.end)
		act();
	connect_all();
	start();
	if (kinds[device].queues > 2)
		check_ports();
	check_output();
	check_input();
}

/* Little memory: the fake host compares all of it at each callback. */
static void set_up(void)
{
	for (device = 0; device < DEVICES; device++) {
		host = fake_host_create(&volt_plugin_virtio_console);
		if (fake_host_wire(host, kinds[device].params) || fake_host_run(host))
			wrong("the device is not wired");
		devices[device].f = host;
		devices[device].d = fake_driver_create(host, RAM, SMALL_RAM);
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
