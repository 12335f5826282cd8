/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Guests that mean harm, or nothing at all. The numbers are of the hardening list. */
#include <stdlib.h>

#include "test_i8042.h"

/* The longest that a guest can find waiting: the buffer, a byte that stepped back and
 * the two devices' queues. */
#define MOST_BYTES (1 + 1 + 32 + 32)

/* I06: every command with every data byte; of them all only 0xfe resets. */
static void every_command_with_every_byte_is_bounded(void **state)
{
	unsigned resets = 0;

	for (unsigned cmd = 0; cmd < 256; cmd++) {
		for (unsigned data = 0; data < 256; data++) {
			command_data(*state, (uint8_t)cmd, (uint8_t)data);
			resets += cmd == 0xfe;
			assert_int_equal(fake_in(*state, STATUS) & (IBF | 0x80), 0);
			assert_in_range(drain(*state), 0, MOST_BYTES);
		}
	}
	assert_int_equal(fake_requested(*state, VOLT_REQUEST_RESET, NULL, NULL), resets);
	assert_int_equal(resets, 256);
}

/* The same for the devices: every command byte, and every byte after it. */
static void every_device_command_with_every_byte_is_bounded(void **state)
{
	for (unsigned pair = 0; pair < 65536; pair++) {
		command_data(*state, 0xd4, (uint8_t)(pair >> 8));
		command_data(*state, 0xd4, (uint8_t)pair);
		fake_out(*state, DATA, (uint8_t)(pair >> 8));
		fake_out(*state, DATA, (uint8_t)pair);
		assert_in_range(drain(*state), 4, MOST_BYTES);
		command_data(*state, 0xd4, 0xff);
	}
	assert_int_equal(fake_requested(*state, VOLT_REQUEST_RESET, NULL, NULL), 0);
}

/* I07: nothing is ever read. */
static void a_storm_of_commands_is_bounded(void **state)
{
	command_data(*state, 0x60, 0x47);
	for (unsigned i = 0; i < 200000; i++) {
		command(*state, (uint8_t)(i % 0xf0));
		fake_out(*state, DATA, 0xf2);
	}
	command(*state, 0xae);
	command(*state, 0xa8);
	assert_in_range(drain(*state), 1, MOST_BYTES);
}

/* I08 */
static void ctrl_alt_del_in_a_flood_is_sent_or_dropped(void **state)
{
	const unsigned rounds = 20000;

	for (unsigned i = 0; i < rounds; i++) {
		fake_out(*state, DATA, (uint8_t)(0xed + i % 18));
		fake_attention(*state);
		if (i % 3 == 0)
			fake_in(*state, DATA);
	}
	assert_int_equal(
	    fake_counter(*state, "attention_sent") + fake_counter(*state, "attention_dropped"),
	    rounds);
	assert_in_range(drain(*state), 0, MOST_BYTES);
}

static uint32_t next_random(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

/* The interrupt lines say what the status register says. */
static void assert_lines_match(struct fake_host *f)
{
	const uint8_t status = fake_in(f, STATUS);
	const bool full = status & OBF, aux = status & AUXB;

	assert_int_equal(status & (IBF | 0x80), 0);
	assert_int_equal(status & LOCK, LOCK);
	assert_false(fake_irq_level(f, KBD) && !(full && !aux));
	assert_false(fake_irq_level(f, AUX) && !(full && aux));
}

static void fuzz_step(struct fake_host *f, uint32_t r)
{
	const uint8_t byte = (uint8_t)(r >> 8);

	switch (r % 8) {
	case 0:
	case 1:
		fake_out(f, DATA, byte);
		break;
	case 2:
	case 3:
		command(f, byte);
		break;
	case 4:
		command_data(f, 0xd4, byte);
		break;
	case 5:
	case 6:
		fake_in(f, DATA);
		break;
	case 7:
		fake_attention(f);
		break;
	}
	assert_lines_match(f);
}

static uint32_t fuzz_seed(void)
{
	const char *text = getenv("VOLT_FUZZ_SEED");
	uint32_t seed = text ? (uint32_t)strtoul(text, NULL, 0) : 0x8042;

	print_message("fuzz seed 0x%x (VOLT_FUZZ_SEED)\n", seed);
	return seed ? seed : 1;
}

static void a_million_random_accesses_stay_bounded(void **state)
{
	uint32_t random = fuzz_seed();

	for (unsigned i = 1; i <= 1000000; i++) {
		fuzz_step(*state, next_random(&random));
		if (i % 1000)
			continue;
		command(*state, 0xae);
		command(*state, 0xa8);
		assert_in_range(drain(*state), 0, MOST_BYTES);
	}
	command(*state, 0xaa); /* still a controller */
	assert_int_equal(take(*state, 0), 0x55);
}

int run_hostile_tests(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(every_command_with_every_byte_is_bounded),
	    T(every_device_command_with_every_byte_is_bounded),
	    T(a_storm_of_commands_is_bounded),
	    T(ctrl_alt_del_in_a_flood_is_sent_or_dropped),
	    T(a_million_random_accesses_stay_bounded),
	};
#undef T
	return cmocka_run_group_tests_name("i8042 hostile guests", tests, NULL, NULL);
}
