/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A driver that leaves and comes again while frames come: what Linux does at unbind and bind. All
 * orders of the driver's steps, a frame of the peer and runs of the workers are tried; whatever the
 * order is, the frame reaches the new driver, and that one's own frame goes out, without anything
 * that wakes the workers but what happened.
 */
#include "test_virtio-net.h"

#include <volt/virtio.h>

#define SMALL_RAM 0x8000u
#define GUEST_IN  (RAM + 0x6000)
#define GUEST_OUT (RAM + 0x7000)
#define LENGTH    60u

enum { LEAVE, SET_UP, READY, OFFER, KICK_RX, SEND, KICK_TX, STEPS };

static bool must_kick[2];

static void far_sends(unsigned seed)
{
	uint8_t packet[HEADER + LENGTH] = {0};

	fill(packet + HEADER, LENGTH, seed);
	assert_int_equal(send(peer, packet, sizeof(packet), 0), (ssize_t)sizeof(packet));
	assert_true(fake_file_ready(host, RX, near_end()));
}

static void show(unsigned q, uint64_t gpa, bool writable)
{
	const struct fake_segment s = {gpa, HEADER + LENGTH, writable};
	const uint16_t before = fake_driver_ring(driver, q)->next;

	assert_true(fake_driver_add(driver, q, &s, 1, FAKE_DIRECT) >= 0);
	must_kick[q] = fake_driver_must_kick(driver, q, before);
}

static void kick(unsigned q)
{
	if (must_kick[q])
		fake_driver_set(driver, FAKE_REG_QUEUE_NOTIFY, q);
}

static void set_up(uint64_t features)
{
	assert_true(fake_driver_negotiate(driver, features));
	assert_true(fake_driver_queue(driver, RX, 8));
	assert_true(fake_driver_queue(driver, TX, 8));
}

static void do_step(unsigned step, uint64_t features)
{
	switch (step) {
	case LEAVE:
		fake_driver_reset(driver);
		fake_driver_free_all(driver);
		return;
	case SET_UP:
		set_up(features);
		return;
	case READY:
		fake_driver_set(driver, FAKE_REG_STATUS, 15);
		return;
	case OFFER:
		show(RX, GUEST_IN, true);
		return;
	case SEND:
		show(TX, GUEST_OUT, false);
		return;
	default:
		kick(step == KICK_RX ? RX : TX);
	}
}

static void run_until_quiet(void)
{
	for (unsigned i = 0; i < 100 && fake_run_workers(host); i++)
		;
}

/* The driver before it has had a frame, so that its indices are others. */
static void live_before(uint64_t features)
{
	for (unsigned step = LEAVE; step < STEPS; step++)
		do_step(step, features);
	far_sends(1);
	run_until_quiet();
	assert_int_equal(received(), HEADER + LENGTH);
}

static void forget_what_went_out(void)
{
	uint8_t bytes[256];

	while (recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void try_order(uint64_t features, unsigned frame_at, unsigned runs)
{
	uint8_t bytes[256];
	uint32_t head, len;

	live_before(features);
	forget_what_went_out();
	fill(at(GUEST_OUT + HEADER), LENGTH, 9);
	for (unsigned step = LEAVE; step < STEPS; step++) {
		if (step == frame_at)
			far_sends(5);
		if (runs & 1u << step)
			fake_run_workers(host);
		do_step(step, features);
	}
	if (frame_at == STEPS)
		far_sends(5);
	run_until_quiet();
	if (received() != HEADER + LENGTH || !is_filled(at(GUEST_IN + HEADER), LENGTH, 5))
		fail_msg("no frame came: it was sent before step %u, runs 0x%x", frame_at, runs);
	if (!fake_driver_used(driver, TX, &head, &len) ||
	    recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT) != HEADER + LENGTH ||
	    !is_filled(bytes + HEADER, LENGTH, 9))
		fail_msg("no frame went out: one came before step %u, runs 0x%x", frame_at, runs);
}

static void try_orders(const char *transport, uint64_t features)
{
	char params[64];

	snprintf(params, sizeof(params), "tap=tap0,transport=%s", transport);
	host = fake_host_create(&volt_plugin_virtio_net);
	attached = ~0u;
	assert_int_equal(fake_host_wire(host, params), 0);
	assert_int_equal(fake_host_run(host), 0);
	driver = fake_driver_create(host, RAM, SMALL_RAM);
	peer = fake_param_peer(host, 0);
	for (unsigned frame_at = LEAVE; frame_at <= STEPS; frame_at++)
		for (unsigned runs = 0; runs < 1u << STEPS; runs++)
			try_order(features, frame_at, runs);
	teardown(NULL);
}

static void a_frame_reaches_a_driver_that_comes_again(void **state)
{
	static const char *const transports[] = {"mmio", "pci"};

	for (unsigned i = 0; i < 2; i++) {
		try_orders(transports[i], BOTH);
		try_orders(transports[i], BOTH & ~VOLT_VIRTIO_F_EVENT_IDX);
	}
}

int run_rebind_tests(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_frame_reaches_a_driver_that_comes_again),
	};

	return cmocka_run_group_tests_name("rebind", tests, NULL, NULL);
}
