/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>

#include "test_virtio-console.h"

#define NAMED "console=null,port1=unix:/a,name1=org.volt.agent"
#define MANY  20000u

static uint8_t block[MANY];

static int fill(void **state)
{
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i * 7 + i / 251);
	return 0;
}

static uint32_t config(uint32_t off)
{
	return fake_driver_get(driver, FAKE_REG_CONFIG + off);
}

static int refused(const char *params, const char *why)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_console);
	const int err = fake_host_wire(f, params);

	assert_non_null(strstr(fake_host_message(f), why));
	fake_host_destroy(f);
	return err;
}

/* Bytes for the guest, as its buffers bring them. */
static void expect_bytes(unsigned q, const uint8_t *bytes, size_t n)
{
	size_t have = 0;

	while (have < n) {
		uint32_t part;
		const uint8_t *p = guest_gets(q, &part);

		if (!p) {
			fake_stream_pump(host, q / 4);
			p = guest_gets(q, &part);
		}
		assert_non_null(p);
		assert_true(part > 0 && part <= n - have);
		assert_memory_equal(p, bytes + have, part);
		have += part;
	}
}

static void expect_output(unsigned stream, const void *bytes, size_t n)
{
	size_t got;
	const char *text = fake_stream_output(host, stream, &got);

	assert_int_equal(got, n);
	assert_memory_equal(text, bytes, n);
	fake_stream_clear(host, stream);
}

/* -------------------------------------------------------------- the console alone */

static void alone_it_has_two_queues_and_no_multiport(void **state)
{
	wire(NULL);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_DEVICE_ID), 3);
	assert_int_equal(fake_driver_offered(driver), LIBRARY | SIZE | EMERG_WRITE);
	fake_driver_set(driver, FAKE_REG_QUEUE_SELECT, 2);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_QUEUE_MAX), 0);
	assert_int_equal(config(4), 0);
}

static void over_pci_it_is_a_communication_controller(void **state)
{
	wire("transport=pci");
	assert_true(fake_driver_is_pci(driver));
	assert_int_equal(fake_pci_read(host, 0, 4), 0x1043u << 16 | 0x1af4);
	assert_int_equal(fake_pci_read(host, 8, 4) >> 8, 0x078000);
}

static void bytes_go_both_ways(void **state)
{
	begin(*state, 0, 2);
	assert_true(guest_sends(1, "hello", 5));
	expect_output(0, "hello", 5);
	fake_stream_feed(host, 0, "answer", 6);
	expect_bytes(0, (const uint8_t *)"answer", 6);
	assert_int_equal(fake_counter(host, "tx_bytes"), 5);
	assert_int_equal(fake_counter(host, "rx_bytes"), 6);
}

static void input_waits_for_the_driver(void **state)
{
	wire(NULL);
	assert_int_equal(fake_stream_room(host, 0), 0);
	assert_int_equal(fake_stream_feed(host, 0, "early", 5), 0);
	assert_true(fake_driver_start(driver, LIBRARY, 2, RING));
	assert_int_equal(fake_stream_room(host, 0), 4096);
	give(0, 1);
	assert_int_equal(fake_stream_pump(host, 0), 0);
	expect_bytes(0, (const uint8_t *)"early", 5);
}

/* More than the buffers and the device hold at a time. */
static void no_input_is_lost_however_slow_the_driver_is(void **state)
{
	begin(NULL, 0, 2);
	fake_stream_feed(host, 0, block, MANY);
	assert_true(fake_stream_pump(host, 0) > 0);
	expect_bytes(0, block, MANY);
	assert_int_equal(fake_stream_room(host, 0), 4096);
}

static void no_output_is_lost_however_slow_the_peer_is(void **state)
{
	uint32_t head, len;

	begin(NULL, 0, 2);
	fake_stream_limit(host, 0, 1000);
	assert_false(guest_sends(1, block, 5000));
	assert_false(guest_sends(1, block + 5000, 1000));
	for (unsigned i = 0; i < 10; i++) {
		fake_stream_limit(host, 0, 500);
		fake_stream_event(host, 0, VOLT_STREAM_ROOM);
	}
	expect_output(0, block, 6000);
	assert_true(fake_driver_used(driver, 1, &head, &len));
	assert_true(fake_driver_used(driver, 1, &head, &len));
	assert_int_equal(fake_counter(host, "tx_dropped"), 0);
}

/* Linux waits for each chain of its console on a spinning vCPU. */
static void a_console_that_takes_nothing_does_not_hold_the_guest(void **state)
{
	uint32_t head, len;

	begin(NULL, 0, 2);
	fake_stream_limit(host, 0, 3);
	assert_false(guest_sends(1, "abcdef", 6));
	fake_advance(host, 199999999);
	assert_false(fake_driver_used(driver, 1, &head, &len));
	fake_advance(host, 1);
	assert_true(fake_driver_used(driver, 1, &head, &len));
	assert_int_equal(fake_counter(host, "tx_dropped"), 3);
	assert_true(guest_sends(1, "gh", 2));
	assert_int_equal(fake_counter(host, "tx_dropped"), 5);
	fake_stream_limit(host, 0, 1);
	fake_stream_event(host, 0, VOLT_STREAM_ROOM);
	assert_false(guest_sends(1, "ij", 2)); /* it waits once more */
	expect_output(0, "abci", 4);
}

static void a_reset_ends_the_wait_for_the_peer(void **state)
{
	uint64_t deadline;

	begin(NULL, 0, 2);
	fake_stream_limit(host, 0, 3);
	assert_false(guest_sends(1, "abcdef", 6));
	assert_true(fake_timer_armed(host, 0, &deadline));
	fake_driver_reset(driver);
	assert_false(fake_timer_armed(host, 0, &deadline));
}

static void without_a_peer_output_is_lost(void **state)
{
	begin("console=unix:/a", 0, 2);
	assert_true(guest_sends(1, "hello", 5));
	assert_int_equal(fake_counter(host, "tx_dropped"), 5);
	fake_stream_event(host, 0, VOLT_STREAM_CONNECTED);
	assert_true(guest_sends(1, "hello", 5));
	expect_output(0, "hello", 5);
}

/* The rest of a chain is not for the next client. */
static void a_peer_that_leaves_frees_the_driver(void **state)
{
	uint32_t head, len;

	begin("console=unix:/a", 0, 2);
	fake_stream_event(host, 0, VOLT_STREAM_CONNECTED);
	fake_stream_limit(host, 0, 2);
	assert_false(guest_sends(1, "hello", 5));
	fake_stream_event(host, 0, VOLT_STREAM_DISCONNECTED);
	assert_true(fake_driver_used(driver, 1, &head, &len));
	assert_int_equal(fake_counter(host, "tx_dropped"), 3);
	fake_stream_limit(host, 0, SIZE_MAX);
	fake_stream_event(host, 0, VOLT_STREAM_CONNECTED);
	assert_true(guest_sends(1, "next", 4));
	expect_output(0, "henext", 6);
}

static void an_emergency_write_needs_no_driver(void **state)
{
	wire(*state);
	fake_driver_set(driver, FAKE_REG_CONFIG + 8, 'x');
	fake_driver_set(driver, FAKE_REG_CONFIG + 8, 0xffffff00u | 'y');
	expect_output(0, "xy", 2);
	assert_int_equal(config(8), 0);
	fake_driver_set(driver, FAKE_REG_CONFIG + 4, 7);
	assert_int_equal(config(4), 0);
	assert_int_equal(fake_counter(host, "quiet"), 1);
}

static void resize_is_told_by_the_configuration(void **state)
{
	const struct volt_call_arg args[] = {{"columns", "132"}, {"rows", "43"}};

	begin(NULL, SIZE, 2);
	const unsigned before = fake_driver_interrupts(driver);
	const uint32_t generation = fake_driver_get(driver, FAKE_REG_GENERATION);

	assert_int_equal(fake_command(host, "resize", args, 2), 0);
	assert_int_equal(config(0), 43u << 16 | 132);
	assert_int_equal(fake_driver_interrupts(driver), before + 1);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_GENERATION), generation + 1);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_ISR), 2);
}

static void a_terminals_size_is_there_before_the_driver(void **state)
{
	host = fake_host_create(&volt_plugin_virtio_console);
	assert_int_equal(fake_host_wire(host, NULL), 0);
	fake_stream_resize(host, 0, 80, 24);
	assert_int_equal(fake_host_run(host), 0);
	driver = fake_driver_create(host, RAM, RAM_SIZE);
	assert_true(fake_driver_start(driver, SIZE | LIBRARY, 2, RING));
	assert_int_equal(config(0), 24u << 16 | 80);
}

static void a_terminal_that_is_resized_is_told_once(void **state)
{
	begin(NULL, SIZE, 2);
	const unsigned before = fake_driver_interrupts(driver);

	fake_stream_resize(host, 0, 132, 43);
	fake_stream_resize(host, 0, 132, 43);
	assert_int_equal(config(0), 43u << 16 | 132);
	assert_int_equal(fake_driver_interrupts(driver), before + 1);
}

/* What lies on another port has no say. */
static void a_resized_terminal_is_told_by_a_message(void **state)
{
	const uint8_t size[] = {80, 0, 25, 0};

	begin("port1=stdio", MULTIPORT | SIZE, 6);
	open_port(0);
	fake_stream_resize(host, 1, 40, 20);
	expect_silence();
	fake_stream_resize(host, 0, 80, 25);
	expect_said(0, RESIZE, 0, size, 4);
	expect_silence();
}

/* A VM that goes on at another terminal. */
static void a_pause_does_not_hide_another_size(void **state)
{
	size_t n;

	begin(NULL, SIZE, 2);
	fake_stream_resize(host, 0, 80, 24);
	const uint8_t *saved = fake_state_save(host, &n);

	assert_non_null(saved);
	fake_stream_resize(host, 0, 100, 30);
	assert_int_equal(fake_state_load(host, saved, n), 0);
	assert_int_equal(config(0), 30u << 16 | 100);
}

static void resize_refuses_no_columns(void **state)
{
	const struct volt_call_arg args[] = {{"columns", "0"}, {"rows", "43"}};

	wire(NULL);
	assert_int_equal(fake_command(host, "resize", args, 2), -EINVAL);
}

/* ------------------------------------------------------------------- several ports */

static void ports_are_added_named_and_opened(void **state)
{
	begin(NAMED, MULTIPORT, 6);
	assert_int_equal(config(4), 2);
	expect_silence();
	control(0, DEVICE_READY, 1);
	expect_said(0, DEVICE_ADD, 1, NULL, 0);
	expect_said(1, DEVICE_ADD, 1, NULL, 0);
	expect_silence();
	control(0, PORT_READY, 1);
	expect_said(0, CONSOLE_PORT, 1, NULL, 0);
	expect_said(0, PORT_OPEN, 1, NULL, 0);
	control(1, PORT_READY, 1);
	expect_said(1, PORT_NAME, 1, "org.volt.agent", 14);
	expect_silence();
	fake_stream_event(host, 1, VOLT_STREAM_CONNECTED);
	expect_said(1, PORT_OPEN, 1, NULL, 0);
	fake_stream_event(host, 1, VOLT_STREAM_DISCONNECTED);
	expect_said(1, PORT_OPEN, 0, NULL, 0);
	expect_silence();
}

/* virtio 5.3.6.2.1: a port that exists is not added again. */
static void a_port_is_added_once_until_a_reset(void **state)
{
	begin(NAMED, MULTIPORT, 6);
	control(0, DEVICE_READY, 1);
	expect_said(0, DEVICE_ADD, 1, NULL, 0);
	expect_said(1, DEVICE_ADD, 1, NULL, 0);
	control(0, DEVICE_READY, 1);
	expect_silence();
	assert_true(fake_driver_start(driver, MULTIPORT | LIBRARY, 6, RING));
	give(CONTROL_RECEIVE, RING);
	control(0, DEVICE_READY, 1);
	expect_said(0, DEVICE_ADD, 1, NULL, 0);
}

static void ports_may_have_gaps_and_no_name(void **state)
{
	begin("console=null,port3=stdio", MULTIPORT, 10);
	assert_int_equal(config(4), 4);
	control(0, DEVICE_READY, 1);
	expect_said(0, DEVICE_ADD, 1, NULL, 0);
	expect_said(3, DEVICE_ADD, 1, NULL, 0);
	control(3, PORT_READY, 1);
	expect_said(3, PORT_OPEN, 1, NULL, 0);
	expect_silence();
}

static void each_port_has_its_own_bytes(void **state)
{
	begin("port1=stdio,port4=stdio,name4=four", MULTIPORT, 12);
	open_port(0);
	open_port(1);
	open_port(4);
	assert_true(guest_sends(1, "zero", 4));
	assert_true(guest_sends(5, "one", 3));
	assert_true(guest_sends(11, "four", 4));
	expect_output(0, "zero", 4);
	expect_output(1, "one", 3);
	expect_output(4, "four", 4);
	fake_stream_feed(host, 4, "to four", 7);
	fake_stream_feed(host, 1, "to one", 6);
	expect_bytes(4, (const uint8_t *)"to one", 6);
	expect_bytes(10, (const uint8_t *)"to four", 7);
}

static void a_port_that_the_guest_has_not_open_gets_nothing(void **state)
{
	uint32_t n;

	begin("port1=stdio", MULTIPORT, 6);
	control(0, DEVICE_READY, 1);
	control(1, PORT_READY, 1);
	assert_int_equal(fake_stream_feed(host, 1, "hello", 5), 0);
	control(1, PORT_OPEN, 1);
	fake_stream_pump(host, 1);
	expect_bytes(4, (const uint8_t *)"hello", 5);
	control(1, PORT_OPEN, 0);
	assert_int_equal(fake_stream_feed(host, 1, "late", 4), 0);
	assert_null(guest_gets(4, &n));
}

/* Not only the console waits: a named port does so for as long as it takes. */
static void a_named_port_waits_for_its_peer(void **state)
{
	uint32_t head, len;

	begin("port1=stdio", MULTIPORT, 6);
	open_port(1);
	fake_stream_limit(host, 1, 2);
	assert_false(guest_sends(5, "hello", 5));
	fake_advance(host, UINT64_C(3600000000000));
	assert_false(fake_driver_used(driver, 5, &head, &len));
	fake_stream_limit(host, 1, SIZE_MAX);
	fake_stream_event(host, 1, VOLT_STREAM_ROOM);
	assert_true(fake_driver_used(driver, 5, &head, &len));
	expect_output(1, "hello", 5);
}

/* The driver has no buffer while one client leaves and the next comes. */
static void the_driver_hears_that_another_client_is_there(void **state)
{
	begin(NAMED, MULTIPORT, 6);
	open_port(1);
	fake_stream_event(host, 1, VOLT_STREAM_CONNECTED);
	expect_said(1, PORT_OPEN, 1, NULL, 0);
	assert_true(fake_driver_start(driver, MULTIPORT | LIBRARY, 6, RING));
	give(CONTROL_RECEIVE, 2);
	control(0, DEVICE_READY, 1);
	control(1, PORT_READY, 1);
	fake_stream_event(host, 1, VOLT_STREAM_DISCONNECTED);
	fake_stream_event(host, 1, VOLT_STREAM_CONNECTED);
	expect_said(0, DEVICE_ADD, 1, NULL, 0);
	expect_said(1, DEVICE_ADD, 1, NULL, 0);
	expect_said(1, PORT_NAME, 1, "org.volt.agent", 14);
	expect_said(1, PORT_OPEN, 1, NULL, 0);
	expect_silence();
	fake_stream_event(host, 1, VOLT_STREAM_DISCONNECTED);
	fake_stream_event(host, 1, VOLT_STREAM_CONNECTED);
	expect_said(1, PORT_OPEN, 0, NULL, 0);
	expect_said(1, PORT_OPEN, 1, NULL, 0);
	expect_silence();
}

static void resize_is_told_by_a_message(void **state)
{
	const struct volt_call_arg args[] = {{"columns", "132"}, {"rows", "43"}};
	const uint8_t size[] = {132, 0, 43, 0};

	begin("port1=stdio", MULTIPORT | SIZE, 6);
	assert_int_equal(fake_command(host, "resize", args, 2), 0);
	open_port(0);
	assert_int_equal(fake_command(host, "resize", args, 2), 0);
	expect_said(0, RESIZE, 0, size, 4);
	control(0, PORT_READY, 1);
	expect_said(0, CONSOLE_PORT, 1, NULL, 0);
	expect_said(0, RESIZE, 0, size, 4);
	expect_said(0, PORT_OPEN, 1, NULL, 0);
}

/* A driver that does not know of ports has the console, at once. */
static void without_multiport_there_is_the_console(void **state)
{
	begin("port1=stdio", 0, 2);
	assert_true(guest_sends(1, "hello", 5));
	expect_output(0, "hello", 5);
	fake_stream_feed(host, 0, "answer", 6);
	expect_bytes(0, (const uint8_t *)"answer", 6);
	assert_int_equal(fake_stream_room(host, 1), 0);
}

static void ports_are_listed(void **state)
{
	begin(NAMED, MULTIPORT, 6);
	open_port(1);
	assert_int_equal(fake_command(host, "ports", NULL, 0), 0);
	assert_string_equal(fake_command_results(host),
	    "port=0\nname=\nconnected=1\nopen=0\n\n"
	    "port=1\nname=org.volt.agent\nconnected=0\nopen=1\n\n");
}

/* ------------------------------------------------------------------ saved state */

static void what_is_on_the_way_is_saved(void **state)
{
	size_t n;
	const uint8_t *saved;

	begin("port1=stdio,name1=x", MULTIPORT, 6);
	open_port(1);
	fake_stream_feed(host, 1, block, 16 * ROOM + 100);
	fake_stream_limit(host, 1, 2);
	assert_false(guest_sends(5, "hello", 5));
	saved = fake_state_save(host, &n);

	struct fake_host *first = host, *other = fake_host_create(&volt_plugin_virtio_console);

	assert_int_equal(fake_host_wire(other, "port1=unix:/b,name1=x"), 0);
	assert_int_equal(fake_host_run(other), 0);
	memcpy(fake_memory_add(other, RAM, RAM_SIZE), fake_driver_at(driver, RAM), RAM_SIZE);
	assert_int_equal(fake_state_load(other, saved, n), 0);
	assert_int_equal(fake_stream_room(other, 1), 4096 - 100);
	fake_stream_event(other, 1, VOLT_STREAM_CONNECTED);
	fake_advance(other, 0);
	assert_string_equal(fake_stream_output(other, 1, NULL), "llo");
	fake_host_destroy(other);
	host = first;
}

static void a_state_of_ports_that_are_not_there_is_refused(void **state)
{
	size_t n;

	begin("port1=stdio", MULTIPORT, 6);
	open_port(1);
	const uint8_t *saved = fake_state_save(host, &n);
	struct fake_host *other = fake_host_create(&volt_plugin_virtio_console);

	assert_int_equal(fake_host_wire(other, NULL), 0);
	assert_int_equal(fake_host_run(other), 0);
	assert_int_equal(fake_state_load(other, saved, n), -EINVAL);
	fake_host_destroy(other);
}

/* -------------------------------------------------------------------- parameters */

static void bad_parameters_have_their_reason(void **state)
{
	assert_int_equal(refused("name2=x", "name2=x has no port2"), -EINVAL);
	assert_int_equal(refused("port2=pty,name2=a/b", "name2: a name has"), -EINVAL);
	assert_int_equal(refused("port2=pty,name2=a b", "name2: a name has"), -EINVAL);
	assert_int_equal(refused("port1=nowhere", "port1"), -EINVAL);
}

static void each_call_of_the_host_that_fails_fails_init(void **state)
{
	for (unsigned n = 1; n < 50; n++) {
		struct fake_host *f = fake_host_create(&volt_plugin_virtio_console);

		fake_host_fail_call(f, n, ENOSPC);
		const int err = fake_host_wire(f, "port1=stdio");
		const bool failed = fake_host_failed_call(f) != NULL;

		assert_int_equal(err, failed ? -ENOSPC : 0);
		fake_host_destroy(f);
		if (!failed)
			return;
	}
	fail();
}

#define T(name)            cmocka_unit_test_setup_teardown(name, NULL, teardown)
#define T_WITH(name, text) cmocka_unit_test_prestate_setup_teardown(name, NULL, teardown, text)

int main(void)
{
	static char pci[] = "transport=pci", mmio[] = "transport=mmio";
	const struct CMUnitTest tests[] = {
	    T(alone_it_has_two_queues_and_no_multiport),
	    T(over_pci_it_is_a_communication_controller),
	    T_WITH(bytes_go_both_ways, mmio),
	    T_WITH(bytes_go_both_ways, pci),
	    T(input_waits_for_the_driver),
	    T(no_input_is_lost_however_slow_the_driver_is),
	    T(no_output_is_lost_however_slow_the_peer_is),
	    T(a_reset_ends_the_wait_for_the_peer),
	    T(a_console_that_takes_nothing_does_not_hold_the_guest),
	    T(without_a_peer_output_is_lost),
	    T(a_peer_that_leaves_frees_the_driver),
	    T_WITH(an_emergency_write_needs_no_driver, mmio),
	    T_WITH(an_emergency_write_needs_no_driver, pci),
	    T(resize_is_told_by_the_configuration),
	    T(a_terminals_size_is_there_before_the_driver),
	    T(a_terminal_that_is_resized_is_told_once),
	    T(a_resized_terminal_is_told_by_a_message),
	    T(a_pause_does_not_hide_another_size),
	    T(resize_refuses_no_columns),
	    T(ports_are_added_named_and_opened),
	    T(a_port_is_added_once_until_a_reset),
	    T(ports_may_have_gaps_and_no_name),
	    T(each_port_has_its_own_bytes),
	    T(a_port_that_the_guest_has_not_open_gets_nothing),
	    T(a_named_port_waits_for_its_peer),
	    T(the_driver_hears_that_another_client_is_there),
	    T(resize_is_told_by_a_message),
	    T(without_multiport_there_is_the_console),
	    T(ports_are_listed),
	    T(what_is_on_the_way_is_saved),
	    T(a_state_of_ports_that_are_not_there_is_refused),
	    cmocka_unit_test(bad_parameters_have_their_reason),
	    cmocka_unit_test(each_call_of_the_host_that_fails_fails_init),
	};

	return cmocka_run_group_tests_name("console", tests, fill, NULL);
}
