/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The MP table, read as a kernel reads it: offsets are those of the MP specification
 * 1.4, chapter 4. */
#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct kit kit;

static int setup(void **state)
{
	kit_init(&kit, KIT_RAM);
	kit.firmware.legacy_pic = true;
	return 0;
}

static int teardown(void **state)
{
	kit_finish(&kit);
	return 0;
}

/* Scans the last KiB of base memory at multiples of 16, as 4.0 says. */
static const uint8_t *pointer(void)
{
	for (uint64_t gpa = 0x9fc00; gpa < 0xa0000; gpa += 16)
		if (memcmp(kit.memory.host + gpa, "_MP_", 4) == 0)
			return kit.memory.host + gpa;
	return NULL;
}

static const uint8_t *table(void)
{
	kit_write_tables(&kit);
	assert_non_null(pointer());
	return memory_at(&kit.memory, kit_number(pointer() + 4, 4), 44);
}

/* The n-th entry of a type. Entries come sorted by type. */
static const uint8_t *entry(uint8_t type, unsigned n)
{
	static const uint8_t sizes[] = {20, 8, 8, 8, 8};
	const uint8_t *t = table();
	const uint8_t *at = t + 44;

	for (unsigned i = 0; i < kit_number(t + 34, 2); i++) {
		assert_true(at[0] < sizeof(sizes));
		if (at[0] == type && n-- == 0)
			return at;
		at += sizes[at[0]];
	}
	return NULL;
}

/* 3.6.2: ExtINT is the output of an 8259. All else is as with one. */
static void without_legacy_pic_only_its_output_is_missing(void **state)
{
	const uint8_t *whole = table();
	uint64_t entries = kit_number(whole + 34, 2);

	assert_int_equal(entry(4, 0)[1], 3);
	kit.firmware.legacy_pic = false;
	const uint8_t *t = table();
	assert_int_equal(kit_number(t + 34, 2), entries - 1);
	assert_int_equal(kit_sum(t, kit_number(t + 4, 2)), 0);
	assert_int_equal(entry(4, 0)[1], 1); /* NMI */
	assert_null(entry(4, 1));
	assert_int_equal(entry(3, 22)[7], 23);
}

static void floating_pointer_is_1_4_with_a_table(void **state)
{
	table();

	const uint8_t *p = pointer();
	assert_int_equal(p[8], 1); /* length, of 16 bytes */
	assert_int_equal(p[9], 4);
	assert_int_equal(p[11], 0); /* a configuration table is there */
	assert_int_equal(p[12], 0); /* no IMCR */
	assert_int_equal(kit_sum(p, 16), 0);
}

static void header_is_1_4_and_sums_to_zero(void **state)
{
	const uint8_t *t = table();

	assert_memory_equal(t, "PCMP", 4);
	assert_int_equal(t[6], 4);
	assert_int_equal(kit_sum(t, kit_number(t + 4, 2)), 0);
	assert_int_equal(kit_number(t + 36, 4), 0xfee00000);
	assert_int_equal(kit_number(t + 40, 2), 0);
}

static void count_and_length_agree_with_the_entries(void **state)
{
	kit.firmware.cpus = 3;
	const uint8_t *t = table();

	/* 3 processors, bus, I/O APIC, 24 pins less the cascade, 2 local lines */
	assert_int_equal(kit_number(t + 34, 2), 3 + 1 + 1 + 23 + 2);
	assert_int_equal(kit_number(t + 4, 2), 44 + 3 * 20 + 27 * 8);
}

static void processors_are_enabled_and_the_first_boots(void **state)
{
	kit.firmware.cpus = 2;

	assert_int_equal(entry(0, 0)[1], 0);
	assert_int_equal(entry(0, 0)[3], 3);
	assert_int_equal(entry(0, 1)[1], 1);
	assert_int_equal(entry(0, 1)[3], 1);
	assert_null(entry(0, 2));
}

static void bus_is_isa(void **state)
{
	static const uint8_t isa[] = {1, 0, 'I', 'S', 'A', ' ', ' ', ' '};

	assert_memory_equal(entry(1, 0), isa, sizeof(isa));
	assert_null(entry(1, 1));
}

static void io_apic_is_usable(void **state)
{
	static const uint8_t chip[] = {2, 1, 0x11, 1, 0, 0, 0xc0, 0xfe};

	assert_memory_equal(entry(2, 0), chip, sizeof(chip));
	assert_null(entry(2, 1));
}

static void pins_are_the_isa_interrupts_of_their_number(void **state)
{
	static const uint8_t first[] = {3, 0, 0, 0, 0, 0, 1, 0};
	static const uint8_t fourth[] = {3, 0, 0, 0, 0, 4, 1, 4};

	assert_memory_equal(entry(3, 0), first, sizeof(first));
	assert_memory_equal(entry(3, 3), fourth, sizeof(fourth)); /* 0, 1, 3, 4 */
	assert_int_equal(entry(3, 22)[7], 23);
	assert_null(entry(3, 23));
}

static void level_lines_say_so(void **state)
{
	struct volt_acpi_device *d = kit_device(&kit, "LNRO0005");

	kit_resource(d, VOLT_RES_IRQ, VOLT_IRQ_LEVEL, 5, 0);
	kit_resource(d, VOLT_RES_IRQ, VOLT_IRQ_EDGE, 6, 0);
	assert_int_equal(kit_number(entry(3, 4) + 2, 2), 0xd); /* level, active high */
	assert_int_equal(entry(3, 4)[7], 5);
	assert_int_equal(kit_number(entry(3, 5) + 2, 2), 0);
}

static void local_lines_are_extint_and_nmi(void **state)
{
	static const uint8_t extint[] = {4, 3, 0, 0, 0, 0, 0, 0};
	static const uint8_t nmi[] = {4, 1, 0, 0, 0, 0, 0xff, 1};

	assert_memory_equal(entry(4, 0), extint, sizeof(extint));
	assert_memory_equal(entry(4, 1), nmi, sizeof(nmi));
	assert_null(entry(4, 2));
}

static void largest_machine_fits_below_its_pointer(void **state)
{
	kit.firmware.cpus = 64;
	kit.firmware.irqchip_pins = 120;
	const uint8_t *t = table();

	assert_true(t + kit_number(t + 4, 2) <= pointer());
	assert_int_equal(kit_sum(t, kit_number(t + 4, 2)), 0);
	assert_int_equal(entry(0, 63)[1], 63);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(without_legacy_pic_only_its_output_is_missing),
	    TEST(floating_pointer_is_1_4_with_a_table),
	    TEST(header_is_1_4_and_sums_to_zero),
	    TEST(count_and_length_agree_with_the_entries),
	    TEST(processors_are_enabled_and_the_first_boots),
	    TEST(bus_is_isa),
	    TEST(io_apic_is_usable),
	    TEST(pins_are_the_isa_interrupts_of_their_number),
	    TEST(level_lines_say_so),
	    TEST(local_lines_are_extint_and_nmi),
	    TEST(largest_machine_fits_below_its_pointer),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
