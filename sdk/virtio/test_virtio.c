/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The state machine and the registers of libvolt-virtio: honest drivers, and others.
 */
#include "test_virtio.h"

static uint32_t get(void **state, uint32_t reg)
{
	return fake_driver_get(((struct bench *)*state)->d, reg);
}

static void set(void **state, uint32_t reg, uint32_t val)
{
	fake_driver_set(((struct bench *)*state)->d, reg, val);
}

static void registers_say_what_it_is(void **state)
{
	assert_int_equal(get(state, FAKE_REG_MAGIC), 0x74726976);
	assert_int_equal(get(state, FAKE_REG_VERSION), 2);
	assert_int_equal(get(state, FAKE_REG_DEVICE_ID), TOY_ID);
	set(state, FAKE_REG_MAGIC, 1);
	set(state, FAKE_REG_DEVICE_ID, 1);
	assert_int_equal(get(state, FAKE_REG_MAGIC), 0x74726976);
	assert_int_equal(get(state, FAKE_REG_DEVICE_ID), TOY_ID);
}

static void requests_are_answered_on_both_queues_and_in_both_ways(void **state)
{
	struct bench *b = *state;

	assert_int_equal(b->toy->agreed, ALL);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_true(echo_works(b, 1, FAKE_DIRECT));
	assert_true(echo_works(b, 0, FAKE_INDIRECT));
	assert_true(echo_works(b, 1, FAKE_INDIRECT));
	assert_false(needs_reset(b));
}

static void indices_wrap(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < 70000; i++) {
		const uint64_t at = RAM + RAM_SIZE - 8;
		const struct fake_segment s[] = {{at, 4, false}, {at + 4, 4, true}};
		uint32_t head, len;

		assert_true(fake_driver_add(b->d, 0, s, 2, FAKE_DIRECT) >= 0);
		fake_driver_kick(b->d, 0);
		assert_true(fake_driver_used(b->d, 0, &head, &len));
		assert_int_equal(len, 4);
	}
	assert_int_equal(b->toy->requests, 70000);
}

static void a_chain_of_every_length_goes_through(void **state)
{
	struct bench *b = *state;
	const uint64_t at = fake_driver_alloc(b->d, 16, 1);

	for (unsigned n = 1; n <= TOY_SEGMENTS; n++) {
		struct fake_segment s[TOY_SEGMENTS];
		uint32_t head, len;

		for (unsigned i = 0; i < n; i++)
			s[i] = (struct fake_segment){at + i, 1, i >= n / 2};
		assert_true(fake_driver_add(b->d, 0, s, n, FAKE_INDIRECT) >= 0);
		fake_driver_kick(b->d, 0);
		assert_true(fake_driver_used(b->d, 0, &head, &len));
		assert_int_equal(b->toy->segments, n);
		assert_int_equal(len, n / 2);
	}
}

static void empty_segments_are_dropped(void **state)
{
	struct bench *b = *state;
	const struct fake_segment s[] = {{0, 0, false}, {RAM, 4, false}, {~0ull, 0, true}};
	uint32_t head, len;

	fake_driver_add(b->d, 0, s, 3, FAKE_DIRECT);
	fake_driver_kick(b->d, 0);
	assert_true(fake_driver_used(b->d, 0, &head, &len));
	assert_int_equal(len, 0);
	assert_int_equal(b->toy->segments, 1);
}

/* --------------------------------------------------------------- interrupts */

static void a_completion_interrupts_once(void **state)
{
	struct bench *b = *state;
	const unsigned before = fake_driver_interrupts(b->d);

	assert_int_equal(get(state, FAKE_REG_ISR), 0);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(fake_driver_interrupts(b->d), before + 1);
	if (!fake_driver_is_pci(b->d))
		assert_false(fake_irq_level(b->f, fake_driver_gsi(b->d)));
}

static void the_cause_stays_until_it_is_acknowledged(void **state)
{
	assert_true(echo_works(*state, 0, FAKE_DIRECT));
	assert_int_equal(get(state, FAKE_REG_ISR), 1);
	set(state, FAKE_REG_ISR_ACK, 2);
	assert_int_equal(get(state, FAKE_REG_ISR), 1);
	set(state, FAKE_REG_ISR_ACK, 0xffffffff);
	assert_int_equal(get(state, FAKE_REG_ISR), 0);
}

static void put_used_event(struct bench *b, uint16_t event)
{
	const struct fake_ring *r = fake_driver_ring(b->d, 0);

	volt_put_le16(fake_driver_at(b->d, r->avail + 4 + 2 * r->size), event);
}

/* virtio 2.7.7.2. */
static void a_used_event_ahead_defers_the_interrupt(void **state)
{
	struct bench *b = *state;
	const unsigned before = fake_driver_interrupts(b->d);

	put_used_event(b, 2);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(fake_driver_interrupts(b->d), before);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(fake_driver_interrupts(b->d), before + 1);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(fake_driver_interrupts(b->d), before + 1);
}

/* virtio 2.7.7: without event index a flag of the available ring. */
static void the_flag_no_interrupt_holds_until_it_is_cleared(void **state)
{
	struct bench *b = *state;
	assert_true(fake_driver_start(b->d, VOLT_VIRTIO_F_VERSION_1, 1, 8));
	const unsigned before = fake_driver_interrupts(b->d);
	uint8_t *flags = fake_driver_at(b->d, fake_driver_ring(b->d, 0)->avail);

	volt_put_le16(flags, 1);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(fake_driver_interrupts(b->d), before);
	volt_put_le16(flags, 0);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(fake_driver_interrupts(b->d), before + 1);
}

static void an_idle_device_wants_kicks(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned n = 0; n < 20; n++) {
			const uint16_t before = fake_driver_ring(b->d, 0)->next;

			fake_driver_show(b->d, 0, 0);
			fake_driver_ring(b->d, 0)->length[0] = 0;
			assert_true(fake_driver_must_kick(b->d, 0, before));
			fake_driver_kick(b->d, 0);
		}
		fake_driver_free_all(b->d);
		assert_true(fake_driver_start(b->d, VOLT_VIRTIO_F_VERSION_1, 1, 8));
	}
}

static void a_chain_that_is_refused_for_now_stays_and_comes_again(void **state)
{
	struct bench *b = *state;
	const struct fake_segment s[] = {{RAM, 4, false}};
	uint32_t head, len;

	b->toy->busy = true;
	fake_driver_add(b->d, 1, s, 1, FAKE_DIRECT);
	fake_driver_kick(b->d, 1);
	assert_false(fake_driver_used(b->d, 1, &head, &len));
	b->toy->busy = false;
	fake_driver_kick(b->d, 1);
	assert_true(fake_driver_used(b->d, 1, &head, &len));
	assert_false(fake_driver_used(b->d, 1, &head, &len));
}

/* ------------------------------------------------------------ configuration */

/* virtio 2.5: clipped to the device's length, and never written. */
static void configuration_ends_where_the_device_says(void **state)
{
	assert_int_equal(get(state, FAKE_REG_CONFIG), 0x04030201);
	assert_int_equal(get(state, FAKE_REG_CONFIG + 4), 5);
	assert_int_equal(get(state, FAKE_REG_CONFIG + 8), 0);
	assert_int_equal(get(state, 0xffc), 0);
	set(state, FAKE_REG_CONFIG, 0);
	assert_int_equal(get(state, FAKE_REG_CONFIG), 0x04030201);
}

static void registers_are_words_alone(void **state)
{
	struct bench *b = *state;
	const uint64_t base = fake_device(b->f, 0)->resources[0].base;

	for (unsigned off = 0; off < 0x100; off++) {
		if (off % 4 == 0)
			continue;
		assert_int_equal(fake_read(b->f, VOLT_SPACE_MMIO, base + off, 1), 0);
		fake_write(b->f, VOLT_SPACE_MMIO, base + off, 1, 0xff);
	}
	fake_write(b->f, VOLT_SPACE_MMIO, base + FAKE_REG_STATUS, 1, 0);
	fake_write(b->f, VOLT_SPACE_MMIO, base + FAKE_REG_STATUS, 2, 0);
	assert_int_equal(get(state, FAKE_REG_STATUS), 15);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
}

static void there_is_no_shared_memory(void **state)
{
	for (uint32_t id = 0; id < 3; id++) {
		set(state, 0x0ac, id);
		for (uint32_t reg = 0x0b0; reg <= 0x0bc; reg += 4)
			assert_int_equal(get(state, reg), 0xffffffff);
	}
}

/* ------------------------------------------------------------ state machine */

/* virtio 3.1.1. */
static void status_bits_stick_in_order_only(void **state)
{
	set(state, FAKE_REG_STATUS, 0);
	set(state, FAKE_REG_STATUS, 2);
	for (unsigned i = 0; i < 2; i++) {
		set(state, FAKE_REG_STATUS, 4);
		set(state, FAKE_REG_STATUS, 8);
		assert_int_equal(get(state, FAKE_REG_STATUS), i);
		set(state, FAKE_REG_STATUS, 1);
	}
	set(state, FAKE_REG_STATUS, 2);
	set(state, FAKE_REG_STATUS, 4);
	assert_int_equal(get(state, FAKE_REG_STATUS), 3);
	set(state, FAKE_REG_STATUS, 8 | 4);
	assert_int_equal(get(state, FAKE_REG_STATUS), 15);
}

static void foreign_status_bits_never_stick(void **state)
{
	set(state, FAKE_REG_STATUS, 0xffffff7f);
	assert_int_equal(get(state, FAKE_REG_STATUS), 15);
	set(state, FAKE_REG_STATUS, 128);
	assert_int_equal(get(state, FAKE_REG_STATUS), 15 | 128);
	assert_true(recovers(*state));
}

static void features_that_are_not_offered_are_refused(void **state)
{
	struct bench *b = *state;

	assert_int_equal(fake_driver_offered(b->d), ALL | TOY_FEATURE);
	for (unsigned bit = 0; bit < 64; bit++) {
		const bool offered = (ALL | TOY_FEATURE) >> bit & 1;

		fake_driver_reset(b->d);
		assert_int_equal(fake_driver_negotiate(b->d, UINT64_C(1) << bit), offered);
	}
	fake_driver_reset(b->d);
	set(state, FAKE_REG_DRIVER_SELECT, 2);
	set(state, FAKE_REG_DRIVER_FEATURES, 1);
	assert_false(fake_driver_negotiate(b->d, UINT64_C(1) << 63));
	set(state, FAKE_REG_DEVICE_SELECT, 0xffffffff);
	assert_int_equal(get(state, FAKE_REG_DEVICE_FEATURES), 0);
}

static void a_driver_that_accepts_nothing_is_served(void **state)
{
	struct bench *b = *state;

	assert_true(fake_driver_start(b->d, 0, 1, 8));
	assert_true(echo_works(b, 0, FAKE_DIRECT));
}

static void features_are_fixed_once_they_are_agreed(void **state)
{
	struct bench *b = *state;

	set(state, FAKE_REG_DRIVER_SELECT, 0);
	set(state, FAKE_REG_DRIVER_FEATURES, 0);
	assert_true(echo_works(b, 0, FAKE_INDIRECT));
	assert_int_equal(b->toy->v.accepted, ALL);
	assert_true(fake_counter(b->f, "quiet") > 0);
}

static void a_queue_that_is_not_there_reads_as_nothing(void **state)
{
	static const uint32_t numbers[] = {2, 15, 16, 65535, 65536, 0x80000000, 0xffffffff};

	const bool pci = fake_driver_is_pci(((struct bench *)*state)->d); /* 16 bits */

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (pci && numbers[i] > UINT16_MAX)
			break;
		set(state, FAKE_REG_STATUS, 0);
		set(state, FAKE_REG_QUEUE_SELECT, numbers[i]);
		set(state, FAKE_REG_QUEUE_SIZE, 8);
		set(state, FAKE_REG_QUEUE_DESC, RAM);
		set(state, FAKE_REG_QUEUE_READY, 1);
		assert_int_equal(get(state, FAKE_REG_QUEUE_MAX), 0);
		assert_int_equal(get(state, FAKE_REG_QUEUE_READY), 0);
		set(state, FAKE_REG_QUEUE_NOTIFY, numbers[i]);
	}
	assert_true(recovers(*state));
}

/* virtio 2.7: a power of two, and no more than the most. */
static void ring_sizes_that_are_not_allowed_are_not_ready(void **state)
{
	struct bench *b = *state;
	static const uint32_t bad[] = {0, 3, 5, 63, 65, 128, 65535, 65536 + 8};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fake_driver_reset(b->d);
		assert_true(fake_driver_negotiate(b->d, ALL));
		assert_int_equal(get(state, FAKE_REG_QUEUE_MAX), TOY_RING);
		fake_driver_ring(b->d, 0)->desc = RAM;
		fake_driver_ring(b->d, 0)->avail = RAM + 0x800;
		fake_driver_ring(b->d, 0)->used = RAM + 0x1000;
		fake_driver_ring(b->d, 0)->size = (uint16_t)bad[i];
		if (bad[i] <= 65535)
			assert_false(fake_driver_tell_queue(b->d, 0));
	}
	assert_true(recovers(b));
}

static void rings_outside_of_memory_are_not_ready(void **state)
{
	struct bench *b = *state;
	const uint64_t end = RAM + RAM_SIZE, good = RAM + 0x800;
	const uint64_t bad[][3] = {
	    {0, good, good},
	    {good, 0, good},
	    {good, good, 0},
	    {good + 8, good, good},
	    {good, good + 1, good},
	    {good, good, good + 2},
	    {end - 16, good, good},
	    {good, end - 4, good},
	    {good, good, end - 8},
	    {~UINT64_C(0) - 15, good, good},
	    {good, good, ~UINT64_C(0) - 3},
	    {0xfee00000, good, good},
	    {good, good, fake_range(b->f, 0)->base},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fake_driver_reset(b->d);
		assert_true(fake_driver_negotiate(b->d, ALL));
		struct fake_ring *r = fake_driver_ring(b->d, 0);

		r->desc = bad[i][0];
		r->avail = bad[i][1];
		r->used = bad[i][2];
		r->size = 8;
		assert_false(fake_driver_tell_queue(b->d, 0));
		set(state, FAKE_REG_STATUS, 15);
		fake_driver_kick(b->d, 0);
	}
	assert_true(recovers(b));
}

/* CVE-2026-5747 is a queue whose registers are read again after they were checked. */
static void a_live_queue_does_not_follow_its_registers(void **state)
{
	struct bench *b = *state;

	set(state, FAKE_REG_QUEUE_SELECT, 0);
	set(state, FAKE_REG_QUEUE_SIZE, 64);
	set(state, FAKE_REG_QUEUE_DESC, RAM + RAM_SIZE - 16);
	set(state, FAKE_REG_QUEUE_DEVICE + 4, 0xffffffff);
	set(state, FAKE_REG_QUEUE_READY, 1);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(b->toy->q[0].size, 8);
}

/* virtio 4.2.2.2: written 0 and read back 0. */
static void a_live_queue_can_be_stopped(void **state)
{
	struct bench *b = *state;

	set(state, FAKE_REG_QUEUE_SELECT, 0);
	set(state, FAKE_REG_QUEUE_READY, 0);
	assert_int_equal(get(state, FAKE_REG_QUEUE_READY), 0);
	assert_false(echo_works(b, 0, FAKE_DIRECT));
	assert_true(echo_works(b, 1, FAKE_DIRECT));
	assert_true(recovers(b));
}

/* virtio 2.4 and 4.2.2.1. */
static void a_reset_forgets_everything(void **state)
{
	struct bench *b = *state;

	assert_true(echo_works(b, 0, FAKE_DIRECT));
	set(state, FAKE_REG_STATUS, 0);
	assert_int_equal(get(state, FAKE_REG_STATUS), 0);
	assert_int_equal(get(state, FAKE_REG_ISR), 0);
	assert_int_equal(get(state, FAKE_REG_QUEUE_READY), 0);
	assert_int_equal(b->toy->agreed, 0);
	assert_int_equal(b->toy->q[0].desc, 0);
	set(state, FAKE_REG_STATUS, 15);
	set(state, FAKE_REG_QUEUE_READY, 1); /* its old addresses are gone */
	assert_int_equal(get(state, FAKE_REG_QUEUE_READY), 0);
	assert_int_equal(fake_counter(b->f, "resets"), 2);
	assert_true(recovers(b));
}

static void nothing_is_served_before_the_driver_is_ready(void **state)
{
	struct bench *b = *state;
	const struct fake_segment s[] = {{RAM, 4, false}};
	uint32_t head, len;

	fake_driver_reset(b->d);
	assert_true(fake_driver_negotiate(b->d, ALL));
	assert_true(fake_driver_queue(b->d, 0, 8));
	fake_driver_add(b->d, 0, s, 1, FAKE_DIRECT);
	fake_driver_kick(b->d, 0);
	assert_false(fake_driver_used(b->d, 0, &head, &len));
	set(state, FAKE_REG_STATUS, 15);
	fake_run_workers(b->f);
	assert_true(fake_driver_used(b->d, 0, &head, &len)); /* without another kick */
}

static void many_kicks_without_work_leave_nothing_to_do(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < 1000; i++)
		set(state, FAKE_REG_QUEUE_NOTIFY, i & 1);
	assert_int_equal(fake_run_workers(b->f), 2);
	assert_int_equal(fake_run_workers(b->f), 0);
	set(state, FAKE_REG_QUEUE_NOTIFY, 0x10000); /* data that was not agreed on */
	assert_int_equal(fake_run_workers(b->f), 0);
}

static void init_fails_when_any_call_of_it_does(void **state)
{
	struct bench *b = *state;
	const unsigned calls = fake_host_calls(b->f);

	assert_true(calls >= 6);
	for (unsigned n = 1; n <= calls; n++) {
		struct fake_host *f = fake_host_create(&volt_plugin_toy_virtio);

		fake_host_fail_call(f, n, ENOSPC);
		assert_int_equal(fake_host_wire(f, transport), -ENOSPC);
		assert_string_not_equal(fake_host_message(f), "");
		fake_host_destroy(f);
	}
}

static void a_host_that_lacks_a_service_is_named(void **state)
{
	static const char *const ids[] = {
	    "volt.mem/1", "volt.worker/1", "volt.doorbell/1", "volt.describe/1", "volt.msi/1"};
	struct bench *b = *state;

	for (unsigned i = 0; i < 5; i++) {
		struct fake_host *f = fake_host_create(&volt_plugin_toy_virtio);

		fake_host_hide_ext(f, ids[i]);
		if (i == (fake_driver_is_pci(b->d) ? 3 : 4)) { /* of the other transport */
			assert_int_equal(fake_host_wire(f, transport), 0);
		} else {
			assert_int_equal(fake_host_wire(f, transport), -ENOTSUP);
			assert_non_null(strstr(fake_host_message(f), ids[i]));
		}
		fake_host_destroy(f);
	}
}

static void a_saved_state_goes_on_where_it_was(void **state)
{
	struct bench *b = *state;
	size_t n;

	assert_true(echo_works(b, 0, FAKE_DIRECT));
	const uint8_t *bytes = fake_state_save(b->f, &n);

	assert_true(echo_works(b, 0, FAKE_DIRECT));
	const uint16_t used = b->toy->q[0].used;

	fake_host_reset(b->f);
	assert_int_equal(fake_state_load(b->f, bytes, n), 0);
	assert_int_equal(b->toy->q[0].used, used - 1);
	fake_run_workers(b->f); /* it posts itself: what was shown since is served */
	assert_int_equal(b->toy->q[0].used, used);
	assert_int_equal(b->toy->agreed, ALL);
}

static void fuzzing_of_its_state_passes(void **state)
{
	fake_state_fuzz(&volt_plugin_toy_virtio, transport, 1, 50);
}

/* A device that holds requests back gives them back before a reset or a pause goes on. */
static void queues_are_drained_when_they_stop(void **state)
{
	struct bench *b = *state;
	size_t n;

	b->toy->drained = 0;
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	assert_int_equal(b->toy->drained, 0);
	fake_driver_set(b->d, FAKE_REG_QUEUE_SELECT, 1);
	fake_driver_set(b->d, FAKE_REG_QUEUE_READY, 0);
	assert_int_equal(b->toy->drained, 2);
	b->toy->drained = 0;
	fake_state_save(b->f, &n);
	assert_int_equal(b->toy->drained, 3);
	assert_true(echo_works(b, 0, FAKE_DIRECT));
	b->toy->drained = 0;
	fake_driver_set(b->d, FAKE_REG_STATUS, 0);
	assert_int_equal(b->toy->drained, 3);
	assert_true(recovers(b));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest mmio_tests[] = {
    T(registers_say_what_it_is),
    T(the_cause_stays_until_it_is_acknowledged),
    T(registers_are_words_alone),
    T(there_is_no_shared_memory),
    T(a_live_queue_can_be_stopped),
    T(queues_are_drained_when_they_stop),
};

static const struct CMUnitTest tests[] = {
    T(requests_are_answered_on_both_queues_and_in_both_ways),
    T(indices_wrap),
    T(a_chain_of_every_length_goes_through),
    T(empty_segments_are_dropped),
    T(a_completion_interrupts_once),
    T(a_used_event_ahead_defers_the_interrupt),
    T(the_flag_no_interrupt_holds_until_it_is_cleared),
    T(an_idle_device_wants_kicks),
    T(a_chain_that_is_refused_for_now_stays_and_comes_again),
    T(configuration_ends_where_the_device_says),
    T(status_bits_stick_in_order_only),
    T(foreign_status_bits_never_stick),
    T(features_that_are_not_offered_are_refused),
    T(a_driver_that_accepts_nothing_is_served),
    T(features_are_fixed_once_they_are_agreed),
    T(a_queue_that_is_not_there_reads_as_nothing),
    T(ring_sizes_that_are_not_allowed_are_not_ready),
    T(rings_outside_of_memory_are_not_ready),
    T(a_live_queue_does_not_follow_its_registers),
    T(a_reset_forgets_everything),
    T(nothing_is_served_before_the_driver_is_ready),
    T(many_kicks_without_work_leave_nothing_to_do),
    T(init_fails_when_any_call_of_it_does),
    T(a_host_that_lacks_a_service_is_named),
    T(a_saved_state_goes_on_where_it_was),
    T(fuzzing_of_its_state_passes),
};
#undef T

int main(void)
{
	return cmocka_run_group_tests_name("mmio registers", mmio_tests, use_mmio, NULL) +
	       cmocka_run_group_tests_name("mmio", tests, use_mmio, NULL) +
	       cmocka_run_group_tests_name("pci", tests, use_pci, NULL) +
	       cmocka_run_group_tests_name("slots", tests, use_slots, NULL);
}
