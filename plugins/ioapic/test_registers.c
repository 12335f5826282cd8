/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Registers and wiring. [..] as in entry.h. */
#include <errno.h>
#include <string.h>

#include "test_ioapic.h"

/* [82093AA] 3.2.2: default value 00170011h. */
static void version_register_of_an_82093aa_says_24_pins_and_11h(void **state)
{
	struct fake_host *f = start("version=0x11");

	assert_int_equal(get(f, 1), 0x00170011);
	fake_host_destroy(f);
}

/* [ICH10] 13.5.6: default value 00170020h. */
static void version_register_is_that_of_an_ich10_by_default(void **state)
{
	struct fake_host *f = start(NULL);

	assert_int_equal(get(f, 1), 0x00170020);
	put(f, 1, 0xffffffff);
	assert_int_equal(get(f, 1), 0x00170020);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.1: bits 27:24; 3.2.3: the arbitration id is loaded with it. */
static void id_register_keeps_four_bits_and_loads_the_arbitration_id(void **state)
{
	struct fake_host *f = start(NULL);

	put(f, 0, 0xf5ffffff);
	assert_int_equal(get(f, 0), 0x05000000);
	assert_int_equal(get(f, 2), 0x05000000);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.3: read only. */
static void arbitration_id_ignores_writes(void **state)
{
	struct fake_host *f = start("apic-id=3");

	put(f, 2, 0x0f000000);
	assert_int_equal(get(f, 2), 0x03000000);
	assert_int_equal(get(f, 0), 0x03000000);
	fake_host_destroy(f);
}

/* [82093AA] 3.1.1: bits 31:8 are reserved; 3.0: a byte write loads it. */
static void register_select_is_eight_bits_and_takes_byte_writes(void **state)
{
	struct fake_host *f = start(NULL);

	fake_write(f, VOLT_SPACE_MMIO, BASE, 4, 0xffffff01);
	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE, 4), 0x01);
	fake_write(f, VOLT_SPACE_MMIO, BASE, 1, 0x3f);
	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE, 2), 0x3f);
	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE, 1), 0x3f);
	fake_host_destroy(f);
}

/* [82093AA] 3.0: "The IOWIN Register must be accessed as a Dword quantity." */
static void window_ignores_accesses_that_are_no_dwords(void **state)
{
	struct fake_host *f = start(NULL);

	fake_write(f, VOLT_SPACE_MMIO, BASE, 4, 0x10);
	fake_write(f, VOLT_SPACE_MMIO, BASE + 0x10, 1, 0x31);
	fake_write(f, VOLT_SPACE_MMIO, BASE + 0x10, 2, 0x31);
	fake_write(f, VOLT_SPACE_MMIO, BASE + 0x10, 8, 0x31);
	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE + 0x10, 1), 0);
	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE + 0x10, 8), 0);
	assert_int_equal(fake_counter(f, "bad_accesses"), 5);
	assert_int_equal(get_low(f, 0), MASK);
	fake_host_destroy(f);
}

static void offsets_without_a_register_read_zero_and_are_counted(void **state)
{
	struct fake_host *f = start(NULL);

	fake_write(f, VOLT_SPACE_MMIO, BASE + 0x20, 4, 0xffffffff);
	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE + 0x20, 4), 0);
	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE + 0x11, 4), 0);
	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE + 0x100, 4), 0);
	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE + 0xffc, 4), 0);
	assert_int_equal(fake_counter(f, "bad_accesses"), 5);
	assert_int_equal(fake_misses(f), 0);
	fake_host_destroy(f);
}

static void indices_without_a_register_read_zero_and_are_counted(void **state)
{
	struct fake_host *f = start(NULL);

	put(f, 0x03, 0xffffffff);
	put(f, 0x40, 0xffffffff);
	assert_int_equal(get(f, 0x03), 0);
	assert_int_equal(get(f, 0x0f), 0);
	assert_int_equal(get(f, 0x40), 0);
	assert_int_equal(get(f, 0xff), 0);
	assert_int_equal(fake_counter(f, "bad_accesses"), 6);
	fake_host_destroy(f);
}

/* [ICH10] 13.5.4: write only. */
static void eoi_register_reads_zero(void **state)
{
	struct fake_host *f = start(NULL);

	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE + 0x40, 4), 0);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.4: bits 12 and 14 are read only, 55:17 reserved. */
static void redirection_entry_keeps_its_writable_bits_only(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 23, 0xffffffff, 0xffffffff);
	assert_int_equal(get_low(f, 23), 0x0001afff);
	assert_int_equal(get(f, 0x3f), 0xff000000);
	assert_int_equal(get_low(f, 22), MASK);
	put_low(f, 23, 0);
	assert_int_equal(get_low(f, 23), 0);
	assert_int_equal(get(f, 0x3f), 0xff000000);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.4: bit 16 set, all else clear. */
static void reset_masks_every_pin(void **state)
{
	struct fake_host *f = start("apic-id=2");

	put(f, 0, 0x07000000);
	for (unsigned pin = 0; pin < 24; pin++)
		put_entry(f, pin, 0x31 | LEVEL, DEST(1));
	fake_host_reset(f);

	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, BASE, 4), 0);
	assert_int_equal(get(f, 0), 0x02000000);
	for (unsigned pin = 0; pin < 24; pin++) {
		assert_int_equal(get_low(f, pin), MASK);
		assert_int_equal(get(f, (uint8_t)(0x11 + 2 * pin)), 0);
	}
	fake_host_destroy(f);
}

static void reset_reports_routes_of_all_pins_that_ask_for_no_eoi(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 4, 0x31 | LEVEL, DEST(1));
	fake_host_reset(f);

	for (unsigned pin = 0; pin < 24; pin++) {
		assert_int_equal(route_address(f, pin), 0xfee00000);
		assert_int_equal(route_data(f, pin) & 0x8000, 0);
	}
	fake_host_destroy(f);
}

static void no_pin_reports_a_route_before_the_first_reset(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_ioapic);

	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_false(fake_route(f, 0, NULL, NULL));
	assert_false(fake_route(f, 23, NULL, NULL));
	fake_host_destroy(f);
}

static void one_page_of_registers_is_wired(void **state)
{
	struct fake_host *f = start("base=0xfec01000");

	assert_int_equal(fake_range_count(f), 1);
	assert_int_equal(fake_range(f, 0)->base, 0xfec01000);
	assert_int_equal(fake_range(f, 0)->len, 0x1000);
	assert_int_equal(fake_range(f, 0)->space, VOLT_SPACE_MMIO);
	fake_host_destroy(f);
}

static void info_says_what_the_parameters_said(void **state)
{
	struct fake_host *f = start("base=0xfec03000,apic-id=9");
	const struct volt_irqchip *chip = volt_plugin_ioapic.get_ext(VOLT_EXT_IRQCHIP);
	struct volt_irqchip_info info = {.size = sizeof(info), .gsi_base = 77};

	chip->info(fake_host_self(f), &info);

	assert_int_equal(info.size, sizeof(info));
	assert_int_equal(info.pins, 24);
	assert_int_equal(info.gsi_base, 0);
	assert_int_equal(info.id, 9);
	assert_int_equal(info.base, 0xfec03000);
	fake_host_destroy(f);
}

static void info_writes_no_more_than_an_older_host_has_room_for(void **state)
{
	struct fake_host *f = start(NULL);
	const struct volt_irqchip *chip = volt_plugin_ioapic.get_ext(VOLT_EXT_IRQCHIP);
	struct volt_irqchip_info info = {
	    .size = offsetof(struct volt_irqchip_info, id), .id = 55, .base = 66};

	chip->info(fake_host_self(f), &info);

	assert_int_equal(info.pins, 24);
	assert_int_equal(info.id, 55);
	assert_int_equal(info.base, 66);
	fake_host_destroy(f);
}

static void base_must_be_a_page(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_ioapic);

	assert_int_equal(fake_host_wire(f, "base=0xfec00010"), -EINVAL);
	assert_non_null(strstr(fake_host_message(f), "base=0xfec00010"));
	fake_host_destroy(f);
}

/* [MP] 3.6.5: between FEC00000h and FEDFC000h. */
static void base_must_lie_where_io_apics_lie(void **state)
{
	struct fake_host *low = fake_host_create(&volt_plugin_ioapic);
	struct fake_host *high = fake_host_create(&volt_plugin_ioapic);

	assert_int_not_equal(fake_host_wire(low, "base=0xfebff000"), 0);
	assert_int_not_equal(fake_host_wire(high, "base=0xfee00000"), 0);
	fake_host_destroy(low);
	fake_host_destroy(high);
}

static void apic_id_has_four_bits(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_ioapic);

	assert_int_not_equal(fake_host_wire(f, "apic-id=16"), 0);
	fake_host_destroy(f);
}

static void init_fails_when_the_registers_cannot_be_added(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_ioapic);

	fake_host_fail_call(f, 1, EINVAL);
	assert_int_equal(fake_host_wire(f, NULL), -EINVAL);
	assert_non_null(strstr(fake_host_message(f), "0xfec00000"));
	fake_host_destroy(f);
}

static int fail_quietly(const struct volt_host *h, int32_t err, const char *msg)
{
	return -err;
}

static const void *offer_nothing(const struct volt_host *h, const char *id)
{
	return NULL;
}

static const void *offer_half(const struct volt_host *h, const char *id)
{
	static const struct volt_irqroute half = {.size = offsetof(struct volt_irqroute, fire)};

	return &half;
}

static int init_on(const void *(*get_ext)(const struct volt_host *h, const char *id))
{
	const struct volt_value values[] = {{.u = BASE}, {.u = 0}, {.u = 1}};
	const struct volt_args args = {sizeof(args), sizeof(values[0]), 3, values};
	const struct volt_host host = {
	    .size = sizeof(host), .fail = fail_quietly, .get_ext = get_ext};
	uint64_t self[512] = {0};

	assert_true(volt_plugin_ioapic.instance_size <= sizeof(self));
	return volt_plugin_ioapic.init(self, &host, &args);
}

static void init_fails_on_a_host_without_routes(void **state)
{
	assert_int_equal(init_on(offer_nothing), -ENOTSUP);
	assert_int_equal(init_on(offer_half), -ENOTSUP);
}

static void unknown_extensions_are_not_offered(void **state)
{
	assert_null(volt_plugin_ioapic.get_ext("volt.irqchip/2"));
}

/* eoi() has to run on the thread of the vCPU that signalled it. */
static void plugin_stays_in_the_process_and_needs_no_system_call(void **state)
{
	assert_int_equal(volt_plugin_ioapic.flags, VOLT_FLAG_IN_PROCESS_ONLY);
	assert_int_equal(volt_plugin_ioapic.need_count, 0);
}

int run_register_tests(void)
{
	const struct CMUnitTest registers[] = {
	    cmocka_unit_test(version_register_of_an_82093aa_says_24_pins_and_11h),
	    cmocka_unit_test(version_register_is_that_of_an_ich10_by_default),
	    cmocka_unit_test(id_register_keeps_four_bits_and_loads_the_arbitration_id),
	    cmocka_unit_test(arbitration_id_ignores_writes),
	    cmocka_unit_test(register_select_is_eight_bits_and_takes_byte_writes),
	    cmocka_unit_test(window_ignores_accesses_that_are_no_dwords),
	    cmocka_unit_test(offsets_without_a_register_read_zero_and_are_counted),
	    cmocka_unit_test(indices_without_a_register_read_zero_and_are_counted),
	    cmocka_unit_test(eoi_register_reads_zero),
	    cmocka_unit_test(redirection_entry_keeps_its_writable_bits_only),
	    cmocka_unit_test(reset_masks_every_pin),
	    cmocka_unit_test(reset_reports_routes_of_all_pins_that_ask_for_no_eoi),
	    cmocka_unit_test(no_pin_reports_a_route_before_the_first_reset),
	    cmocka_unit_test(one_page_of_registers_is_wired),
	    cmocka_unit_test(info_says_what_the_parameters_said),
	    cmocka_unit_test(info_writes_no_more_than_an_older_host_has_room_for),
	    cmocka_unit_test(base_must_be_a_page),
	    cmocka_unit_test(base_must_lie_where_io_apics_lie),
	    cmocka_unit_test(apic_id_has_four_bits),
	    cmocka_unit_test(init_fails_when_the_registers_cannot_be_added),
	    cmocka_unit_test(init_fails_on_a_host_without_routes),
	    cmocka_unit_test(unknown_extensions_are_not_offered),
	    cmocka_unit_test(plugin_stays_in_the_process_and_needs_no_system_call),
	};

	return cmocka_run_group_tests(registers, NULL, NULL);
}
