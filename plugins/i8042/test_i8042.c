/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The controller itself: registers, commands, output buffer, interrupts, wiring. */
#include <errno.h>
#include <string.h>

#include "test_i8042.h"

struct fake_host *boot(const char *params)
{
	struct fake_host *f = fake_host_create(&volt_plugin_i8042);

	assert_int_equal(fake_host_wire(f, params), 0);
	assert_int_equal(fake_host_run(f), 0);
	return f;
}

int setup(void **state)
{
	*state = boot(NULL);
	return 0;
}

int teardown(void **state)
{
	fake_host_destroy(*state);
	return 0;
}

void command(struct fake_host *f, uint8_t cmd)
{
	fake_out(f, COMMAND, cmd);
}

void command_data(struct fake_host *f, uint8_t cmd, uint8_t data)
{
	fake_out(f, COMMAND, cmd);
	fake_out(f, DATA, data);
}

uint8_t take(struct fake_host *f, uint8_t side)
{
	assert_int_equal(fake_in(f, STATUS) & (OBF | AUXB), OBF | side);
	return fake_in(f, DATA);
}

void assert_empty(struct fake_host *f)
{
	assert_int_equal(fake_in(f, STATUS) & OBF, 0);
}

uint8_t command_byte(struct fake_host *f)
{
	command(f, 0x20);
	return take(f, 0);
}

unsigned drain(struct fake_host *f)
{
	unsigned n = 0;

	for (; fake_in(f, STATUS) & OBF; n++) {
		fake_in(f, DATA);
		assert_true(n < 1000);
	}
	return n;
}

/* --------------------------------------------------------------- registers */

static void power_on_values_are_what_firmware_leaves_behind(void **state)
{
	assert_int_equal(fake_in(*state, STATUS), LOCK | SYS);
	assert_int_equal(command_byte(*state), 0x65);
	assert_false(fake_irq_level(*state, KBD));
	assert_false(fake_irq_level(*state, AUX));
}

static void reset_restores_power_on_values(void **state)
{
	command_data(*state, 0x60, 0x03);
	command_data(*state, 0x7f, 0x99);
	command_data(*state, 0xd1, 0x01);
	command_data(*state, 0xd4, 0xff);
	command(*state, 0xd1);

	fake_host_reset(*state);

	assert_int_equal(fake_in(*state, STATUS), LOCK | SYS);
	assert_false(fake_irq_level(*state, KBD));
	assert_false(fake_irq_level(*state, AUX));
	assert_int_equal(command_byte(*state), 0x65);
	command(*state, 0x3f);
	assert_int_equal(take(*state, 0), 0);
	command(*state, 0xd0);
	assert_int_equal(take(*state, 0) & 0x03, 0x03);
}

static void status_tells_which_port_was_written_last(void **state)
{
	command(*state, 0x60);
	assert_int_equal(fake_in(*state, STATUS) & A2, A2);

	fake_out(*state, DATA, 0x65);
	assert_int_equal(fake_in(*state, STATUS) & A2, 0);
}

static void system_flag_follows_the_command_byte(void **state)
{
	command_data(*state, 0x60, 0x61);
	assert_int_equal(fake_in(*state, STATUS) & SYS, 0);

	command(*state, 0xaa);
	assert_int_equal(fake_in(*state, STATUS) & SYS, SYS);
}

static void read_without_data_returns_the_last_byte(void **state)
{
	assert_int_equal(fake_in(*state, DATA), 0);
	command(*state, 0xaa);
	take(*state, 0);

	assert_int_equal(fake_in(*state, DATA), 0x55);
	assert_int_equal(fake_in(*state, DATA), 0x55);
	assert_empty(*state);
}

static void word_access_reaches_one_port_and_misses_the_next(void **state)
{
	command(*state, 0xaa);

	assert_int_equal(
	    fake_read(*state, VOLT_SPACE_PIO, 0x64, 2), 0xff00 | LOCK | SYS | A2 | OBF);
	assert_int_equal(fake_read(*state, VOLT_SPACE_PIO, 0x60, 2), 0xff55);
	assert_int_equal(fake_misses(*state), 2);

	fake_write(*state, VOLT_SPACE_PIO, 0x63, 2, 0xab00);
	assert_int_equal(take(*state, 0), 0x00);
}

/* ---------------------------------------------------------------- commands */

static void self_tests_succeed(void **state)
{
	command(*state, 0xaa);
	assert_int_equal(take(*state, 0), 0x55);
	command(*state, 0xab);
	assert_int_equal(take(*state, 0), 0x00);
	command(*state, 0xa9);
	assert_int_equal(take(*state, 0), 0x00);
	command(*state, 0xa4);
	assert_int_equal(take(*state, 0), 0xf1);
	assert_empty(*state);
}

static void self_test_keeps_the_command_byte(void **state)
{
	command_data(*state, 0x60, 0x74);
	command(*state, 0xaa);
	take(*state, 0);
	assert_int_equal(command_byte(*state), 0x74);
}

static void command_byte_reads_back_without_its_reserved_bit(void **state)
{
	for (unsigned v = 0; v < 256; v++) {
		command_data(*state, 0x60, (uint8_t)v);
		assert_int_equal(command_byte(*state), v & 0x7f);
	}
}

static void ram_keeps_its_bytes(void **state)
{
	for (uint8_t i = 1; i < 32; i++)
		command_data(*state, 0x60 + i, 0xe0 ^ i);
	for (uint8_t i = 1; i < 32; i++) {
		command(*state, 0x20 + i);
		assert_int_equal(take(*state, 0), 0xe0 ^ i);
	}
	assert_int_equal(command_byte(*state), 0x65);
}

static void disable_and_enable_are_bits_of_the_command_byte(void **state)
{
	command(*state, 0xad);
	command(*state, 0xa8);
	assert_int_equal(command_byte(*state) & 0x30, 0x10);
	command(*state, 0xe0);
	assert_int_equal(take(*state, 0), 0x02);

	command(*state, 0xae);
	command(*state, 0xa7);
	assert_int_equal(command_byte(*state) & 0x30, 0x20);
	command(*state, 0xe0);
	assert_int_equal(take(*state, 0), 0x01);
}

static void input_port_says_that_the_keyboard_is_not_locked(void **state)
{
	command(*state, 0xc0);
	assert_int_equal(take(*state, 0) & 0x80, 0x80);
}

static void a20_bit_is_kept_and_reset_bit_is_not(void **state)
{
	command_data(*state, 0xd1, 0xdd);
	command(*state, 0xd0);
	assert_int_equal(take(*state, 0) & 0x03, 0x01);

	command_data(*state, 0xd1, 0x02);
	command(*state, 0xd0);
	assert_int_equal(take(*state, 0) & 0x03, 0x03);
	assert_int_equal(fake_requested(*state, VOLT_REQUEST_RESET, NULL, NULL), 0);
}

static void output_port_shows_what_waits_in_the_buffer(void **state)
{
	command(*state, 0xd0);
	assert_int_equal(take(*state, 0) & 0x30, 0x00);
	command_data(*state, 0xd2, 1);
	command(*state, 0xd0);
	assert_int_equal(take(*state, 0) & 0x30, 0x10);
	command_data(*state, 0xd3, 1);
	command(*state, 0xd0);
	assert_int_equal(take(*state, 0) & 0x30, 0x20);
}

static void only_0xfe_resets(void **state)
{
	const char *why = NULL;

	for (unsigned cmd = 0xf0; cmd < 0x100; cmd++)
		if (cmd != 0xfe)
			command(*state, (uint8_t)cmd);
	assert_int_equal(fake_requested(*state, VOLT_REQUEST_RESET, NULL, NULL), 0);

	command(*state, 0xfe);
	command(*state, 0xfe);
	assert_int_equal(fake_requested(*state, VOLT_REQUEST_RESET, NULL, &why), 2);
	assert_string_equal(why, "i8042 command 0xFE");
	assert_empty(*state);
}

static void unknown_commands_are_counted_and_leave_no_trace(void **state)
{
	command(*state, 0x00);
	command(*state, 0x90);
	command(*state, 0xdf);
	assert_int_equal(fake_counter(*state, "unknown_commands"), 3);
	assert_int_equal(fake_counter(*state, "commands"), 3);
	assert_empty(*state);
}

static void a_new_command_cancels_the_one_that_waits_for_data(void **state)
{
	command(*state, 0x60);
	command(*state, 0xd2);
	fake_out(*state, DATA, 0x11);
	assert_int_equal(take(*state, 0), 0x11);
	assert_int_equal(command_byte(*state), 0x65);

	command(*state, 0x60);
	command(*state, 0xff);
	fake_out(*state, DATA, 0xee); /* an echo of the keyboard, no command byte */
	assert_int_equal(take(*state, 0), 0xee);
	assert_int_equal(command_byte(*state), 0x65);
}

/* ------------------------------------------------- output buffer, interrupts */

static void loopback_bytes_come_on_their_own_side(void **state)
{
	command_data(*state, 0x60, 0x47);
	command_data(*state, 0xd2, 0xf0); /* not a key: no translation */
	assert_true(fake_irq_level(*state, KBD));
	assert_false(fake_irq_level(*state, AUX));
	assert_int_equal(take(*state, 0), 0xf0);

	command_data(*state, 0xd3, 0xf0);
	assert_false(fake_irq_level(*state, KBD));
	assert_true(fake_irq_level(*state, AUX));
	assert_int_equal(take(*state, AUXB), 0xf0);
	assert_false(fake_irq_level(*state, AUX));
}

static void interrupts_come_only_when_enabled(void **state)
{
	command_data(*state, 0x60, 0x44);
	command_data(*state, 0xd2, 1);
	take(*state, 0);
	command_data(*state, 0xd3, 2);
	assert_int_equal(fake_irq_rises(*state, KBD), 0);
	assert_int_equal(fake_irq_rises(*state, AUX), 0);

	command_data(*state, 0x60, 0x47); /* a byte that waits interrupts now */
	assert_int_equal(fake_irq_rises(*state, AUX), 1);
	command_data(*state, 0x60, 0x45);
	assert_false(fake_irq_level(*state, AUX));
}

static void every_byte_is_an_edge_of_its_own(void **state)
{
	command_data(*state, 0x60, 0x47);
	fake_out(*state, DATA, 0xf2);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(fake_irq_rises(*state, KBD), i);
		assert_true(fake_irq_level(*state, KBD));
		take(*state, 0);
	}
	assert_false(fake_irq_level(*state, KBD));
	assert_int_equal(fake_irq_rises(*state, KBD), 3);
}

static void both_sides_take_turns_in_one_buffer(void **state)
{
	command_data(*state, 0x60, 0x47);
	command_data(*state, 0xd4, 0xf2);
	fake_out(*state, DATA, 0xee);

	assert_int_equal(take(*state, AUXB), 0xfa); /* was there first */
	assert_int_equal(take(*state, 0), 0xee);
	assert_int_equal(take(*state, AUXB), 0x00);
	assert_empty(*state);
	assert_int_equal(fake_irq_rises(*state, KBD), 1);
	assert_int_equal(fake_irq_rises(*state, AUX), 2);
}

static void answers_come_before_keys_and_keys_are_not_lost(void **state)
{
	command_data(*state, 0x60, 0x07);
	fake_out(*state, DATA, 0xf2);
	assert_int_equal(command_byte(*state), 0x07);
	command(*state, 0xaa);
	command(*state, 0xab);

	assert_int_equal(take(*state, 0), 0x00); /* the newer answer */
	assert_int_equal(take(*state, 0), 0xfa);
	assert_int_equal(take(*state, 0), 0xab);
	assert_int_equal(take(*state, 0), 0x83);
	assert_empty(*state);
	/* fa 07 fa 55 00 fa ab 83: each entered the buffer, and was an edge. */
	assert_int_equal(fake_irq_rises(*state, KBD), 8);
}

static void bytes_wait_while_the_clock_is_held(void **state)
{
	command_data(*state, 0x60, 0x07);
	fake_out(*state, DATA, 0xf2);
	command_data(*state, 0xd4, 0xf2);
	command(*state, 0xad);
	command(*state, 0xa7);
	assert_int_equal(take(*state, 0), 0xfa); /* had left the keyboard before */
	assert_empty(*state);

	command(*state, 0xa8);
	assert_int_equal(take(*state, AUXB), 0xfa);
	assert_int_equal(take(*state, AUXB), 0x00);
	command(*state, 0xae);
	assert_int_equal(take(*state, 0), 0xab);
	assert_int_equal(take(*state, 0), 0x83);
	assert_empty(*state);
}

static void sending_lets_go_of_the_clock(void **state)
{
	command_data(*state, 0x60, 0x34);
	fake_out(*state, DATA, 0xee);
	assert_int_equal(take(*state, 0), 0xee);
	assert_int_equal(command_byte(*state), 0x24);

	command_data(*state, 0xd4, 0xf4);
	assert_int_equal(take(*state, AUXB), 0xfa);
	assert_int_equal(command_byte(*state), 0x04);
}

/* -------------------------------------------------------------- without aux */

static void without_aux_nothing_of_it_is_there(void **state)
{
	struct fake_host *f = boot("aux=off");

	assert_false(fake_irq_claimed(f, AUX, NULL));
	assert_int_equal(fake_device_count(f), 1);
	assert_string_equal(fake_device(f, 0)->hid, "PNP0303");
	command(f, 0xa8);
	command_data(f, 0x60, 0x47);
	assert_int_equal(command_byte(f), 0x65);
	command(f, 0xa9);
	assert_int_equal(take(f, 0), 0x02);
	command_data(f, 0xd3, 0x5a);
	assert_int_equal(take(f, 0), 0x5a);
	command_data(f, 0xd4, 0xf2);
	assert_int_equal(fake_in(f, STATUS) & (OBF | AUXB | TIMEOUT), OBF | TIMEOUT);
	assert_int_equal(take(f, 0), 0xfe);
	assert_int_equal(fake_in(f, STATUS) & (OBF | TIMEOUT), 0);
	fake_host_destroy(f);
}

/* ------------------------------------------------------------------ wiring */

static void both_devices_are_described(void **state)
{
	const struct volt_acpi_device *kbd = fake_device(*state, 0), *aux = fake_device(*state, 1);
	uint32_t flags = 99;

	assert_int_equal(fake_device_count(*state), 2);
	assert_string_equal(kbd->hid, "PNP0303");
	assert_int_equal(kbd->resource_count, 3);
	assert_int_equal(kbd->resources[0].base, 0x60);
	assert_int_equal(kbd->resources[1].base, 0x64);
	assert_int_equal(kbd->resources[2].type, VOLT_RES_IRQ);
	assert_int_equal(kbd->resources[2].base, 1);
	assert_string_equal(aux->hid, "PNP0F13");
	assert_int_equal(aux->resource_count, 1);
	assert_int_equal(aux->resources[0].base, 12);
	assert_true(fake_irq_claimed(*state, KBD, &flags));
	assert_int_equal(flags, VOLT_IRQ_EDGE);
	assert_true(fake_irq_claimed(*state, AUX, &flags));
	assert_int_equal(flags, VOLT_IRQ_EDGE);
	assert_int_equal(fake_range_count(*state), 2);
}

static void init_fails_when_any_call_of_it_does(void **state)
{
	const unsigned calls = fake_host_calls(*state);

	assert_int_equal(calls, 6);
	for (unsigned n = 1; n <= calls; n++) {
		struct fake_host *f = fake_host_create(&volt_plugin_i8042);

		fake_host_fail_call(f, n, ENOSPC);
		assert_int_equal(fake_host_wire(f, NULL), -ENOSPC);
		assert_string_not_equal(fake_host_message(f), "");
		fake_host_destroy(f);
	}
}

static const void *no_ext(const struct volt_host *h, const char *id)
{
	return NULL;
}

static int bare_fail(const struct volt_host *h, int32_t err, const char *msg)
{
	assert_non_null(strstr(msg, VOLT_EXT_DESCRIBE));
	return -err;
}

static void init_fails_on_a_host_without_descriptions(void **state)
{
	const struct volt_host host = {.size = sizeof(host), .get_ext = no_ext, .fail = bare_fail};
	const struct volt_value value = {.u = 1};
	const struct volt_args args = {sizeof(args), sizeof(value), 1, &value};
	uint64_t self[64] = {0};

	assert_true(sizeof(self) >= volt_plugin_i8042.instance_size);
	assert_int_equal(volt_plugin_i8042.init(self, &host, &args), -ENOTSUP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(power_on_values_are_what_firmware_leaves_behind),
	    T(reset_restores_power_on_values),
	    T(status_tells_which_port_was_written_last),
	    T(system_flag_follows_the_command_byte),
	    T(read_without_data_returns_the_last_byte),
	    T(word_access_reaches_one_port_and_misses_the_next),
	    T(self_tests_succeed),
	    T(self_test_keeps_the_command_byte),
	    T(command_byte_reads_back_without_its_reserved_bit),
	    T(ram_keeps_its_bytes),
	    T(disable_and_enable_are_bits_of_the_command_byte),
	    T(input_port_says_that_the_keyboard_is_not_locked),
	    T(a20_bit_is_kept_and_reset_bit_is_not),
	    T(output_port_shows_what_waits_in_the_buffer),
	    T(only_0xfe_resets),
	    T(unknown_commands_are_counted_and_leave_no_trace),
	    T(a_new_command_cancels_the_one_that_waits_for_data),
	    T(loopback_bytes_come_on_their_own_side),
	    T(interrupts_come_only_when_enabled),
	    T(every_byte_is_an_edge_of_its_own),
	    T(both_sides_take_turns_in_one_buffer),
	    T(answers_come_before_keys_and_keys_are_not_lost),
	    T(bytes_wait_while_the_clock_is_held),
	    T(sending_lets_go_of_the_clock),
	    cmocka_unit_test(without_aux_nothing_of_it_is_there),
	    T(both_devices_are_described),
	    T(init_fails_when_any_call_of_it_does),
	    cmocka_unit_test(init_fails_on_a_host_without_descriptions),
	};
#undef T
	int failed = cmocka_run_group_tests_name("i8042 controller", tests, NULL, NULL);

	failed += run_device_tests();
	failed += run_guest_tests();
	failed += run_hostile_tests();
	return failed;
}
