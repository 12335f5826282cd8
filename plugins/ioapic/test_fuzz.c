/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Two seconds of random accesses, lines and EOIs, against a model that shares nothing
 * with the plugin: it holds fields, not bits, and settles all pins after each step.
 * VOLT_FUZZ_SEED=n repeats a run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "test_ioapic.h"

#define BUDGET_NS 2000000000ll

struct model_pin {
	unsigned vector, mode, destination;
	bool logical, low, level, masked; /* as programmed */
	bool up, in_service;
	unsigned fires;
};

struct model {
	struct model_pin pins[24];
	unsigned select, id, version, first_id;
	uint64_t delivered, redelivered, coalesced, masked_edges, undeliverable;
	uint64_t eois, stray_eois, bad_accesses;
	bool eoi_wanted[256]; /* by any route so far; others never leave the fake vCPU */
};

static uint64_t rng; /* xorshift64* */

static uint32_t random_below(uint32_t n)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (uint32_t)((rng * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static void model_reset(struct model *m)
{
	m->select = 0;
	m->id = m->first_id;
	for (struct model_pin *p = m->pins; p < m->pins + 24; p++)
		*p = (struct model_pin){.masked = true, .up = p->up, .fires = p->fires};
}

static bool waits_for_eoi(const struct model_pin *p)
{
	return p->level && p->mode <= 1;
}

static bool can_be_sent(const struct model_pin *p)
{
	return p->mode <= 1 ? p->vector >= 16 : p->mode == 4 || p->mode == 5;
}

/* One attempt to send, of a pin that has something to send. */
static bool model_send(struct model *m, struct model_pin *p)
{
	if (!can_be_sent(p)) {
		m->undeliverable++;
		return false;
	}
	p->in_service = waits_for_eoi(p);
	p->fires++;
	m->delivered++;
	return true;
}

static bool model_settle(struct model *m, struct model_pin *p)
{
	if (!waits_for_eoi(p))
		p->in_service = false;
	else if (p->up && !p->masked && !p->in_service)
		return model_send(m, p);
	return false;
}

static void model_line(struct model *m, unsigned pin, bool up)
{
	struct model_pin *p = &m->pins[pin];
	bool rose = up && !p->up;

	p->up = up;
	if (!rose)
		return;
	if (waits_for_eoi(p) && p->in_service)
		m->coalesced += !p->masked;
	else if (waits_for_eoi(p))
		model_settle(m, p);
	else if (p->masked)
		m->masked_edges++;
	else
		model_send(m, p);
}

static void model_eoi(struct model *m, unsigned vector)
{
	unsigned ended = 0;

	for (struct model_pin *p = m->pins; p < m->pins + 24; p++) {
		if (!p->in_service || p->vector != vector)
			continue;
		ended++;
		p->in_service = false;
		m->redelivered += model_settle(m, p);
	}
	m->eois += ended != 0;
	m->stray_eois += ended == 0;
}

static uint32_t model_read_window(struct model *m)
{
	const struct model_pin *p = &m->pins[(m->select - 16) / 2 % 24];

	if (m->select == 0 || m->select == 2)
		return m->id * 0x1000000;
	if (m->select == 1)
		return 0x170000 + m->version;
	if (m->select < 16 || m->select >= 64) {
		m->bad_accesses++;
		return 0;
	}
	if (m->select % 2)
		return p->destination * 0x1000000;
	return p->vector + p->mode * 0x100 + p->logical * 0x800 + p->low * 0x2000 +
	       p->in_service * 0x4000 + p->level * 0x8000 + p->masked * 0x10000;
}

static void model_write_window(struct model *m, uint32_t val)
{
	struct model_pin *p = &m->pins[(m->select - 16) / 2 % 24];

	if (m->select == 0) {
		m->id = val / 0x1000000 % 16;
	} else if (m->select >= 16 && m->select < 64) {
		if (m->select % 2) {
			p->destination = val / 0x1000000;
		} else {
			p->vector = val % 0x100;
			p->mode = val / 0x100 % 8;
			p->logical = val / 0x800 % 2;
			p->low = val / 0x2000 % 2;
			p->level = val / 0x8000 % 2;
			p->masked = val / 0x10000 % 2;
		}
		model_settle(m, p);
	} else if (m->select > 2) {
		m->bad_accesses++;
	}
}

static uint64_t model_read(struct model *m, uint32_t off, uint32_t n)
{
	if (off == 0 && n != 8)
		return m->select & (n == 1 ? 0xff : 0xffff);
	if (off == 0x10 && n == 4)
		return model_read_window(m);
	m->bad_accesses++;
	return 0;
}

static void model_write(struct model *m, uint32_t off, uint32_t n, uint64_t val)
{
	if (off == 0 && n != 8)
		m->select = val % 0x100;
	else if (off == 0x10 && n == 4)
		model_write_window(m, (uint32_t)val);
	else if (off == 0x40 && n != 8 && m->version == 0x20)
		model_eoi(m, val % 0x100);
	else
		m->bad_accesses++;
}

static void check_routes(struct fake_host *f, struct model *m)
{
	for (unsigned pin = 0; pin < 24; pin++) {
		const struct model_pin *p = &m->pins[pin];
		uint32_t data = 0x4000;
		uint64_t address = 0xfee00000;

		if (can_be_sent(p)) {
			data += p->mode * 0x100 + (p->mode <= 1 ? p->vector : 0);
			data += waits_for_eoi(p) ? 0x8000 : 0;
			m->eoi_wanted[p->vector] |= waits_for_eoi(p);
			address += p->destination * 0x1000 + (p->logical ? 4 : 0);
			address += p->mode == 1 ? 8 : 0;
		}
		assert_int_equal(route_data(f, pin), data);
		assert_int_equal(route_address(f, pin), address);
		assert_int_equal(fake_fires(f, pin), p->fires);
	}
}

static void check_counters(struct fake_host *f, const struct model *m)
{
	assert_int_equal(fake_counter(f, "delivered"), m->delivered);
	assert_int_equal(fake_counter(f, "redelivered"), m->redelivered);
	assert_int_equal(fake_counter(f, "coalesced"), m->coalesced);
	assert_int_equal(fake_counter(f, "masked_edges"), m->masked_edges);
	assert_int_equal(fake_counter(f, "undeliverable"), m->undeliverable);
	assert_int_equal(fake_counter(f, "eois"), m->eois);
	assert_int_equal(fake_counter(f, "stray_eois"), m->stray_eois);
	assert_int_equal(fake_counter(f, "bad_accesses"), m->bad_accesses);
}

/* Few enough that pins share them and EOIs find them. */
static uint32_t random_vector(void)
{
	static const uint8_t vectors[] = {0x31, 0x31, 0x32, 0x41, 0xff, 0x10, 0x0f, 0x00};

	return vectors[random_below(sizeof(vectors))];
}

/* Mostly the modes and bits that matter, now and then anything. */
static uint32_t random_low(void)
{
	uint32_t mode = random_below(4) ? random_below(2) : random_below(8);

	if (!random_below(8))
		return random_below(0x80000000) * 2 + random_below(2);
	return random_vector() | mode << 8 | random_below(2) << 11 | random_below(8) << 12 |
	       (random_below(3) ? LEVEL : 0) | (random_below(3) ? 0 : MASK);
}

/* Any access at all, biased towards the registers. */
static void step_access(struct fake_host *f, struct model *m)
{
	static const uint32_t offsets[] = {0, 0, 0x10, 0x10, 0x10, 0x40};
	uint32_t n = random_below(8) ? 4 : 1u << random_below(4);
	uint32_t off = random_below(16) ? offsets[random_below(6)] : random_below(0x1000 - 8);
	uint64_t val = off == 0x40 ? random_vector() : random_low();

	if (off == 0)
		val = random_below(4) ? random_below(0x42) : random_below(0x100000);
	if (n < 8)
		val &= (1ull << 8 * n) - 1;
	if (random_below(2)) {
		fake_write(f, VOLT_SPACE_MMIO, BASE + off, n, val);
		model_write(m, off, n, val);
	} else {
		assert_int_equal(
		    fake_read(f, VOLT_SPACE_MMIO, BASE + off, n), model_read(m, off, n));
	}
}

static void step_entry(struct fake_host *f, struct model *m)
{
	uint32_t index = 0x10 + random_below(48);
	uint32_t val = index % 2 ? random_below(0x100) << 24 : random_low();

	put(f, (uint8_t)index, val);
	m->select = index;
	model_write_window(m, val);
	assert_int_equal(get(f, (uint8_t)index), model_read_window(m));
}

static void step(struct fake_host *f, struct model *m)
{
	uint32_t what = random_below(1000);
	uint32_t pin = random_below(24), vector = random_vector();
	bool up = random_below(2);

	if (what < 450) {
		fake_set_line(f, pin, up);
		model_line(m, pin, up);
	} else if (what < 650) {
		fake_eoi(f, (uint8_t)vector);
		if (m->eoi_wanted[vector])
			model_eoi(m, vector);
	} else if (what < 850) {
		step_entry(f, m);
	} else if (what < 999) {
		step_access(f, m);
	} else {
		fake_host_reset(f);
		model_reset(m);
	}
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void fuzz(const char *params, unsigned version, int64_t budget_ns)
{
	struct fake_host *f = start(params);
	struct model m = {.version = version, .first_id = 5};
	int64_t end = now_ns() + budget_ns;
	uint64_t steps = 0;

	model_reset(&m);
	do {
		for (unsigned i = 0; i < 64; i++, steps++) {
			step(f, &m);
			check_routes(f, &m);
		}
		check_counters(f, &m);
	} while (now_ns() < end);
	print_message("version 0x%x: %llu steps, %llu delivered, %llu EOIs\n", version,
	    (unsigned long long)steps, (unsigned long long)m.delivered, (unsigned long long)m.eois);
	assert_true(m.delivered && m.redelivered && m.coalesced && m.undeliverable);
	fake_host_destroy(f);
}

static void random_steps_agree_with_a_model(void **state)
{
	const char *given = getenv("VOLT_FUZZ_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)now_ns();

	print_message("VOLT_FUZZ_SEED=%llu\n", (unsigned long long)seed);
	rng = seed ? seed : 1;
	fuzz("apic-id=5", 0x20, BUDGET_NS / 2);
	fuzz("apic-id=5,version=0x11", 0x11, BUDGET_NS / 2);
}

int run_fuzz_tests(void)
{
	const struct CMUnitTest fuzzers[] = {
	    cmocka_unit_test(random_steps_agree_with_a_model),
	};

	return cmocka_run_group_tests(fuzzers, NULL, NULL);
}
