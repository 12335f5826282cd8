/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Chains in flight: many at once, given back in another order, and none of them between runs.
 * All cases of test_virtio.c and test_virtio_rings.c run with slots as well.
 */
#include "test_virtio.h"

#define COUNT 5

static int setup_slots(void **state)
{
	use_slots(NULL);
	return setup(state);
}

/* Shows a request of one byte. Returns its head. */
static uint32_t show(struct bench *b, unsigned q, uint8_t byte, uint64_t *answer)
{
	const uint64_t out = fake_driver_alloc(b->d, 1, 1);

	*answer = fake_driver_alloc(b->d, 1, 1);
	*fake_driver_at(b->d, out) = byte;
	const struct fake_segment s[] = {{out, 1, false}, {*answer, 1, true}};
	const int head = fake_driver_add(b->d, q, s, 2, FAKE_INDIRECT);

	assert_true(head >= 0);
	return (uint32_t)head;
}

static void all_come_back_each_with_its_own_answer(void **state)
{
	struct bench *b = *state;
	uint64_t answer[COUNT];
	uint32_t shown[COUNT], head, len, seen = 0;

	for (unsigned i = 0; i < COUNT; i++)
		shown[i] = show(b, 0, (uint8_t)(10 * i), &answer[i]);
	fake_driver_kick(b->d, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_true(fake_driver_used(b->d, 0, &head, &len));
		assert_int_equal(len, 1);
		for (unsigned k = 0; k < COUNT; k++)
			seen |= shown[k] == head ? 1u << k : 0;
	}
	assert_int_equal(seen, (1 << COUNT) - 1);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(*fake_driver_at(b->d, answer[i]), 10 * i + 1);
	assert_int_equal(b->toy->most, TOY_SLOTS);
}

/* The newest of those that fit into the slots is the first that the driver gets. */
static void the_order_is_that_of_completion(void **state)
{
	struct bench *b = *state;
	uint32_t shown[TOY_SLOTS], head, len;
	uint64_t answer;

	for (unsigned i = 0; i < TOY_SLOTS; i++)
		shown[i] = show(b, 1, 1, &answer);
	fake_driver_kick(b->d, 1);
	for (unsigned i = TOY_SLOTS; i-- > 0;) {
		assert_true(fake_driver_used(b->d, 1, &head, &len));
		assert_int_equal(head, shown[i]);
	}
}

static void nothing_is_in_flight_between_runs(void **state)
{
	struct bench *b = *state;
	uint64_t answer;

	for (unsigned i = 0; i < COUNT; i++)
		show(b, 0, 1, &answer);
	fake_driver_kick(b->d, 0);
	assert_int_equal(b->toy->q[0].flying, 0);
	assert_int_equal(b->toy->held_count[0], 0);
	fake_driver_set(b->d, FAKE_REG_STATUS, 0);
	assert_true(recovers(b));
}

/* Two entries of the available ring that name one chain: it would be in flight twice. */
static void a_chain_that_is_shown_twice_breaks_the_queue(void **state)
{
	struct bench *b = *state;
	uint64_t answer;
	const uint32_t head = show(b, 0, 1, &answer);

	fake_driver_show(b->d, 0, (uint16_t)head);
	fake_driver_kick(b->d, 0);
	assert_true(needs_reset(b));
	assert_int_equal(b->toy->q[0].flying, 0);
	assert_true(recovers(b));
}

/* Those before it in flight come back, and it stays the next. */
static void a_chain_that_is_refused_for_now_waits_for_those_in_flight(void **state)
{
	struct bench *b = *state;
	uint64_t answer;
	uint32_t head, len;

	b->toy->busy = true;
	const uint32_t shown = show(b, 1, 1, &answer);

	fake_driver_kick(b->d, 1);
	assert_false(fake_driver_used(b->d, 1, &head, &len));
	assert_int_equal(b->toy->q[1].flying, 0);
	b->toy->busy = false;
	volt_virtio_post(&b->toy->v, 1);
	fake_run_workers(b->f);
	assert_true(fake_driver_used(b->d, 1, &head, &len));
	assert_int_equal(head, shown);
}

static void init_refuses_slots_without_memory_or_without_progress(void **state)
{
	struct bench *b = *state;
	struct volt_virtio_type t = b->toy->type;
	static struct toy other;

	t.progress = NULL;
	assert_true(volt_virtio_init(&other, other.q, &t, b->toy->v.h, NULL) < 0);
	t = b->toy->type;
	t.slots = NULL;
	assert_true(volt_virtio_init(&other, other.q, &t, b->toy->v.h, NULL) < 0);
	t = b->toy->type;
	t.slot_count = VOLT_SLOT_MAX + 1;
	assert_true(volt_virtio_init(&other, other.q, &t, b->toy->v.h, NULL) < 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_slots, teardown)
	const struct CMUnitTest tests[] = {
	    T(all_come_back_each_with_its_own_answer),
	    T(the_order_is_that_of_completion),
	    T(nothing_is_in_flight_between_runs),
	    T(a_chain_that_is_shown_twice_breaks_the_queue),
	    T(a_chain_that_is_refused_for_now_waits_for_those_in_flight),
	    T(init_refuses_slots_without_memory_or_without_progress),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
