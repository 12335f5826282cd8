/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_net - a hostile driver, whose acts are the bytes of an input, and a peer without manners.
 *
 * The first byte chooses a device: on a tap, on one with three queues, on a socket, over PCI; the
 * next ones the features. Each act is a byte and its arguments: commands that are nearly right,
 * frames of either side, chains, raw descriptors and indices, registers, memory, the operator's
 * commands, saved states. Then the driver resets the device and sets it up anew; a command must be
 * answered, and a frame must pass each way.
 */
#include "test_virtio-net.h"

#include <fuzz_driver.h>

#define INPUT_MAX 512u
#define SMALL_RAM 0x4000u
#define RING      8u
#define FRAME     (RAM + 0x3800) /* of the honest driver */
#define ROOM      (RAM + 0x3000)
#define SAID      (RAM + 0x3f00)
#define HONEST    (BOTH | CONTROLS)

enum { PLAIN, SEVERAL, STREAM, BUS, DEVICES };

static const struct {
	const char *params;
	unsigned queues, peers;
} kinds[DEVICES] = {
    {"tap=tap0", 3, 1},
    {"tap=tap0,queues=3,mtu=9000", 7, 3},
    {"socket=unix:/passt", 3, 1},
    {"tap=tap0,transport=pci", 3, 1},
};

/* One host for each: inputs come one after the other, as drivers of one VM would. */
static struct {
	struct fake_host *f;
	struct fake_driver *d;
} devices[DEVICES];
static unsigned device;
static struct fake_host *net_host;
static struct fake_driver *net_driver;

static struct fuzz_driver z;

static _Noreturn void wrong(const char *what)
{
	fprintf(
	    stderr, "device %u: %s; last message: %s\n", device, what, fake_host_message(net_host));
	abort();
}

/* The kernel of a tap takes all that it is told. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	va_start(args, request);
	const unsigned long arg = va_arg(args, unsigned long);
	va_end(args);
	if (request == TUNSETOFFLOAD || request == TUNSETQUEUE)
		return 0;
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

void fill(uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(seed + i);
}

bool is_filled(const uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != (uint8_t)(seed + i))
			return false;
	return true;
}

/* -------------------------------------------------------------------- arguments */

static uint64_t next(unsigned bytes)
{
	return fuzz_next(&z, bytes);
}

static int peer_end(void)
{
	return fake_param_peer(net_host, (unsigned)next(1) % kinds[device].peers);
}

static void put_bytes(uint64_t gpa, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		*fake_driver_at(net_driver, gpa + i) = (uint8_t)next(1);
}

/* ------------------------------------------------------------------------- acts */

static void act_chain(void)
{
	const unsigned q = fuzz_queue(&z), count = 1 + (unsigned)next(1) % 4;
	struct fake_segment s[4];

	for (unsigned i = 0; i < count; i++)
		s[i] = (struct fake_segment){
		    RAM + 0x2000 + next(1), (uint32_t)next(1) * 8, next(1) % 2};
	if (fake_driver_ring(net_driver, q)->desc)
		fake_driver_add(net_driver, q, s, count, FAKE_DIRECT);
}

static void act_command(void)
{
	const unsigned q = next(1) % 4 ? kinds[device].queues - 1 : 2;
	const unsigned n = (unsigned)next(1) % 24;
	const struct fake_segment s[] = {
	    {SAID, 2, false}, {SAID + 2, n, false}, {SAID + 99, 1, true}};

	*fake_driver_at(net_driver, SAID) = (uint8_t)(next(1) % 7);
	*fake_driver_at(net_driver, SAID + 1) = (uint8_t)(next(1) % 7);
	put_bytes(SAID + 2, n);
	if (fake_driver_ring(net_driver, q)->desc)
		fake_driver_add(net_driver, q, s, 3, FAKE_DIRECT);
	fake_driver_kick(net_driver, q);
}

static void act_send(void)
{
	const unsigned q = fuzz_queue(&z) | 1u;
	const uint32_t n = (uint32_t)next(1) * 8;
	const struct fake_segment s[] = {{RAM + 0x2800, HEADER, false}, {RAM + 0x2810, n, false}};

	put_bytes(RAM + 0x2800, HEADER);
	if (q < kinds[device].queues && fake_driver_ring(net_driver, q)->desc)
		fake_driver_add(net_driver, q, s, 2, FAKE_DIRECT);
}

static void act_far(void)
{
	static uint8_t bytes[HEADER + 4096];
	const int fd = peer_end();
	const size_t n = 1 + next(2) % (sizeof(bytes) - 1), head = next(1) % 40;

	for (size_t i = 0; i < head; i++)
		bytes[i] = (uint8_t)next(1);
	if (send(fd, bytes, n < head ? head : n, MSG_DONTWAIT) < 0)
		while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
}

static void act_ready(void)
{
	const unsigned q = fuzz_queue(&z);
	const struct volt_value *v = fake_host_values(net_host);
	const int first = v[0].fd >= 0 ? v[0].fd : v[1].fd;

	if (q + 1 < kinds[device].queues)
		fake_file_ready(net_host, q, first + (int)(q / 2));
	fake_run_workers(net_host);
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

static void act_operator(void)
{
	const struct volt_call_arg up = {"state", "up"}, down = {"state", "down"};
	const struct volt_call_arg rates[] = {{"ops", "2"}, {"burst-ops", "2"}};

	switch (next(1) % 4) {
	case 0:
		fake_command(net_host, "link", &down, 1);
		return;
	case 1:
		fake_command(net_host, "link", &up, 1);
		return;
	case 2:
		fake_command(net_host, "rate", rates, 2);
		return;
	default:
		fake_advance(net_host, next(4));
	}
}

static void act_state(void)
{
	fuzz_act_state(&z);
}

static void act(void)
{
	static void (*const acts[])(void) = {act_chain, act_command, act_command, act_send, act_far,
	    act_far, act_ready, act_ready, act_descriptor, act_show, act_memory, act_register,
	    act_operator, act_state};
	const uint64_t which = next(1) % 16;

	if (which < sizeof(acts) / sizeof(acts[0]))
		acts[which]();
	else
		fake_driver_kick(net_driver, fuzz_queue(&z));
}

/* ------------------------------------------------------------------ what must hold */

static void start(uint64_t features)
{
	fake_driver_free_all(net_driver);
	if (!fake_driver_start(net_driver, features, kinds[device].queues, RING))
		wrong("the device does not start");
}

static void clear_far(void)
{
	static uint8_t bytes[65536];

	for (unsigned i = 0; i < kinds[device].peers; i++)
		while (recv(fake_param_peer(net_host, i), bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			fake_run_workers(net_host);
}

static void clear_all(void)
{
	const struct volt_call_arg up = {"state", "up"};

	clear_far();
	fake_command(net_host, "link", &up, 1);
	fake_command(net_host, "rate", NULL, 0);
	for (unsigned i = 0; i < 8 && fake_run_workers(net_host); i++)
		clear_far();
}

static void check_command(void)
{
	const struct fake_segment s[] = {{SAID, 3, false}, {SAID + 99, 1, true}};
	uint32_t head, len;

	memset(fake_driver_at(net_driver, SAID), 0, 3); /* not promiscuous */
	*fake_driver_at(net_driver, SAID + 2) = 1;
	*fake_driver_at(net_driver, SAID + 99) = 7;
	fake_driver_add(net_driver, 2, s, 2, FAKE_DIRECT);
	fake_driver_kick(net_driver, 2);
	if (!fake_driver_used(net_driver, 2, &head, &len) || len != 1 ||
	    *fake_driver_at(net_driver, SAID + 99))
		wrong("a command is not carried out");
}

static void check_sent(void)
{
	const struct fake_segment s = {FRAME, HEADER + 60, false};
	const size_t head_length = device == STREAM ? 4 : HEADER;
	uint8_t got[4096];
	uint32_t head, len;

	memset(fake_driver_at(net_driver, FRAME), 0, HEADER);
	fill(fake_driver_at(net_driver, FRAME + HEADER), 60, 3);
	fake_driver_add(net_driver, TX, &s, 1, FAKE_DIRECT);
	fake_driver_kick(net_driver, TX);
	if (!fake_driver_used(net_driver, TX, &head, &len))
		wrong("a frame that was sent does not come back");
	const ssize_t n = recv(fake_param_peer(net_host, 0), got, sizeof(got), MSG_DONTWAIT);

	if (n < 60 || (size_t)n != head_length + 60 || !is_filled(got + head_length, 60, 3))
		wrong("a frame is not sent");
}

/* Not from a stream: who tells it a wrong length waits for as many bytes. */
static void check_received(void)
{
	const struct fake_segment s = {ROOM, 2048, true};
	static uint8_t packet[HEADER + 60];
	uint32_t head = 0, len = 0;

	fill(packet + HEADER, 60, 9);
	if (send(fake_param_peer(net_host, 0), packet, sizeof(packet), MSG_DONTWAIT) < 0)
		wrong("the peer cannot send");
	for (unsigned i = 0; i < 600; i++) { /* frames of before may come first */
		fake_driver_add(net_driver, RX, &s, 1, FAKE_DIRECT);
		fake_driver_kick(net_driver, RX);
		if (!fake_driver_used(net_driver, RX, &head, &len))
			break;
		if (len == HEADER + 60 &&
		    is_filled(fake_driver_at(net_driver, ROOM + HEADER), 60, 9))
			return;
	}
	wrong("a frame does not come");
}

static void play(const uint8_t *bytes, size_t n)
{
	z = (struct fuzz_driver){.at = bytes, .end = bytes + n, .ram = RAM, .ram_size = SMALL_RAM};
	device = (unsigned)next(1) % DEVICES;
	net_host = devices[device].f;
	net_driver = devices[device].d;
	z.host = net_host;
	z.driver = net_driver;
	z.queues = kinds[device].queues;
	const uint64_t chosen = next(4) | next(1) << 54;

	start((chosen & fake_driver_offered(net_driver)) | LIBRARY);
	while (z.at < z.end)
		act();
	clear_all();
	start(HONEST);
	check_command();
	clear_all();
	check_sent();
	if (device != STREAM)
		check_received();
}

/* Little memory: the fake host compares all of it at each callback. */
static void set_up(void)
{
	for (device = 0; device < DEVICES; device++) {
		net_host = fake_host_create(&volt_plugin_virtio_net);
		if (device == BUS)
			fake_pci_offer(net_host);
		if (fake_host_wire(net_host, kinds[device].params) || fake_host_run(net_host))
			wrong("the device is not wired");
		devices[device].f = net_host;
		devices[device].d = fake_driver_create(net_host, RAM, SMALL_RAM);
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
