/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * net - a hostile driver of virtio-net, and a hostile peer, whose acts are the bytes of an
 * input.
 *
 * The first byte chooses a tap or a stream, the second one the features. Each act is a byte and its
 * arguments: buffers, frames with any header, raw descriptors and indices, memory, registers,
 * bytes of the peer, commands, time, saved states. Then the driver starts anew, and one honest
 * frame must pass each way.
 */
#include <errno.h>
#include <linux/if_tun.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fuzz_driver.h>

#include "cover.h"

#define RAM      0x100000u
#define RAM_SIZE 0x8000u /* little: the fake host compares all of it at each callback */
#define FRAMES   (RAM + 0x2000)
#define HEADER   12u
#define RX       0u
#define TX       1u
#define RING     16u

/* Of the library, and of a card: MTU, MAC, mergeable buffers, status. */
#define BASE (UINT64_C(3) << 28 | UINT64_C(1) << 32 | 0x18028u)
/* Sums and segments, both ways. */
#define OFFLOADS (UINT64_C(0x3b83) | UINT64_C(7) << 54)

extern const struct volt_plugin volt_plugin_virtio_net;

enum { TAP, STREAM, CARDS };

/* One host for each: inputs come one after the other, as drivers of one VM would. */
static struct card {
	struct fake_host *f;
	struct fake_driver *d;
	int far, near;
} cards[CARDS];
static unsigned which;

static struct fuzz_driver z;

/* The fake host's tap is a socket. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	unsigned long arg;

	va_start(args, request);
	arg = va_arg(args, unsigned long);
	va_end(args);
	return request == TUNSETOFFLOAD ? 0 : (int)syscall(SYS_ioctl, fd, request, arg);
}

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "card %u: %s; last message: %s\n", which, what,
	    fake_host_message(cards[which].f));
	abort();
}

/* -------------------------------------------------------------------- arguments */

static uint64_t next(unsigned bytes)
{
	return fuzz_next(&z, bytes);
}

/* ------------------------------------------------------------------------- acts */

static void run_all(void)
{
	for (unsigned i = 0; i < 8 && fake_run_workers(cards[which].f); i++)
		;
}

static void act_offer(void)
{
	const struct fake_segment s = {
	    FRAMES + next(2) % 0x4000, 1 + (uint32_t)next(2) % 4096, true};

	fake_driver_add(cards[which].d, RX, &s, 1, FAKE_DIRECT);
	fake_driver_kick(cards[which].d, RX);
}

static void act_send(void)
{
	const uint64_t from = FRAMES + next(1);
	const struct fake_segment s[] = {
	    {from, (uint32_t)next(1) % 32, false}, {from + 32, (uint32_t)next(2) % 0x2000, false}};
	uint8_t *header = fake_driver_at(cards[which].d, from);

	for (unsigned i = 0; i < HEADER; i++)
		header[i] = (uint8_t)next(1);
	fake_driver_add(cards[which].d, TX, s, 2, next(1) % 2 ? FAKE_INDIRECT : FAKE_DIRECT);
	fake_driver_kick(cards[which].d, TX);
}

static void act_far(void)
{
	static uint8_t bytes[8192];
	const size_t n = next(2) % sizeof(bytes);

	for (unsigned i = 0; i < 16; i++)
		bytes[i] = (uint8_t)next(1);
	(void)send(cards[which].far, bytes, n ? n : 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	fake_file_ready(cards[which].f, RX, cards[which].near);
	run_all();
}

/* A frame that is sound by its length. */
static void act_frame(void)
{
	static uint8_t bytes[4 + 8192];
	const size_t n = 14 + next(2) % 8000;

	memcpy(bytes, (const uint8_t[4]){0, 0, (uint8_t)(n >> 8), (uint8_t)n}, 4);
	if (which == TAP)
		for (unsigned i = 0; i < HEADER; i++)
			bytes[i] = (uint8_t)next(1);
	(void)send(
	    cards[which].far, bytes, (which == TAP ? HEADER : 4) + n, MSG_DONTWAIT | MSG_NOSIGNAL);
	fake_file_ready(cards[which].f, RX, cards[which].near);
	run_all();
}

static void act_take(void)
{
	static uint8_t bytes[65536];

	(void)recv(cards[which].far, bytes, 1 + next(2), MSG_DONTWAIT);
	fake_file_ready(cards[which].f, TX, cards[which].near);
	run_all();
}

static void act_descriptor(void)
{
	fuzz_act_descriptor(&z);
}

static void act_show(void)
{
	fake_driver_kick(cards[which].d, fuzz_act_show(&z));
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
	const uint32_t reg = (uint32_t)next(2) % 0x140 & ~3u;

	fake_driver_set(cards[which].d, reg, (uint32_t)next(4));
	fake_driver_get(cards[which].d, reg);
}

static void act_command(void)
{
	const struct volt_call_arg down = {"state", "down"}, up = {"state", "up"};
	const struct volt_call_arg rate[] = {{"ops", "9"}, {"bytes", "64K"}};
	const uint64_t kind = next(1) % 4;

	if (kind < 2)
		fake_command(cards[which].f, "link", kind ? &up : &down, 1);
	else
		fake_command(cards[which].f, "rate", rate, (unsigned)next(1) % 3);
}

static void act_time(void)
{
	fake_advance(cards[which].f, next(4));
	run_all();
}

static void act(void)
{
	static void (*const acts[])(void) = {act_offer, act_offer, act_send, act_send, act_far,
	    act_frame, act_frame, act_take, act_descriptor, act_show, act_memory, act_register,
	    act_command, act_state, act_time};

	acts[next(1) % (sizeof(acts) / sizeof(acts[0]))]();
}

/* ------------------------------------------------------------------ what must hold */

static void start(uint64_t features)
{
	fake_driver_free_all(cards[which].d);
	if (!fake_driver_start(cards[which].d, features, 2, RING))
		wrong("the card does not start");
}

/* What lies at the peer of before is not the honest frames' business. */
static void empty_peer(void)
{
	static uint8_t bytes[65536];

	for (unsigned idle = 0; idle < 3; idle++) {
		while (recv(cards[which].far, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			idle = 0;
		fake_file_ready(cards[which].f, TX, cards[which].near);
		run_all();
	}
}

static void check_honest(void)
{
	const struct fake_segment in = {FRAMES, 2048, true}, out = {FRAMES + 2048, 72, false};
	uint32_t head, len;

	memset(fake_driver_at(cards[which].d, FRAMES), 0, 4096);
	fake_driver_add(cards[which].d, TX, &out, 1, FAKE_DIRECT);
	fake_driver_kick(cards[which].d, TX);
	run_all();
	if (!fake_driver_used(cards[which].d, TX, &head, &len))
		wrong("an honest frame is not sent");
	/* A stream may be amid a frame that was begun: only a tap keeps frames apart. */
	if (which == STREAM)
		return;
	for (unsigned i = 0; i < RING; i++) {
		const uint8_t frame[72] = {0};

		fake_driver_add(cards[which].d, RX, &in, 1, FAKE_DIRECT);
		(void)send(cards[which].far, frame, sizeof(frame), MSG_DONTWAIT | MSG_NOSIGNAL);
		fake_file_ready(cards[which].f, RX, cards[which].near);
		run_all();
		if (fake_driver_used(cards[which].d, RX, &head, &len))
			return;
	}
	wrong("an honest frame does not come");
}

static void make(unsigned i, const char *params)
{
	struct card *c = &cards[i];

	c->f = fake_host_create(&volt_plugin_virtio_net);
	if (fake_host_wire(c->f, params) || fake_host_run(c->f))
		abort();
	c->d = fake_driver_create(c->f, RAM, RAM_SIZE);
	c->far = fake_param_peer(c->f, 0);
	c->near = fake_host_values(c->f)[i].fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct volt_call_arg up = {"state", "up"};

	if (!cards[TAP].f) {
		make(TAP, "tap=tap0");
		make(STREAM, "socket=unix:/passt");
	}
	if (size < 3 || size > 1024)
		return 0;
	z = (struct fuzz_driver){
	    .at = data, .end = data + size, .ram = RAM, .ram_size = RAM_SIZE, .queues = 2};
	which = (unsigned)next(1) % CARDS;
	z.host = cards[which].f;
	z.driver = cards[which].d;
	const uint64_t bits = next(2);
	const uint64_t offloads = which == TAP ? OFFLOADS & (bits | (bits & 0x7000) << 42) : 0;

	start((BASE & ~(bits & 0x8000 ? UINT64_C(0x8000) : 0)) | offloads);
	while (z.at < z.end)
		act();
	fake_command(cards[which].f, "rate", NULL, 0);
	fake_command(cards[which].f, "link", &up, 1);
	start(BASE);
	empty_peer();
	check_honest();
	return 0;
}
