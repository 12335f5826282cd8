/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The keyboard and the mouse, through the controller's ports. */
#include <string.h>

#include "ps2.h"
#include "test_i8042.h"

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

/* Both clocks free, no translation. */
static int setup_raw(void **state)
{
	setup(state);
	command_data(*state, 0x60, 0x07);
	return 0;
}

static void expect(struct fake_host *f, uint8_t side, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(take(f, side), bytes[i]);
	assert_empty(f);
}

static void kbd(struct fake_host *f, uint8_t byte, const uint8_t *bytes, size_t n)
{
	fake_out(f, DATA, byte);
	expect(f, 0, bytes, n);
}

static void mouse(struct fake_host *f, uint8_t byte, const uint8_t *bytes, size_t n)
{
	command_data(f, 0xd4, byte);
	expect(f, AUXB, bytes, n);
}

/* ---------------------------------------------------------------- keyboard */

static void keyboard_answers_each_command(void **state)
{
	kbd(*state, 0xff, BYTES(0xfa, 0xaa));
	kbd(*state, 0xf2, BYTES(0xfa, 0xab, 0x83));
	kbd(*state, 0xee, BYTES(0xee));
	kbd(*state, 0xf5, BYTES(0xfa));
	kbd(*state, 0xf6, BYTES(0xfa));
	kbd(*state, 0xf4, BYTES(0xfa));
	for (uint8_t cmd = 0xf7; cmd <= 0xfa; cmd++)
		kbd(*state, cmd, BYTES(0xfa));
}

static void keyboard_takes_parameters(void **state)
{
	kbd(*state, 0xed, BYTES(0xfa));
	kbd(*state, 0x07, BYTES(0xfa));
	kbd(*state, 0xf3, BYTES(0xfa));
	kbd(*state, 0x00, BYTES(0xfa));
	kbd(*state, 0x00, BYTES(0xfe)); /* nothing is due any more */
}

static void keyboard_refuses_bad_parameters(void **state)
{
	kbd(*state, 0xed, BYTES(0xfa));
	kbd(*state, 0x80, BYTES(0xfe));
	kbd(*state, 0xf0, BYTES(0xfa));
	kbd(*state, 0x04, BYTES(0xfe));
	kbd(*state, 0xf0, BYTES(0xfa));
	kbd(*state, 0x00, BYTES(0xfa, 0x02));
}

static void keyboard_takes_a_command_where_a_parameter_is_due(void **state)
{
	kbd(*state, 0xed, BYTES(0xfa));
	kbd(*state, 0xf2, BYTES(0xfa, 0xab, 0x83));
	kbd(*state, 0x00, BYTES(0xfe));
}

static void keyboard_scan_set_is_chosen_and_told(void **state)
{
	for (uint8_t set = 1; set <= 3; set++) {
		kbd(*state, 0xf0, BYTES(0xfa));
		kbd(*state, set, BYTES(0xfa));
		kbd(*state, 0xf0, BYTES(0xfa));
		kbd(*state, 0x00, BYTES(0xfa, set));
	}
	kbd(*state, 0xf6, BYTES(0xfa));
	kbd(*state, 0xf0, BYTES(0xfa));
	kbd(*state, 0x00, BYTES(0xfa, 0x02));
}

static void keyboard_repeats_its_last_byte(void **state)
{
	kbd(*state, 0xfe, BYTES(0xaa)); /* of the power-on test */
	kbd(*state, 0xf2, BYTES(0xfa, 0xab, 0x83));
	kbd(*state, 0xfe, BYTES(0x83));
	kbd(*state, 0x00, BYTES(0xfe));
	kbd(*state, 0xfe, BYTES(0x83)); /* never "say that again" itself */
}

static void keyboard_refuses_unknown_commands(void **state)
{
	for (unsigned cmd = 0; cmd < 0xed; cmd++)
		kbd(*state, (uint8_t)cmd, BYTES(0xfe));
	kbd(*state, 0xef, BYTES(0xfe));
	kbd(*state, 0xf1, BYTES(0xfe));
}

static void keyboard_answers_that_do_not_fit_are_whole_and_counted(void **state)
{
	/* One in the buffer and 32 in the queue; then nothing of a three-byte answer. */
	for (unsigned i = 0; i < 31; i++)
		fake_out(*state, DATA, 0xee);
	fake_out(*state, DATA, 0xf2);
	assert_int_equal(fake_counter(*state, "lost_answers"), 1);
	for (unsigned i = 0; i < 4; i++)
		fake_out(*state, DATA, 0xee);
	assert_int_equal(fake_counter(*state, "lost_answers"), 3);

	for (unsigned i = 0; i < 33; i++)
		assert_int_equal(take(*state, 0), 0xee);
	assert_empty(*state);
}

/* ------------------------------------------------------------ Ctrl-Alt-Del */

static void choose_set(struct fake_host *f, uint8_t set)
{
	kbd(f, 0xf0, BYTES(0xfa));
	kbd(f, set, BYTES(0xfa));
}

static void ctrl_alt_del_is_translated_to_set_1(void **state)
{
	command_data(*state, 0x60, 0x45);
	fake_attention(*state);
	expect(*state, 0, BYTES(0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d));
	assert_int_equal(fake_irq_rises(*state, KBD), 8);
	fake_attention(*state); /* a release ends with its own key */
	expect(*state, 0, BYTES(0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d));
	assert_int_equal(fake_counter(*state, "attention_sent"), 2);
}

static void ctrl_alt_del_in_each_set(void **state)
{
	fake_attention(*state);
	expect(*state, 0, BYTES(0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14));
	choose_set(*state, 1);
	fake_attention(*state);
	expect(*state, 0, BYTES(0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d));
	choose_set(*state, 3);
	fake_attention(*state);
	expect(*state, 0, BYTES(0x11, 0x19, 0x64, 0xf0, 0x64, 0xf0, 0x19, 0xf0, 0x11));
}

static void key_types_of_set_3_say_who_tells_a_release(void **state)
{
	choose_set(*state, 3);
	kbd(*state, 0xf9, BYTES(0xfa)); /* make only */
	fake_attention(*state);
	expect(*state, 0, BYTES(0x11, 0x19, 0x64));

	kbd(*state, 0xfc, BYTES(0xfa)); /* make and break, for the keys that follow */
	kbd(*state, 0x19, BYTES(0xfa));
	kbd(*state, 0x64, BYTES(0xfa));
	kbd(*state, 0x01, BYTES(0xfa)); /* a key that is never typed */
	kbd(*state, 0xfd, BYTES(0xfa));
	kbd(*state, 0x64, BYTES(0xfa));
	kbd(*state, 0xf4, BYTES(0xfa)); /* ends the list */
	fake_attention(*state);
	expect(*state, 0, BYTES(0x11, 0x19, 0x64, 0xf0, 0x19));
}

static void ctrl_alt_del_is_dropped_when_keys_are_not_wanted(void **state)
{
	kbd(*state, 0xf5, BYTES(0xfa));
	fake_attention(*state);
	assert_int_equal(fake_counter(*state, "attention_dropped"), 1);
	kbd(*state, 0xf4, BYTES(0xfa));
	command(*state, 0xad);
	fake_attention(*state);
	assert_int_equal(fake_counter(*state, "attention_dropped"), 2);
	command(*state, 0xae);
	assert_empty(*state);
	assert_int_equal(fake_counter(*state, "attention_sent"), 0);
}

static void ctrl_alt_del_without_room_is_dropped_whole(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		fake_attention(*state);
	assert_int_equal(fake_counter(*state, "attention_sent"), 1);
	assert_int_equal(fake_counter(*state, "attention_dropped"), 99);

	kbd(*state, 0xf4, BYTES(0x14, 0xfa)); /* keys that were not sent yet are forgotten */
	assert_int_equal(fake_counter(*state, "lost_answers"), 0);
}

static void translation_follows_the_bit(void **state)
{
	command_data(*state, 0x60, 0x45);
	kbd(*state, 0xf2, BYTES(0xfa, 0xab, 0x41));
	command_data(*state, 0x60, 0x05);
	kbd(*state, 0xf2, BYTES(0xfa, 0xab, 0x83));
}

/* Every key of set 2 has a key of set 1 of its own; the known ones are IBM's. */
static void translation_is_one_to_one(void **state)
{
	uint8_t seen[128] = {0};

	for (unsigned code = 1; code < 128; code++) {
		const uint8_t key = i8042_translate_to_set_1((uint8_t)code);

		assert_in_range(key, 1, 127);
		assert_int_equal(seen[key]++, 0);
	}
	assert_int_equal(i8042_translate_to_set_1(0x76), 0x01); /* Esc */
	assert_int_equal(i8042_translate_to_set_1(0x1c), 0x1e); /* A */
	assert_int_equal(i8042_translate_to_set_1(0x5a), 0x1c); /* Enter */
	assert_int_equal(i8042_translate_to_set_1(0x83), 0x41); /* F7 */
	assert_int_equal(i8042_translate_to_set_1(0x78), 0x57); /* F11 */
	assert_int_equal(i8042_translate_to_set_1(0x00), 0xff);
	for (unsigned code = 0x85; code < 256; code++)
		assert_int_equal(i8042_translate_to_set_1((uint8_t)code), code);
}

/* ------------------------------------------------------------------- mouse */

static void mouse_answers_each_command(void **state)
{
	mouse(*state, 0xff, BYTES(0xfa, 0xaa, 0x00));
	mouse(*state, 0xf2, BYTES(0xfa, 0x00));
	mouse(*state, 0xe9, BYTES(0xfa, 0x00, 0x02, 100));
	mouse(*state, 0xeb, BYTES(0xfa, 0x08, 0x00, 0x00));
	for (unsigned cmd = 0xe6; cmd <= 0xe7; cmd++)
		mouse(*state, (uint8_t)cmd, BYTES(0xfa));
	mouse(*state, 0xea, BYTES(0xfa));
	mouse(*state, 0xec, BYTES(0xfa));
	mouse(*state, 0xf0, BYTES(0xfa));
	mouse(*state, 0xf4, BYTES(0xfa));
	mouse(*state, 0xf5, BYTES(0xfa));
	mouse(*state, 0xf6, BYTES(0xfa));
}

static void mouse_status_tells_its_settings(void **state)
{
	mouse(*state, 0xe8, BYTES(0xfa));
	mouse(*state, 0x03, BYTES(0xfa));
	mouse(*state, 0xf3, BYTES(0xfa));
	mouse(*state, 200, BYTES(0xfa));
	mouse(*state, 0xe7, BYTES(0xfa));
	mouse(*state, 0xf0, BYTES(0xfa));
	mouse(*state, 0xf4, BYTES(0xfa));
	mouse(*state, 0xe9, BYTES(0xfa, 0x70, 0x03, 200));

	mouse(*state, 0xea, BYTES(0xfa));
	mouse(*state, 0xe6, BYTES(0xfa));
	mouse(*state, 0xe9, BYTES(0xfa, 0x20, 0x03, 200));
	mouse(*state, 0xf6, BYTES(0xfa));
	mouse(*state, 0xe9, BYTES(0xfa, 0x00, 0x02, 100));
}

static void mouse_takes_the_seven_rates_only(void **state)
{
	static const uint8_t rates[] = {10, 20, 40, 60, 80, 100, 200};

	for (unsigned v = 0; v < 255; v++) {
		const uint8_t rate = (uint8_t)v;

		mouse(*state, 0xf3, BYTES(0xfa));
		mouse(*state, rate, BYTES(memchr(rates, rate, sizeof(rates)) ? 0xfa : 0xfe));
	}
	mouse(*state, 0xe8, BYTES(0xfa));
	mouse(*state, 4, BYTES(0xfe));
}

static void mouse_reset_works_where_a_parameter_is_due(void **state)
{
	mouse(*state, 0xf3, BYTES(0xfa));
	mouse(*state, 0xff, BYTES(0xfa, 0xaa, 0x00));
}

static void mouse_in_wrap_mode_echoes(void **state)
{
	mouse(*state, 0xee, BYTES(0xfa));
	mouse(*state, 0xf2, BYTES(0xf2));
	mouse(*state, 0xee, BYTES(0xee));
	mouse(*state, 0x00, BYTES(0x00));
	mouse(*state, 0xec, BYTES(0xfa));
	mouse(*state, 0xf2, BYTES(0xfa, 0x00));

	mouse(*state, 0xee, BYTES(0xfa));
	mouse(*state, 0xff, BYTES(0xfa, 0xaa, 0x00));
	mouse(*state, 0xf2, BYTES(0xfa, 0x00));
}

static void mouse_repeats_and_refuses(void **state)
{
	mouse(*state, 0xe9, BYTES(0xfa, 0x00, 0x02, 100));
	mouse(*state, 0xfe, BYTES(100));
	for (unsigned cmd = 0; cmd < 0xe6; cmd++)
		mouse(*state, (uint8_t)cmd, BYTES(0xfe));
	mouse(*state, 0xe1, BYTES(0xfe)); /* TrackPoint id: none */
	mouse(*state, 0xed, BYTES(0xfe));
	mouse(*state, 0xf8, BYTES(0xfe));
}

static void mouse_answers_that_do_not_fit_are_counted(void **state)
{
	for (unsigned i = 0; i < 40; i++)
		command_data(*state, 0xd4, 0xf4);
	assert_int_equal(fake_counter(*state, "lost_answers"), 7);
	assert_int_equal(drain(*state), 33);
}

int run_device_tests(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_raw, teardown)
	const struct CMUnitTest tests[] = {
	    T(keyboard_answers_each_command),
	    T(keyboard_takes_parameters),
	    T(keyboard_refuses_bad_parameters),
	    T(keyboard_takes_a_command_where_a_parameter_is_due),
	    T(keyboard_scan_set_is_chosen_and_told),
	    T(keyboard_repeats_its_last_byte),
	    T(keyboard_refuses_unknown_commands),
	    T(keyboard_answers_that_do_not_fit_are_whole_and_counted),
	    T(ctrl_alt_del_is_translated_to_set_1),
	    T(ctrl_alt_del_in_each_set),
	    T(key_types_of_set_3_say_who_tells_a_release),
	    T(ctrl_alt_del_is_dropped_when_keys_are_not_wanted),
	    T(ctrl_alt_del_without_room_is_dropped_whole),
	    T(translation_follows_the_bit),
	    T(translation_is_one_to_one),
	    T(mouse_answers_each_command),
	    T(mouse_status_tells_its_settings),
	    T(mouse_takes_the_seven_rates_only),
	    T(mouse_reset_works_where_a_parameter_is_due),
	    T(mouse_in_wrap_mode_echoes),
	    T(mouse_repeats_and_refuses),
	    T(mouse_answers_that_do_not_fit_are_counted),
	};
#undef T
	return cmocka_run_group_tests_name("i8042 devices", tests, NULL, NULL);
}
