/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Random guests and random peers against what must always hold. Prints its seed;
 * SERIAL_FUZZ_SEED=N repeats a run, SERIAL_FUZZ_MS=N makes it longer.
 */
#include "test_serial.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What the guest has programmed, kept apart from the device's own state. */
struct guest {
	struct fake_host *f;
	uint64_t random;
	uint8_t ier, mcr, lcr;
	bool fifos;
	bool connected;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* splitmix64 */
static uint64_t next(struct guest *g)
{
	uint64_t z = g->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static bool gate(const struct guest *g)
{
	return (g->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
}

static void write_reg(struct guest *g, uint8_t reg, uint8_t val)
{
	const bool dlab = g->lcr & LCR_DLAB;

	out(g->f, reg, val);
	if (reg == IER && !dlab)
		g->ier = val & 0x0f;
	else if (reg == IIR_FCR)
		g->fifos = val & 0x01;
	else if (reg == LCR)
		g->lcr = val;
	else if (reg == MCR)
		g->mcr = val & 0x1f;
}

static void check_always(struct guest *g)
{
	const size_t room = fake_stream_room(g->f, 0);

	assert_true(room <= (g->mcr & MCR_LOOP ? 0u : g->fifos ? 16u : 1u));
	if (!gate(g))
		assert_false(line(g->f));
}

/* IIR against IER, against the line before it was read, and against the register that
 * clears what it names. Disturbs the device as any guest does. */
static void check_iir(struct guest *g)
{
	struct fake_host *f = g->f;
	const bool high = line(f);
	const uint8_t iir = in(f, IIR_FCR), id = iir & 0x3f;

	assert_int_equal(iir & 0xc0, g->fifos ? 0xc0 : 0);
	if (gate(g))
		assert_int_equal(high, id != 0x01);
	switch (id) {
	case 0x06:
		assert_true(g->ier & IER_ELSI);
		assert_int_not_equal(in(f, LSR) & 0x1e, 0);
		assert_int_not_equal(in(f, IIR_FCR) & 0x3f, 0x06);
		break;
	case 0x0c:
	case 0x04:
		assert_true(g->fifos || id == 0x04);
		assert_true(g->ier & IER_ERBFI);
		assert_int_equal(in(f, LSR) & LSR_DR, LSR_DR);
		break;
	case 0x02:
		assert_true(g->ier & IER_ETBEI);
		assert_int_equal(in(f, LSR) & 0x60, 0x60);
		assert_int_not_equal(in(f, IIR_FCR) & 0x3f, 0x02);
		break;
	case 0x00:
		assert_true(g->ier & IER_EDSSI);
		assert_int_not_equal(in(f, MSR) & 0x0f, 0);
		assert_int_equal(in(f, IIR_FCR) & 0x3f, 0x01);
		break;
	default:
		assert_int_equal(id, 0x01);
		if (g->ier & IER_ELSI)
			assert_int_equal(in(f, LSR) & 0x1e, 0);
		if (g->ier & IER_EDSSI)
			assert_int_equal(in(f, MSR) & 0x0f, 0);
		break;
	}
}

static void check_lsr(struct guest *g)
{
	const uint8_t lsr = in(g->f, LSR);

	assert_true((lsr & 0x60) == 0x60 || (lsr & 0x60) == 0);
	assert_int_equal(lsr & 0x0c, 0); /* no parity or framing errors on this cable */
	if (!g->fifos)
		assert_int_equal(lsr & LSR_FIFO, 0);
	assert_int_equal(in(g->f, LSR) & 0x1e, 0);
}

/* Empties the receiver: room and contents together are its size. */
static void check_contents(struct guest *g)
{
	const size_t room = fake_stream_room(g->f, 0), size = g->fifos ? 16 : 1;
	size_t n = 0;

	write_reg(g, LCR, g->lcr & (uint8_t)~LCR_DLAB);
	for (; in(g->f, LSR) & LSR_DR && n <= size; n++)
		in(g->f, RBR_THR);
	assert_true(n <= size);
	if (!(g->mcr & MCR_LOOP)) {
		assert_int_equal(room + n, size);
		assert_int_equal(fake_stream_room(g->f, 0), size);
	}
}

/* When all causes are served the line is low, whatever came before. */
static void check_quiet(struct guest *g)
{
	check_contents(g);
	in(g->f, LSR);
	in(g->f, MSR);
	in(g->f, IIR_FCR);
	assert_int_equal(in(g->f, IIR_FCR) & 0x3f, 0x01);
	assert_false(line(g->f));
}

static void disturb_peer(struct guest *g, uint64_t r)
{
	static const char bytes[32] = "somebody is typing very fast now";

	switch (r % 8) {
	case 0:
	case 1:
		g->connected = r >> 8 & 3;
		fake_stream_event(
		    g->f, 0, g->connected ? VOLT_STREAM_CONNECTED : VOLT_STREAM_DISCONNECTED);
		break;
	case 2:
		fake_stream_event(g->f, 0, VOLT_STREAM_BREAK);
		break;
	case 3:
		fake_stream_limit(g->f, 0, r >> 8 & 0xff);
		break;
	case 4:
		fake_stream_pump(g->f, 0);
		break;
	default:
		if (!fake_stream_pump(g->f, 0) && g->connected)
			fake_stream_feed(g->f, 0, bytes, (r >> 8) % sizeof(bytes) + 1);
		break;
	}
}

static void step(struct guest *g)
{
	const uint64_t r = next(g);
	const uint8_t reg = r >> 8 & 7, val = (uint8_t)(r >> 16);

	switch (r & 15) {
	case 0:
	case 1:
		disturb_peer(g, r >> 24);
		break;
	case 2:
		fake_advance(g->f, 1ull << (r >> 24 & 31) << 4); /* up to 34 s */
		break;
	case 3:
		check_iir(g);
		break;
	case 4:
		check_lsr(g);
		break;
	case 5:
		if (!(r >> 24 & 7))
			check_contents(g);
		break;
	case 6:
		if (!(r >> 24 & 31))
			check_quiet(g);
		break;
	case 7:
	case 8:
	case 9:
		in(g->f, reg);
		break;
	default:
		write_reg(g, reg, reg == MCR && val & 0x60 ? val & 0x0f : val);
		break;
	}
	check_always(g);
}

static void random_accesses_never_break_what_must_hold(void **state)
{
	const uint64_t seed = setting("SERIAL_FUZZ_SEED", now_ms() * 2654435761u);
	const uint64_t end = now_ms() + setting("SERIAL_FUZZ_MS", 2000);
	struct guest g = {.f = *state, .random = seed, .connected = true};
	uint64_t steps = 0;

	print_message("SERIAL_FUZZ_SEED=%llu\n", (unsigned long long)seed);
	while (now_ms() < end) {
		for (unsigned i = 0; i < 1000; i++)
			step(&g);
		fake_stream_clear(g.f, 0);
		steps += 1000;
	}
	check_quiet(&g);
	print_message("%llu steps\n", (unsigned long long)steps);
}

int test_serial_fuzz(void)
{
	const struct CMUnitTest tests[] = {
	    PORT_TEST(random_accesses_never_break_what_must_hold),
	};

	return cmocka_run_group_tests_name("fuzz", tests, NULL, NULL);
}
