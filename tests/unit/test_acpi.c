/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The ACPI tables, read as a kernel reads them: offsets are those of ACPI 6.5. */
#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

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

/* ----------------------------------------------------------- fixed tables */

static void rsdp_is_revision_2_where_kernels_scan(void **state)
{
	kit_write_tables(&kit);

	const uint8_t *r = memory_at(&kit.memory, kit.rsdp, 36);
	assert_true(kit.rsdp >= 0xe0000 && kit.rsdp < 0x100000 && kit.rsdp % 16 == 0);
	assert_memory_equal(r, "RSD PTR ", 8);
	assert_int_equal(r[15], 2);
	assert_int_equal(kit_number(r + 16, 4), 0); /* no RSDT */
	assert_int_equal(kit_number(r + 20, 4), 36);
	assert_int_equal(kit_sum(r, 20), 0);
	assert_int_equal(kit_sum(r, 36), 0);
}

static void every_table_has_length_checksum_and_place(void **state)
{
	describe_serial();
	kit_write_tables(&kit);

	static const char names[][5] = {"XSDT", "FACP", "APIC", "DSDT"};
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *t = kit_table(&kit, names[i]);

		assert_non_null(t);
		uint64_t len = kit_number(t + 4, 4);
		assert_memory_equal(t, names[i], 4);
		assert_int_equal(kit_sum(t, len), 0);
		assert_true(t >= kit.memory.host + 0xe0000 + 36);
		assert_true(t + len <= kit.memory.host + 0x100000);
	}
}

static void fadt_is_revision_6_and_hardware_reduced(void **state)
{
	kit_write_tables(&kit);

	const uint8_t *f = kit_table(&kit, "FACP");
	assert_int_equal(kit_number(f + 4, 4), 276);
	assert_int_equal(f[8], 6);
	assert_int_equal(f[131], 5);
	assert_true(kit_number(f + 112, 4) & 1u << 20); /* HW_REDUCED_ACPI */
	assert_true(kit_number(f + 112, 4) & 1u << 0);  /* WBINVD */
	assert_int_equal(kit_sum(f + 36, 109 - 36), 0); /* no DSDT below, no fixed hardware */
	assert_int_equal(kit_number(f + 132, 8), 0);    /* no FACS */
}

static void boot_architecture_has_no_vga_and_no_rtc(void **state)
{
	kit_write_tables(&kit);
	assert_int_equal(kit_number(kit_table(&kit, "FACP") + 109, 2), 1u << 2 | 1u << 5);
}

static void a_described_clock_is_not_denied(void **state)
{
	kit_device(&kit, "PNP0B00");
	kit_write_tables(&kit);
	assert_int_equal(kit_number(kit_table(&kit, "FACP") + 109, 2), 1u << 2);
	assert_int_equal(kit_table(&kit, "FACP")[108], 0x32); /* the century's byte */
}

static void keyboard_controller_sets_its_boot_flag(void **state)
{
	kit_device(&kit, "PNP0303");
	kit_write_tables(&kit);
	assert_int_equal(kit_number(kit_table(&kit, "FACP") + 109, 2), 1u << 1 | 1u << 2 | 1u << 5);
}

static void compatible_keyboard_controller_sets_its_boot_flag(void **state)
{
	kit_device(&kit, "VOLT0001")->cid = "PNP0303";
	kit_write_tables(&kit);
	assert_true(kit_number(kit_table(&kit, "FACP") + 109, 2) & 1u << 1);
}

static void absent_registers_are_all_zero(void **state)
{
	kit_write_tables(&kit);

	const uint8_t *f = kit_table(&kit, "FACP");
	assert_false(kit_number(f + 112, 4) & 1u << 10); /* RESET_REG_SUP */
	for (unsigned i = 116; i < 129; i++)
		assert_int_equal(f[i], 0);
	for (unsigned i = 244; i < 268; i++)
		assert_int_equal(f[i], 0);
}

static void present_registers_are_byte_wide_addresses(void **state)
{
	static const uint8_t reset[] = {1, 8, 0, 1, 0x64, 0, 0, 0, 0, 0, 0, 0, 0xfe};
	static const uint8_t control[] = {1, 8, 0, 1, 0x00, 0x06, 0, 0, 0, 0, 0, 0};
	static const uint8_t status[] = {0, 8, 0, 1, 0x01, 0x00, 0x00, 0xd0, 0, 0, 0, 0};

	kit.firmware.reset = (struct firmware_fixed){true, VOLT_SPACE_PIO, 0xfe, 0x64};
	kit.firmware.sleep_control = (struct firmware_fixed){true, VOLT_SPACE_PIO, 5, 0x600};
	kit.firmware.sleep_status = (struct firmware_fixed){true, VOLT_SPACE_MMIO, 0, 0xd0000001};
	kit_write_tables(&kit);

	const uint8_t *f = kit_table(&kit, "FACP");
	assert_true(kit_number(f + 112, 4) & 1u << 10);
	assert_memory_equal(f + 116, reset, sizeof(reset));
	assert_memory_equal(f + 244, control, sizeof(control));
	assert_memory_equal(f + 256, status, sizeof(status));
}

static void madt_lists_processors_io_apic_and_nmi(void **state)
{
	/* clang-format off */
	static const uint8_t expected[] = {
	    0, 8, 0, 0, 1, 0, 0, 0,                    /* local APIC, enabled */
	    0, 8, 1, 1, 1, 0, 0, 0,                    /* and of the second */
	    1, 12, 1, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0, /* I/O APIC */
	    4, 6, 0xff, 0, 0, 1,                       /* NMI at LINT1 of all */
	};
	/* clang-format on */

	kit.firmware.cpus = 2;
	kit_write_tables(&kit);

	const uint8_t *m = kit_table(&kit, "APIC");
	assert_int_equal(kit_number(m + 36, 4), 0xfee00000);
	assert_int_equal(kit_number(m + 40, 4), 0);
	assert_int_equal(kit_number(m + 4, 4), 44 + sizeof(expected));
	assert_memory_equal(m + 44, expected, sizeof(expected));
}

static void pcat_compat_is_set_only_with_legacy_pics(void **state)
{
	kit.firmware.legacy_pic = true;
	kit_write_tables(&kit);
	assert_int_equal(kit_number(kit_table(&kit, "APIC") + 40, 4), 1);
}

static void sixty_four_processors_have_sixty_four_ids(void **state)
{
	kit.firmware.cpus = 64;
	kit_write_tables(&kit);

	const uint8_t *m = kit_table(&kit, "APIC");
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(m[44 + 8 * i + 2], i);
		assert_int_equal(m[44 + 8 * i + 3], i);
	}
}

/* --------------------------------------------------------------- refusals */

static void bad_ids_are_refused(void **state)
{
	static const char *const bad[] = {NULL, "", "PNP050", "pnp0501", "PNP 501", "ABCD00012",
	    "PNP05%s", "a very long device identification"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		kit.firmware.device_count = 0;
		kit_device(&kit, bad[i]);
		kit_refuse_tables(&kit, EINVAL, "_HID");
	}
	kit.firmware.device_count = 0;
	kit_device(&kit, "PNP0501")->cid = "a\\b";
	kit_refuse_tables(&kit, EINVAL, "_CID must be 1 to 31 printable characters");
	kit.firmware.device_count = 0;
	kit_device(&kit, "PNP0501")->ddn = "";
	kit_refuse_tables(&kit, EINVAL, "_DDN must be 1 to 31 printable characters");
}

static void bad_resources_are_refused(void **state)
{
	static const struct {
		struct volt_resource r;
		const char *reason;
	} cases[] = {
	    {{VOLT_RES_PIO, 0, 0xfff9, 8}, "ports at 0xfff9 of 0x8 bytes must be in 0 to 0xffff"},
	    {{VOLT_RES_PIO, 0, 0x3f8, 0}, "ports at 0x3f8 of 0x0 bytes"},
	    {{VOLT_RES_PIO, 0, UINT64_MAX, 2}, "ports"},
	    {{VOLT_RES_MMIO, 0, 0xfffff000, 0x1001}, "memory at 0xfffff000 of 0x1001 bytes"},
	    {{VOLT_RES_MMIO, 0, 1, UINT64_MAX}, "memory"},
	    {{VOLT_RES_IRQ, 0, 24, 0}, "interrupt 24 is not a pin of the I/O APIC (0 to 23)"},
	    {{VOLT_RES_IRQ, 0, UINT64_MAX, 0}, "interrupt 18446744073709551615"},
	    {{VOLT_RES_IRQ, 7, 4, 0}, "unknown interrupt flags 0x7"},
	    {{VOLT_RES_IRQ, VOLT_RES_NOTIFY | VOLT_IRQ_LEVEL, 4, 0},
		"unknown interrupt flags 0x101"},
	    {{9, 0, 0, 0}, "unknown resource type 9"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		kit.firmware.device_count = 0;
		struct volt_acpi_device *d = kit_device(&kit, "PNP0501");
		d->resources[d->resource_count++] = cases[i].r;
		kit_refuse_tables(&kit, EINVAL, cases[i].reason);
	}
	kit.firmware.devices[0].resource_count = VOLT_RESOURCE_MAX + 1;
	kit_refuse_tables(&kit, EINVAL, "9 resources, at most 8");
	kit.firmware.device_count = FIRMWARE_DEVICE_MAX + 1;
	kit_refuse_tables(&kit, ENOSPC, "65 devices, at most 64");
}

static void bad_registers_are_refused(void **state)
{
	kit.firmware.reset = (struct firmware_fixed){true, 7, 0, 0x64};
	kit_refuse_tables(&kit, EINVAL, "reset register: unknown address space 7");
	kit.firmware.reset = (struct firmware_fixed){true, VOLT_SPACE_PIO, 0, 0x10000};
	kit_refuse_tables(&kit, EINVAL, "reset register: it cannot be at 0x10000");
	kit.firmware.reset = (struct firmware_fixed){true, VOLT_SPACE_PIO, 0, 0};
	kit_refuse_tables(&kit, EINVAL, "reset register: it cannot be at 0x0");
	kit.firmware.reset.present = false;
	kit.firmware.sleep_control = (struct firmware_fixed){true, VOLT_SPACE_PIO, 8, 0x600};
	kit_refuse_tables(&kit, EINVAL, "sleep type 8 must be 0 to 7");
}

static void bad_io_apics_are_refused(void **state)
{
	kit.firmware.irqchip_id = 255;
	kit_refuse_tables(&kit, EINVAL, "I/O APIC id 255 must be 0 to 254");
	kit.firmware.irqchip_id = 0;
	kit.firmware.irqchip_pins = 0;
	kit_refuse_tables(&kit, EINVAL, "0 I/O APIC pins, must be 1 to 120");
	kit.firmware.irqchip_pins = 24;
	kit.firmware.gsi_base = 136;
	kit_refuse_tables(&kit, EINVAL, "first GSI 136 must be 0 to 135");
	kit.firmware.gsi_base = 0;
	kit.firmware.irqchip_base = 1ull << 32;
	kit_refuse_tables(&kit, EINVAL, "I/O APIC at 0x100000000 must be below 4 GiB");
}

static void memory_without_the_tables_area_is_refused(void **state)
{
	kit.memory.low_size = 0xff000;
	kit_refuse_tables(&kit, ENOMEM, "firmware: no RAM at 0x9f000 to 0xfffff");
	kit.memory.low_size = KIT_RAM;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(rsdp_is_revision_2_where_kernels_scan),
	    TEST(every_table_has_length_checksum_and_place),
	    TEST(fadt_is_revision_6_and_hardware_reduced),
	    TEST(boot_architecture_has_no_vga_and_no_rtc),
	    TEST(a_described_clock_is_not_denied),
	    TEST(keyboard_controller_sets_its_boot_flag),
	    TEST(compatible_keyboard_controller_sets_its_boot_flag),
	    TEST(absent_registers_are_all_zero),
	    TEST(present_registers_are_byte_wide_addresses),
	    TEST(madt_lists_processors_io_apic_and_nmi),
	    TEST(pcat_compat_is_set_only_with_legacy_pics),
	    TEST(sixty_four_processors_have_sixty_four_ids),
	    TEST(bad_ids_are_refused),
	    TEST(bad_resources_are_refused),
	    TEST(bad_registers_are_refused),
	    TEST(bad_io_apics_are_refused),
	    TEST(memory_without_the_tables_area_is_refused),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
