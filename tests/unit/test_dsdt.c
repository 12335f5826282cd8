/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The DSDT: its AML byte by byte, and as ACPICA understands it. */
#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/boot/aml.h"

static struct kit kit;

static int setup(void **state)
{
	kit_init(&kit, KIT_RAM);
	return 0;
}

static int teardown(void **state)
{
	kit_finish(&kit);
	return 0;
}

static void describe_serial(void)
{
	struct volt_acpi_device *d = kit_device(&kit, "PNP0501");

	kit_resource(d, VOLT_RES_PIO, 0, 0x3f8, 8);
	kit_resource(d, VOLT_RES_IRQ, VOLT_IRQ_EDGE, 4, 0);
}

static void eisa_ids_are_packed(void **state)
{
	assert_int_equal(aml_eisa_id("PNP0501"), 0x0105d041);
	assert_int_equal(aml_eisa_id("PNP0A03"), 0x030ad041);
	assert_true(aml_is_eisa_id("PNP0C0F"));
	assert_false(aml_is_eisa_id("PNP0C0G"));
	assert_false(aml_is_eisa_id("PNP0c0f"));
	assert_false(aml_is_eisa_id("ACPI0007"));
	assert_false(aml_is_eisa_id("P1P0C0F"));
}

static void dsdt_of_a_small_machine_is_known_byte_by_byte(void **state)
{
	/* clang-format off */
	static const uint8_t expected[] = {
	    0x10, 0x44, 0x06, '\\', '_', 'S', 'B', '_', /* Scope, 100 bytes */
	    0x5b, 0x82, 0x21, 'C', '0', '0', '0',       /* Device, 33 bytes */
	    0x08, '_', 'H', 'I', 'D', 0x0d, 'A', 'C', 'P', 'I', '0', '0', '0', '7', 0,
	    0x08, '_', 'U', 'I', 'D', 0x00,
	    0x08, '_', 'S', 'T', 'A', 0x0a, 0x0f,
	    0x5b, 0x82, 0x38, 'D', '0', '0', '0',       /* Device, 56 bytes */
	    0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x05, 0x01,
	    0x08, '_', 'U', 'I', 'D', 0x00,
	    0x08, '_', 'S', 'T', 'A', 0x0a, 0x0f,
	    0x08, '_', 'C', 'R', 'S', 0x11, 0x16, 0x0a, 19,
	    0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8,            /* IO 0x3f8 to 0x3ff */
	    0x89, 6, 0, 0x03, 1, 4, 0, 0, 0,            /* Interrupt 4, edge */
	    0x79, 0,
	    0x08, '\\', '_', 'S', '5', '_', 0x12, 7, 4, 0x0a, 5, 0, 0, 0,
	};
	/* clang-format on */

	describe_serial();
	kit.firmware.sleep_control = (struct firmware_fixed){true, VOLT_SPACE_PIO, 5, 0x600};
	kit_write_tables(&kit);

	const uint8_t *d = kit_table(&kit, "DSDT");
	assert_int_equal(d[8], 2);
	assert_int_equal(kit_number(d + 4, 4), 36 + sizeof(expected));
	assert_memory_equal(d + 36, expected, sizeof(expected));
}

static const void *find(const void *needle, size_t len)
{
	const uint8_t *d = kit_table(&kit, "DSDT");

	return memmem(d, kit_number(d + 4, 4), needle, len);
}

static void soft_off_is_there_only_with_a_sleep_register(void **state)
{
	kit_write_tables(&kit);
	assert_null(find("_S5_", 4));
}

static void memory_and_level_interrupts_are_described(void **state)
{
	static const uint8_t resources[] = {0x86, 9, 0, 1, 0, 0, 0, 0xd0, 0, 0x10, 0, 0, /* 4 KiB */
	    0x89, 6, 0, 0x01, 1, 5, 0, 0, 0, 0x79, 0};
	struct volt_acpi_device *d = kit_device(&kit, "LNRO0005");

	kit_resource(d, VOLT_RES_MMIO, 0, 0xd0000000, 0x1000);
	kit_resource(d, VOLT_RES_IRQ, VOLT_IRQ_LEVEL, 5, 0);
	kit_write_tables(&kit);

	assert_non_null(find("\x08_HID\x0dLNRO0005", 15));
	assert_non_null(find(resources, sizeof(resources)));
}

static void wide_port_ranges_use_the_word_descriptor(void **state)
{
	static const uint8_t resources[] = {
	    0x88, 13, 0, 1, 0x0d, 3, 0, 0, 0, 0x10, 0xff, 0x10, 0, 0, 0, 1, 0x79, 0};

	kit_resource(kit_device(&kit, "VOLT0001"), VOLT_RES_PIO, 0, 0x1000, 0x100);
	kit_write_tables(&kit);

	assert_non_null(find(resources, sizeof(resources)));
}

static void a_bridge_gives_windows_and_bus_numbers_on(void **state)
{
	static const uint8_t resources[] = {0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0,
	    1, /* buses 0 to 255 */
	    0x88, 13, 0, 1, 0x0c, 3, 0, 0, 0, 0xc0, 0xff, 0xcf, 0, 0, 0, 0x10, 0x87, 23, 0, 0, 0x0c,
	    1, 0, 0, 0, 0, 0, 0, 0, 0xe0, 0xff, 0xff, 0xff, 0xe7, 0, 0, 0, 0, 0, 0, 0, 8, 0x47, 1,
	    0xf8, 0x0c, 0xf8, 0x0c, 1, 8, 0x79, 0};
	struct volt_acpi_device *d = kit_device(&kit, "PNP0A03");

	kit_resource(d, VOLT_RES_BUS, 0, 0, 256);
	kit_resource(d, VOLT_RES_PIO, VOLT_RES_WINDOW, 0xc000, 0x1000);
	kit_resource(d, VOLT_RES_MMIO, VOLT_RES_WINDOW, 0xe0000000, 0x8000000);
	kit_resource(d, VOLT_RES_PIO, 0, 0xcf8, 8);
	kit_write_tables(&kit);

	assert_non_null(find(resources, sizeof(resources)));
}

static void devices_of_one_id_have_their_own_uid(void **state)
{
	describe_serial();
	kit_device(&kit, "PNP0303");
	describe_serial();
	kit_write_tables(&kit);

	const uint8_t *second = find("D002", 4);
	assert_non_null(second);
	assert_memory_equal(second + 4 + 10, "\x08_UID\x01", 6);
}

static void compatible_id_follows_the_id(void **state)
{
	kit_device(&kit, "VOLT0001")->cid = "PNP0303";
	kit_write_tables(&kit);
	assert_non_null(find("\x08_CID\x0c\x41\xd0\x03\x03", 10));
}

static void describe_generation(void)
{
	struct volt_acpi_device *d = kit_device(&kit, "VOLT0003");

	d->cid = d->ddn = "VM_Gen_Counter";
	d->address = 0x1d0001000;
	kit_resource(d, VOLT_RES_IRQ, VOLT_RES_NOTIFY, 7, 0);
}

/* ACPI 6.5, 5.6.9: a generic event device with the interrupt and a method _E07 that notifies. */
static void an_interrupt_can_become_a_notification(void **state)
{
	static const uint8_t device[] = {0x08, 'A', 'D', 'D', 'R', 0x12, 0x08, 2, 0x0c, 0x00, 0x10,
	    0x00, 0xd0, 0x01}; /* Package {0xd0001000, One} */
	static const uint8_t resources[] = {
	    0x89, 6, 0, 0x03, 1, 7, 0, 0, 0, 0x79, 0}; /* of the event device alone */
	static const uint8_t method[] = {0x14, 0x0d, '_', 'E', '0', '7', 0, /* Method, 13 bytes */
	    0x86, 'D', '0', '0', '1', 0x0a, 0x80};

	describe_serial();
	describe_generation();
	kit_write_tables(&kit);
	assert_non_null(find("\x08_DDN\x0dVM_Gen_Counter", 21));
	assert_non_null(find(device, sizeof(device)));
	assert_non_null(find("\x08_HID\x0d"
			     "ACPI0013",
	    15));
	assert_non_null(find(resources, sizeof(resources)));
	assert_non_null(find(method, sizeof(method)));
	assert_null(find("_E04", 4));
}

static void no_event_device_is_there_without_events(void **state)
{
	describe_serial();
	kit_write_tables(&kit);
	assert_null(find("ACPI0013", 8));
}

static void fullest_machine_fits(void **state)
{
	kit.firmware.cpus = 64;
	kit.firmware.legacy_pic = true;
	for (unsigned i = 0; i < FIRMWARE_DEVICE_MAX; i++) {
		struct volt_acpi_device *d = kit_device(&kit, "VOLT0001");

		d->cid = "VOLT0002";
		for (unsigned j = 0; j < VOLT_RESOURCE_MAX; j++)
			kit_resource(d, VOLT_RES_PIO, 0, 0x1000, 0x1000);
	}
	kit_write_tables(&kit);
	assert_int_equal(
	    kit_sum(kit_table(&kit, "DSDT"), kit_number(kit_table(&kit, "DSDT") + 4, 4)), 0);
}

static void aml_that_does_not_fit_stays_in_its_buffer(void **state)
{
	uint8_t bytes[64];

	memset(bytes, 0xee, sizeof(bytes));
	for (uint32_t size = 0; size < 40; size++) {
		struct aml a = {.bytes = bytes, .size = size};
		uint32_t start = aml_open_device(&a, "D000");

		aml_string(&a, "0123456789012345678901234567");
		aml_close(&a, start);
		assert_true(a.full == (size < 37));
		assert_true(a.used <= size);
		assert_int_equal(bytes[size], 0xee);
	}
}

static void package_lengths_grow_with_their_package(void **state)
{
	static const struct {
		uint32_t body;
		uint8_t len, bytes[3];
	} cases[] = {
	    {62, 1, {63}}, {63, 2, {0x41, 0x04}},                   /* 65 */
	    {4093, 2, {0x4f, 0xff}}, {4094, 3, {0x81, 0x00, 0x01}}, /* 4097 */
	};
	static uint8_t bytes[8192];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct aml a = {.bytes = bytes, .size = sizeof(bytes)};
		uint32_t start = aml_open_package(&a, 7);

		for (uint32_t j = 1; j < cases[i].body; j++)
			aml_byte(&a, 0xaa);
		aml_close(&a, start);
		assert_int_equal(a.used, 1 + cases[i].len + cases[i].body);
		assert_memory_equal(bytes + 1, cases[i].bytes, cases[i].len);
		assert_int_equal(bytes[1 + cases[i].len], 7);
	}
}

/* ------------------------------------------------------------ second view */

static void save(const char *dir, const char *name, const uint8_t *t)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(t, 1, kit_number(t + 4, 4), f), kit_number(t + 4, 4));
	assert_int_equal(fclose(f), 0);
}

static int run(const char *dir, const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "cd %s && { %s; } >log 2>&1", dir, command);
	return system(line);
}

/* ACPICA, which Linux reads the tables with too, takes the tables apart; its own
 * compiler then has no fault to find in the text. */
static void acpica_disassembles_and_recompiles_all_tables(void **state)
{
	const char *must = getenv("VOLT_MUST_WORK");
	char dir[] = "/tmp/volt-acpi-XXXXXX";

	if (system("command -v iasl >/dev/null 2>&1") != 0) {
		if (must && strcmp(must, "1") == 0)
			fail_msg("iasl is missing (package acpica-tools), VOLT_MUST_WORK=1");
		print_message("SKIP: iasl is missing (package acpica-tools)\n");
		skip();
	}
	kit.firmware.cpus = 64;
	kit.firmware.sleep_control = (struct firmware_fixed){true, VOLT_SPACE_PIO, 5, 0x600};
	kit.firmware.sleep_status = (struct firmware_fixed){true, VOLT_SPACE_PIO, 0, 0x601};
	kit.firmware.reset = (struct firmware_fixed){true, VOLT_SPACE_PIO, 1, 0x602};
	describe_serial();
	describe_serial();
	kit_resource(kit_device(&kit, "PNP0303"), VOLT_RES_PIO, 0, 0x60, 1);
	struct volt_acpi_device *d = kit_device(&kit, "LNRO0005");
	d->cid = "VOLT0001";
	kit_resource(d, VOLT_RES_MMIO, 0, 0xd0000000, 0x1000);
	kit_resource(d, VOLT_RES_IRQ, VOLT_IRQ_LEVEL, 5, 0);
	kit_resource(d, VOLT_RES_PIO, 0, 0x1000, 0x100);
	describe_generation();
	kit_write_tables(&kit);

	assert_non_null(mkdtemp(dir));
	save(dir, "dsdt.dat", kit_table(&kit, "DSDT"));
	save(dir, "facp.dat", kit_table(&kit, "FACP"));
	save(dir, "apic.dat", kit_table(&kit, "APIC"));
	assert_int_equal(run(dir, "iasl -d dsdt.dat facp.dat apic.dat"), 0);
	assert_int_not_equal(
	    run(dir, "cat log; grep -iE 'error|warning|invalid|incorrect' log *.dsl | "
		     "grep -v '0 Errors, 0 Warnings'"),
	    0);
	static const char *const texts[] = {
	    "Device (C03F)",
	    "Name (_HID, \"ACPI0007\" /* Processor Device */)",
	    "Name (_HID, EisaId (\"PNP0501\")",
	    "Name (_CID, \"VOLT0001\")",
	    "Memory32Fixed (ReadWrite,",
	    "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive",
	    "Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive",
	    "IO (Decode16,",
	    "WordIO (ResourceConsumer, MinFixed, MaxFixed, PosDecode, EntireRange",
	    "Name (\\_S5, Package (0x04)",
	    "Name (ADDR, Package (0x02)",
	    "Method (_E07, 0, NotSerialized)",
	    "Notify (D004, 0x80)",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char command[256];

		snprintf(command, sizeof(command), "grep -F '%s' dsdt.dsl", texts[i]);
		if (run(dir, command) != 0)
			fail_msg("no \"%s\" in %s/dsdt.dsl", texts[i], dir);
	}
	assert_int_equal(
	    run(dir, "iasl -p again dsdt.dsl >out && grep -F ' 0 Errors, 0 Warnings' out"), 0);
	snprintf(kit_message, sizeof(kit_message), "rm -r %s", dir);
	assert_int_equal(system(kit_message), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(eisa_ids_are_packed),
	    TEST(dsdt_of_a_small_machine_is_known_byte_by_byte),
	    TEST(soft_off_is_there_only_with_a_sleep_register),
	    TEST(memory_and_level_interrupts_are_described),
	    TEST(wide_port_ranges_use_the_word_descriptor),
	    TEST(a_bridge_gives_windows_and_bus_numbers_on),
	    TEST(devices_of_one_id_have_their_own_uid),
	    TEST(compatible_id_follows_the_id),
	    TEST(an_interrupt_can_become_a_notification),
	    TEST(no_event_device_is_there_without_events),
	    TEST(fullest_machine_fits),
	    TEST(aml_that_does_not_fit_stays_in_its_buffer),
	    TEST(package_lengths_grow_with_their_package),
	    TEST(acpica_disassembles_and_recompiles_all_tables),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
