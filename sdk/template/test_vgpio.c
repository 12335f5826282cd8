/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The driver of a guest, over either transport, without a guest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <volt/fake_driver.h>

#include <cmocka.h> /* last: its fail() is a macro */

#define RAM      0x100000u
#define RAM_SIZE 0x4000u
#define FEATURES (UINT64_C(3) << 28 | UINT64_C(1) << 32)

/* virtio 1.2, 5.18 */
enum { GET_DIRECTION = 2, SET_DIRECTION, GET_VALUE, SET_VALUE };
enum { OUT = 1, IN };
#define OK  0
#define ERR 1

extern const struct volt_plugin volt_plugin_vgpio;

struct bench {
	struct fake_host *f;
	struct fake_driver *d;
};

static int setup_with(void **state, const char *params)
{
	static struct bench b;

	b.f = fake_host_create(&volt_plugin_vgpio);
	if (fake_host_wire(b.f, params) || fake_host_run(b.f))
		return -1;
	b.d = fake_driver_create(b.f, RAM, RAM_SIZE);
	*state = &b;
	return !fake_driver_start(b.d, FEATURES, 1, 8);
}

static int setup_mmio(void **state)
{
	return setup_with(state, NULL);
}

static int setup_pci(void **state)
{
	return setup_with(state, "transport=pci");
}

static int teardown(void **state)
{
	struct bench *b = *state;

	fake_driver_destroy(b->d);
	fake_host_destroy(b->f);
	return 0;
}

/* One request of `n` bytes: what came back, value << 8 | status, or -1. */
static int ask_short(struct bench *b, uint32_t n, unsigned type, unsigned line, uint32_t value)
{
	const uint64_t at = fake_driver_alloc(b->d, 16, 16);
	const struct fake_segment s[] = {{at, n, false}, {at + 8, 2, true}};
	uint8_t *bytes = fake_driver_at(b->d, at);
	uint32_t head, len;

	volt_put_le16(bytes, (uint16_t)type);
	volt_put_le16(bytes + 2, (uint16_t)line);
	volt_put_le32(bytes + 4, value);
	fake_driver_add(b->d, 0, s, 2, FAKE_DIRECT);
	fake_driver_kick(b->d, 0);
	if (!fake_driver_used(b->d, 0, &head, &len) || len != 2)
		return -1;
	return bytes[9] << 8 | bytes[8];
}

static int ask(struct bench *b, unsigned type, unsigned line, uint32_t value)
{
	return ask_short(b, 8, type, line, value);
}

static void it_has_eight_lines(void **state)
{
	struct bench *b = *state;

	assert_int_equal(fake_driver_get(b->d, FAKE_REG_DEVICE_ID), 41);
	assert_int_equal(fake_driver_get(b->d, FAKE_REG_CONFIG), 8);
	assert_int_equal(ask(b, GET_VALUE, 7, 0), OK);
	assert_int_equal(ask(b, GET_VALUE, 8, 0), ERR);
}

static void the_guest_drives_a_line(void **state)
{
	struct bench *b = *state;
	const unsigned before = fake_driver_interrupts(b->d);

	assert_int_equal(ask(b, SET_DIRECTION, 3, OUT), OK);
	assert_int_equal(ask(b, SET_VALUE, 3, 1), OK);
	assert_int_equal(ask(b, GET_DIRECTION, 3, 0), OUT << 8 | OK);
	assert_int_equal(ask(b, GET_VALUE, 3, 0), 1 << 8 | OK);
	assert_true(fake_driver_interrupts(b->d) > before);
	assert_int_equal(fake_command(b->f, "lines", NULL, 0), 0);
	assert_non_null(strstr(fake_command_results(b->f), "line=3\ndirection=out\nvalue=1\n"));
}

static void the_operator_sets_a_line_that_the_guest_does_not_drive(void **state)
{
	struct bench *b = *state;
	const struct volt_call_arg args[] = {{"line", "5"}, {"value", "on"}};

	assert_int_equal(ask(b, SET_DIRECTION, 5, IN), OK);
	assert_int_equal(fake_command(b->f, "set", args, 2), 0);
	assert_int_equal(ask(b, GET_VALUE, 5, 0), 1 << 8 | OK);
	assert_int_equal(ask(b, SET_DIRECTION, 5, OUT), OK);
	assert_int_equal(fake_command(b->f, "set", args, 2), -EBUSY);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct bench *b = *state;

	assert_int_equal(ask(b, SET_DIRECTION, 0, 3), ERR);
	assert_int_equal(ask(b, SET_VALUE, 0, 2), ERR);
	assert_int_equal(ask(b, 99, 0, 0), ERR);
	assert_int_equal(ask_short(b, 7, GET_VALUE, 0, 0), ERR);
	assert_int_equal(fake_counter(b->f, "refused"), 4);
	assert_int_equal(ask(b, GET_VALUE, 0, 0), OK);
}

static void goes_on_after_save_and_restore(void **state)
{
	fake_state_fuzz(&volt_plugin_vgpio, NULL, 1, 20);
	fake_state_fuzz(&volt_plugin_vgpio, "transport=pci", 1, 20);
}

#define BOTH(name) \
	cmocka_unit_test_setup_teardown(name, setup_mmio, teardown), \
	    cmocka_unit_test_setup_teardown(name, setup_pci, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    BOTH(it_has_eight_lines),
	    BOTH(the_guest_drives_a_line),
	    BOTH(the_operator_sets_a_line_that_the_guest_does_not_drive),
	    BOTH(what_makes_no_sense_is_refused),
	    cmocka_unit_test(goes_on_after_save_and_restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
