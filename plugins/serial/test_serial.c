/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * How the serial port is wired: parameters, ports, line, stream, description. The chip's
 * own tests are in the other files, one group each.
 */
#include "test_serial.h"

#include <errno.h>

static int host_setup(void **state)
{
	*state = fake_host_create(&volt_plugin_serial);
	return 0;
}

static void it_is_com1_by_default(void **state)
{
	struct fake_host *f = *state;
	uint32_t flags = 99;

	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_int_equal(fake_range_count(f), 1);
	assert_int_equal(fake_range(f, 0)->space, VOLT_SPACE_PIO);
	assert_int_equal(fake_range(f, 0)->base, 0x3f8);
	assert_int_equal(fake_range(f, 0)->len, 8);
	assert_int_equal(fake_range(f, 0)->sizes, VOLT_IO_1);
	assert_int_equal(fake_range(f, 0)->flags, VOLT_RANGE_SPLIT);
	assert_true(fake_irq_claimed(f, 4, &flags));
	assert_int_equal(flags, VOLT_IRQ_EDGE);
}

static void it_is_where_base_and_irq_say(void **state)
{
	struct fake_host *f = *state;

	assert_int_equal(fake_host_wire(f, "base=0x2e8,irq=10"), 0);
	assert_int_equal(fake_range(f, 0)->base, 0x2e8);
	assert_true(fake_irq_claimed(f, 10, NULL));
	assert_false(fake_irq_claimed(f, 4, NULL));
}

static void it_is_described_as_pnp0501_with_ports_and_irq(void **state)
{
	struct fake_host *f = *state;

	assert_int_equal(fake_host_wire(f, "base=0x2f8,irq=3"), 0);
	assert_int_equal(fake_device_count(f), 1);
	const struct volt_acpi_device *d = fake_device(f, 0);

	assert_string_equal(d->hid, "PNP0501");
	assert_null(d->cid);
	assert_int_equal(d->resource_count, 2);
	assert_int_equal(d->resources[0].type, VOLT_RES_PIO);
	assert_int_equal(d->resources[0].base, 0x2f8);
	assert_int_equal(d->resources[0].len, 8);
	assert_int_equal(d->resources[1].type, VOLT_RES_IRQ);
	assert_int_equal(d->resources[1].base, 3);
	assert_int_equal(d->resources[1].flags, VOLT_IRQ_EDGE);
	assert_string_equal(fake_cmdline(f), "");
}

static void base_that_is_no_multiple_of_8_is_refused(void **state)
{
	struct fake_host *f = *state;

	assert_int_equal(fake_host_wire(f, "base=0x3fc"), -EINVAL);
	assert_non_null(strstr(fake_host_message(f), "0x3fc"));
	assert_int_equal(fake_range_count(f), 0);
}

static void base_of_the_last_eight_ports_is_accepted(void **state)
{
	assert_int_equal(fake_host_wire(*state, "base=0xfff8"), 0);
}

static void base_beyond_the_last_eight_ports_is_refused(void **state)
{
	assert_int_not_equal(fake_host_wire(*state, "base=0x10000"), 0);
	assert_non_null(strstr(fake_host_message(*state), "base"));
}

static void irq_beyond_the_last_line_is_refused(void **state)
{
	assert_int_not_equal(fake_host_wire(*state, "irq=24"), 0);
	assert_non_null(strstr(fake_host_message(*state), "irq"));
}

static void each_call_of_the_host_that_fails_fails_init(void **state)
{
	static const int errs[] = {EINVAL, EBUSY, ENOSPC, EPERM};

	assert_int_equal(fake_host_wire(*state, NULL), 0);
	const unsigned calls = fake_host_calls(*state);

	assert_int_equal(calls, 5); /* range, line, stream, timer, description */
	for (unsigned n = 1; n <= calls; n++) {
		for (unsigned e = 0; e < sizeof(errs) / sizeof(errs[0]); e++) {
			struct fake_host *f = fake_host_create(&volt_plugin_serial);

			fake_host_fail_call(f, n, errs[e]);
			assert_int_equal(fake_host_wire(f, NULL), -errs[e]);
			assert_string_not_equal(fake_host_message(f), "");
			fake_host_destroy(f);
		}
	}
}

/* A host, not the fake one, that lacks the extension `missing` and takes all calls. */
struct poor_host {
	const char *missing;
	char message[256];
};

static int poor_fail(const struct volt_host *h, int32_t err, const char *msg)
{
	struct poor_host *p = h->core;

	snprintf(p->message, sizeof(p->message), "%s", msg);
	return -err;
}

static int poor_add_range(const struct volt_host *h, const struct volt_range *r)
{
	return 0;
}

static int poor_add_irq(const struct volt_host *h, uint32_t gsi, uint32_t flags, uint32_t *line)
{
	return 0;
}

static int poor_attach(
    const struct volt_host *h, uint32_t stream, const struct volt_stream_ops *ops)
{
	return 0;
}

static int poor_add_timer(const struct volt_host *h, void (*fire)(void *self), uint32_t *timer)
{
	return 0;
}

static const void *poor_get_ext(const struct volt_host *h, const char *id)
{
	static const struct volt_stream stream = {.size = sizeof(stream), .attach = poor_attach};
	static const struct volt_loop loop = {.size = sizeof(loop), .add_timer = poor_add_timer};
	const struct poor_host *p = h->core;

	if (!strcmp(id, p->missing))
		return NULL;
	if (!strcmp(id, VOLT_EXT_STREAM))
		return &stream;
	return strcmp(id, VOLT_EXT_LOOP) ? NULL : &loop;
}

static int init_under(struct poor_host *p)
{
	static const struct volt_value values[] = {{.u = 0x3f8}, {.u = 4}, {.u = 0}};
	const struct volt_args args = {sizeof(args), sizeof(values[0]), 3, values};
	const struct volt_host h = {
	    .size = sizeof(h),
	    .core = p,
	    .fail = poor_fail,
	    .add_range = poor_add_range,
	    .add_irq = poor_add_irq,
	    .get_ext = poor_get_ext,
	};
	void *self = test_calloc(1, volt_plugin_serial.instance_size);
	const int err = volt_plugin_serial.init(self, &h, &args);

	test_free(self);
	return err;
}

static void host_without_streams_is_refused(void **state)
{
	struct poor_host p = {.missing = VOLT_EXT_STREAM};

	assert_int_equal(init_under(&p), -ENOTSUP);
	assert_non_null(strstr(p.message, VOLT_EXT_STREAM));
}

static void host_without_timers_is_refused(void **state)
{
	struct poor_host p = {.missing = VOLT_EXT_LOOP};

	assert_int_equal(init_under(&p), -ENOTSUP);
	assert_non_null(strstr(p.message, VOLT_EXT_LOOP));
}

static void host_that_describes_nothing_will_do(void **state)
{
	struct poor_host p = {.missing = VOLT_EXT_DESCRIBE};

	assert_int_equal(init_under(&p), 0);
}

static void two_ports_share_nothing(void **state)
{
	struct fake_host *a = *state, *b = fake_host_create(&volt_plugin_serial);

	assert_int_equal(fake_host_wire(a, NULL), 0);
	assert_int_equal(fake_host_wire(b, "base=0x2f8,irq=3"), 0);
	assert_int_equal(fake_host_run(a), 0);
	assert_int_equal(fake_host_run(b), 0);
	fake_out(a, 0x3f8 + SCR, 0x11);
	fake_out(b, 0x2f8 + SCR, 0x22);
	fake_out(a, 0x3f8, 'a');
	fake_out(b, 0x2f8, 'b');
	fake_out(b, 0x2f8 + MCR, MCR_OUT2);
	fake_out(b, 0x2f8 + IER, IER_ETBEI);

	assert_int_equal(fake_in(a, 0x3f8 + SCR), 0x11);
	assert_int_equal(fake_in(b, 0x2f8 + SCR), 0x22);
	assert_string_equal(fake_stream_output(a, 0, NULL), "a");
	assert_string_equal(fake_stream_output(b, 0, NULL), "b");
	assert_false(fake_irq_level(a, 4));
	assert_true(fake_irq_level(b, 3));
	fake_host_destroy(b);
}

/* Standard input and output are there before the guest, which sees no change. */
static void stdio_has_a_peer_from_the_start(void **state)
{
	struct fake_host *f = *state;

	assert_int_equal(fake_host_wire(f, "console=stdio"), 0);
	assert_int_equal(fake_host_run(f), 0);
	assert_int_equal(fake_in(f, 0x3f8 + MSR), 0xb0);
}

static void socket_has_no_peer_before_its_client(void **state)
{
	struct fake_host *f = *state;

	assert_int_equal(fake_host_wire(f, "console=unix:/tmp/serial"), 0);
	assert_int_equal(fake_host_run(f), 0);
	assert_int_equal(fake_in(f, 0x3f8 + MSR), 0x00);
	fake_stream_event(f, 0, VOLT_STREAM_CONNECTED);
	assert_int_equal(fake_in(f, 0x3f8 + MSR), 0xbb);
}

static void it_asks_nothing_of_the_machine(void **state)
{
	struct fake_host *f = *state;

	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_int_equal(fake_host_run(f), 0);
	for (unsigned i = 0; i < 0x800; i++)
		fake_out(f, (uint16_t)(0x3f8 + i % 8), (uint8_t)(i / 8));
	for (uint32_t what = VOLT_REQUEST_RESET; what <= VOLT_REQUEST_ATTENTION; what++)
		assert_int_equal(fake_requested(f, what, NULL, NULL), 0);
}

#define WIRING_TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, serial_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WIRING_TEST(it_is_com1_by_default),
	    WIRING_TEST(it_is_where_base_and_irq_say),
	    WIRING_TEST(it_is_described_as_pnp0501_with_ports_and_irq),
	    WIRING_TEST(base_that_is_no_multiple_of_8_is_refused),
	    WIRING_TEST(base_of_the_last_eight_ports_is_accepted),
	    WIRING_TEST(base_beyond_the_last_eight_ports_is_refused),
	    WIRING_TEST(irq_beyond_the_last_line_is_refused),
	    WIRING_TEST(each_call_of_the_host_that_fails_fails_init),
	    cmocka_unit_test(host_without_streams_is_refused),
	    cmocka_unit_test(host_without_timers_is_refused),
	    cmocka_unit_test(host_that_describes_nothing_will_do),
	    WIRING_TEST(two_ports_share_nothing),
	    WIRING_TEST(stdio_has_a_peer_from_the_start),
	    WIRING_TEST(socket_has_no_peer_before_its_client),
	    WIRING_TEST(it_asks_nothing_of_the_machine),
	};
	int failed = cmocka_run_group_tests_name("wiring", tests, NULL, NULL);

	failed += test_serial_registers();
	failed += test_serial_receiver();
	failed += test_serial_modem();
	failed += test_serial_interrupts();
	failed += test_serial_timeout();
	failed += test_serial_linux();
	failed += test_serial_fuzz();
	return failed;
}
