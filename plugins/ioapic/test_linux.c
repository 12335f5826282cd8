/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What Linux does to an I/O APIC, step by step: arch/x86/kernel/apic/io_apic.c. Each
 * helper is named after the function whose accesses it makes.
 */
#include "test_ioapic.h"

/* The pin is masked and edge for a moment, then written back as it was read. */
static void eoi_ioapic_pin_without_eoi_register(struct fake_host *f, unsigned pin)
{
	uint32_t low = get_low(f, pin);
	uint32_t high = get(f, (uint8_t)(0x11 + 2 * pin));

	put_entry(f, pin, (low | MASK) & ~LEVEL, high);
	put_entry(f, pin, low, high);
}

static void ioapic_mask_entry(struct fake_host *f, unsigned pin)
{
	put_low(f, pin, MASK);
	put(f, (uint8_t)(0x11 + 2 * pin), 0);
}

/* Masks, ends what is in service, clears; returns the low half that is left. */
static uint32_t clear_io_apic_pin(struct fake_host *f, unsigned pin, bool has_eoi_register)
{
	uint32_t low = get_low(f, pin);

	if (!(low & MASK)) {
		put_entry(f, pin, low | MASK, get(f, (uint8_t)(0x11 + 2 * pin)));
		low = get_low(f, pin);
	}
	if (low & RIRR && has_eoi_register)
		put_eoi(f, low & 0xff);
	else if (low & RIRR)
		eoi_ioapic_pin_without_eoi_register(f, pin);
	ioapic_mask_entry(f, pin);
	return get_low(f, pin);
}

/* mask_ioapic_irq() reads the window once more to let the write arrive. */
static void mask_ioapic_irq(struct fake_host *f, unsigned pin, uint32_t low)
{
	put_low(f, pin, low | MASK);
	fake_read(f, VOLT_SPACE_MMIO, BASE + 0x10, 4);
}

static void unmask_ioapic_irq(struct fake_host *f, unsigned pin, uint32_t low)
{
	put_low(f, pin, low & ~MASK);
}

static void clear_io_apic_pin_leaves_nothing_in_service_with_an_eoi_register(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	fake_set_line(f, 9, true);
	assert_int_equal(clear_io_apic_pin(f, 9, true), MASK);
	assert_int_equal(fake_fires(f, 9), 1);
	assert_int_equal(route_data(f, 9) & LEVEL, 0);
	fake_host_destroy(f);
}

static void clear_io_apic_pin_leaves_nothing_in_service_without_one(void **state)
{
	struct fake_host *f = start("version=0x11");

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	fake_set_line(f, 9, true);
	assert_int_equal(clear_io_apic_pin(f, 9, false), MASK);
	assert_int_equal(fake_fires(f, 9), 1);
	assert_int_equal(route_data(f, 9) & LEVEL, 0);
	fake_host_destroy(f);
}

static void clear_io_apic_at_boot_sends_nothing(void **state)
{
	struct fake_host *f = start(NULL);

	fake_set_line(f, 4, true);
	for (unsigned pin = 0; pin < 24; pin++)
		assert_int_equal(clear_io_apic_pin(f, pin, true), MASK);
	assert_int_equal(fake_counter(f, "delivered"), 0);
	assert_int_equal(fake_counter(f, "bad_accesses"), 0);
	fake_host_destroy(f);
}

/* enable_IO_APIC(), then ioapic_configure_entry() and startup_ioapic_irq() of ttyS0. */
static void serial_interrupt_is_set_up_masked_and_started(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 4, 0x22 | LOGICAL | MASK, DEST(1));
	fake_set_line(f, 4, true);
	fake_set_line(f, 4, false);
	unmask_ioapic_irq(f, 4, 0x22 | LOGICAL);
	assert_int_equal(fake_fires(f, 4), 0);
	fake_set_line(f, 4, true);
	assert_int_equal(fake_fires(f, 4), 1);
	assert_int_equal(route_address(f, 4), 0xfee01004);
	assert_int_equal(route_data(f, 4), 0x4022);
	fake_host_destroy(f);
}

/* handle_fasteoi_irq(): the handler quiets the device, then the local APIC gets its EOI. */
static void fasteoi_interrupt_comes_once_per_assertion(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 11, 0x23 | LEVEL | LOW, DEST(0));
	for (unsigned i = 1; i <= 3; i++) {
		fake_set_line(f, 11, true);
		assert_int_equal(fake_fires(f, 11), i);
		fake_set_line(f, 11, false);
		fake_eoi(f, 0x23);
	}
	assert_int_equal(fake_fires(f, 11), 3);
	assert_int_equal(fake_counter(f, "eois"), 3);
	fake_host_destroy(f);
}

/* IRQF_ONESHOT: masked before the EOI, quieted by a thread, then unmasked. */
static void oneshot_interrupt_comes_once_per_assertion(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 11, 0x23 | LEVEL, DEST(0));
	fake_set_line(f, 11, true);
	mask_ioapic_irq(f, 11, 0x23 | LEVEL);
	fake_eoi(f, 0x23);
	fake_set_line(f, 11, false);
	unmask_ioapic_irq(f, 11, 0x23 | LEVEL);
	assert_int_equal(fake_fires(f, 11), 1);
	fake_set_line(f, 11, true);
	assert_int_equal(fake_fires(f, 11), 2);
	fake_host_destroy(f);
}

/* ioapic_ack_level() when the local APIC saw an edge: the EOI is made by hand. */
static void eoi_by_hand_without_a_register_delivers_a_line_that_is_still_up(void **state)
{
	struct fake_host *f = start("version=0x11");

	put_entry(f, 11, 0x23 | LEVEL, DEST(0));
	fake_set_line(f, 11, true);
	eoi_ioapic_pin_without_eoi_register(f, 11);
	assert_int_equal(fake_fires(f, 11), 2);
	assert_int_equal(get_low(f, 11), 0x23 | LEVEL | RIRR);
	fake_set_line(f, 11, false);
	eoi_ioapic_pin_without_eoi_register(f, 11);
	assert_int_equal(fake_fires(f, 11), 2);
	assert_int_equal(get_low(f, 11), 0x23 | LEVEL);
	fake_host_destroy(f);
}

/* ioapic_prepare_move() masks, ioapic_finish_move() looks at Remote IRR, writes the new
 * entry and unmasks. */
static void level_interrupt_moves_to_another_cpu_without_loss(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 11, 0x23 | LEVEL, DEST(0));
	fake_set_line(f, 11, true);
	mask_ioapic_irq(f, 11, 0x23 | LEVEL);
	assert_int_equal(get_low(f, 11) & RIRR, RIRR);
	fake_eoi(f, 0x23);
	assert_int_equal(get_low(f, 11) & RIRR, 0);
	put_entry(f, 11, 0x33 | LEVEL | MASK, DEST(1));
	unmask_ioapic_irq(f, 11, 0x33 | LEVEL);

	assert_int_equal(fake_fires(f, 11), 2);
	assert_int_equal(route_address(f, 11), 0xfee01000);
	assert_int_equal(route_data(f, 11), 0xc033);
	fake_eoi(f, 0x33);
	assert_int_equal(fake_fires(f, 11), 3);
	fake_host_destroy(f);
}

/* save_ioapic_entries(), mask_ioapic_entries(), restore_ioapic_entries(). */
static void saved_entries_are_restored_as_they_were(void **state)
{
	struct fake_host *f = start(NULL);
	uint32_t low[24], high[24];

	put_entry(f, 4, 0x22, DEST(1));
	put_entry(f, 11, 0x23 | LEVEL | LOW, DEST(2));
	for (unsigned pin = 0; pin < 24; pin++) {
		low[pin] = get_low(f, pin);
		high[pin] = get(f, (uint8_t)(0x11 + 2 * pin));
		put_entry(f, pin, low[pin] | MASK, high[pin]);
	}
	for (unsigned pin = 0; pin < 24; pin++)
		put_entry(f, pin, low[pin], high[pin]);
	for (unsigned pin = 0; pin < 24; pin++)
		assert_int_equal(get_low(f, pin), low[pin]);
	assert_int_equal(route_data(f, 11), 0xc023);
	fake_host_destroy(f);
}

int run_linux_tests(void)
{
	const struct CMUnitTest as_linux_does[] = {
	    cmocka_unit_test(clear_io_apic_pin_leaves_nothing_in_service_with_an_eoi_register),
	    cmocka_unit_test(clear_io_apic_pin_leaves_nothing_in_service_without_one),
	    cmocka_unit_test(clear_io_apic_at_boot_sends_nothing),
	    cmocka_unit_test(serial_interrupt_is_set_up_masked_and_started),
	    cmocka_unit_test(fasteoi_interrupt_comes_once_per_assertion),
	    cmocka_unit_test(oneshot_interrupt_comes_once_per_assertion),
	    cmocka_unit_test(eoi_by_hand_without_a_register_delivers_a_line_that_is_still_up),
	    cmocka_unit_test(level_interrupt_moves_to_another_cpu_without_loss),
	    cmocka_unit_test(saved_entries_are_restored_as_they_were),
	};

	return cmocka_run_group_tests(as_linux_does, NULL, NULL);
}
