/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Lines, masks and EOIs. [..] as in entry.h. */
#include "test_ioapic.h"

/* [82093AA] 3.2.4, bit 15: 0 is edge sensitive. */
static void edge_pin_interrupts_once_per_rising_line(void **state)
{
	struct fake_host *f = start(NULL);
	const struct volt_irqchip *chip = volt_plugin_ioapic.get_ext(VOLT_EXT_IRQCHIP);

	put_entry(f, 4, 0x31, DEST(0));
	fake_set_line(f, 4, true);
	chip->set_line(fake_host_self(f), 4, true);
	assert_int_equal(fake_fires(f, 4), 1);
	fake_set_line(f, 4, false);
	assert_int_equal(fake_fires(f, 4), 1);
	fake_set_line(f, 4, true);
	assert_int_equal(fake_fires(f, 4), 2);
	assert_int_equal(fake_counter(f, "delivered"), 2);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.4, bit 14: no Remote IRR for edges, so no EOI to wait for. */
static void edge_pin_sets_no_remote_irr_and_asks_for_no_eoi(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 4, 0x31, DEST(0));
	pulse(f, 4);
	pulse(f, 4);
	assert_int_equal(fake_fires(f, 4), 2);
	assert_int_equal(get_low(f, 4), 0x31);
	assert_int_equal(route_data(f, 4), 0x4031);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.4, bit 16: edges on a masked pin "are ignored (i.e., not delivered or
 * held pending)". */
static void edge_on_a_masked_pin_is_lost(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 4, 0x31 | MASK, DEST(0));
	fake_set_line(f, 4, true);
	put_low(f, 4, 0x31);
	assert_int_equal(fake_fires(f, 4), 0);
	assert_int_equal(fake_counter(f, "masked_edges"), 1);
	fake_set_line(f, 4, false);
	fake_set_line(f, 4, true);
	assert_int_equal(fake_fires(f, 4), 1);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.4, bits 14 and 15. */
static void level_pin_interrupts_once_and_sets_remote_irr(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	fake_set_line(f, 9, true);
	assert_int_equal(fake_fires(f, 9), 1);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL | RIRR);
	pulse(f, 9);
	fake_set_line(f, 9, true);
	assert_int_equal(fake_fires(f, 9), 1);
	assert_int_equal(fake_counter(f, "coalesced"), 1);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.4, bit 14: cleared by "an EOI message with a matching interrupt vector". */
static void eoi_with_the_line_down_ends_the_interrupt(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	pulse(f, 9);
	fake_eoi(f, 0x41);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL);
	assert_int_equal(fake_fires(f, 9), 1);
	fake_set_line(f, 9, true);
	assert_int_equal(fake_fires(f, 9), 2);
	assert_int_equal(fake_counter(f, "eois"), 1);
	fake_host_destroy(f);
}

/* [ICH10] 13.5.4: "if its input remained active when the Remote_IRR bit is cleared, the
 * interrupt will be reissued". */
static void eoi_with_the_line_up_interrupts_again(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	fake_set_line(f, 9, true);
	fake_eoi(f, 0x41);
	assert_int_equal(fake_fires(f, 9), 2);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL | RIRR);
	assert_int_equal(fake_counter(f, "redelivered"), 1);
	fake_host_destroy(f);
}

static void eoi_of_another_vector_changes_nothing(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	put_entry(f, 10, 0x42 | LEVEL, DEST(0));
	fake_set_line(f, 9, true);
	fake_eoi(f, 0x42);
	assert_int_equal(fake_fires(f, 9), 1);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL | RIRR);
	assert_int_equal(fake_counter(f, "stray_eois"), 1);
	fake_host_destroy(f);
}

/* [ICH10] 13.5.4: several entries with the vector are all cleared. */
static void eoi_ends_the_interrupts_of_all_pins_with_its_vector(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	put_entry(f, 10, 0x41 | LEVEL, DEST(1));
	put_entry(f, 11, 0x42 | LEVEL, DEST(1));
	pulse(f, 9);
	fake_set_line(f, 10, true);
	pulse(f, 11);
	fake_eoi(f, 0x41);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL);
	assert_int_equal(get_low(f, 10), 0x41 | LEVEL | RIRR);
	assert_int_equal(get_low(f, 11), 0x42 | LEVEL | RIRR);
	assert_int_equal(fake_fires(f, 10), 2);
	fake_host_destroy(f);
}

/* [ICH10] 13.5.4: bits 31:8 are ignored. */
static void eoi_register_ends_an_interrupt(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	pulse(f, 9);
	put_eoi(f, 0xffffff41);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL);
	assert_int_equal(fake_counter(f, "eois"), 1);
	fake_host_destroy(f);
}

/* [82093AA] 3.0: only IOREGSEL and IOWIN are directly accessible. */
static void version_11h_has_no_eoi_register(void **state)
{
	struct fake_host *f = start("version=0x11");

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	pulse(f, 9);
	put_eoi(f, 0x41);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL | RIRR);
	assert_int_equal(fake_counter(f, "bad_accesses"), 1);
	fake_host_destroy(f);
}

/* KVM broadcasts a local EOI even when the guest suppressed that to write EOIR. */
static void local_eoi_and_eoi_register_together_end_one_interrupt(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	pulse(f, 9);
	fake_eoi(f, 0x41);
	put_eoi(f, 0x41);
	assert_int_equal(fake_fires(f, 9), 1);
	assert_int_equal(fake_counter(f, "eois"), 1);
	assert_int_equal(fake_counter(f, "stray_eois"), 1);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.4, bit 16: levels on a masked pin have no side effects; a level on an
 * unmasked pin is delivered. */
static void level_on_a_masked_pin_interrupts_when_unmasked(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL | MASK, DEST(0));
	fake_set_line(f, 9, true);
	assert_int_equal(fake_fires(f, 9), 0);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL | MASK);
	put_low(f, 9, 0x41 | LEVEL);
	assert_int_equal(fake_fires(f, 9), 1);
	fake_host_destroy(f);
}

static void level_withdrawn_while_masked_does_not_interrupt(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL | MASK, DEST(0));
	pulse(f, 9);
	put_low(f, 9, 0x41 | LEVEL);
	assert_int_equal(fake_fires(f, 9), 0);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.4, bit 16: masking has no effect on an accepted interrupt. */
static void pin_masked_in_service_still_gets_its_eoi(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	fake_set_line(f, 9, true);
	put_low(f, 9, 0x41 | LEVEL | MASK);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL | MASK | RIRR);
	assert_int_equal(route_data(f, 9), 0xc041);
	fake_eoi(f, 0x41);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL | MASK);
	assert_int_equal(fake_fires(f, 9), 1);
	put_low(f, 9, 0x41 | LEVEL);
	assert_int_equal(fake_fires(f, 9), 2);
	fake_host_destroy(f);
}

static void unmasking_in_service_does_not_interrupt_again(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	fake_set_line(f, 9, true);
	put_low(f, 9, 0x41 | LEVEL | MASK);
	put_low(f, 9, 0x41 | LEVEL);
	assert_int_equal(fake_fires(f, 9), 1);
	fake_host_destroy(f);
}

/* [82093AA] 3.2.4, bit 14: the EOI must match, and it is the entry's vector that it must
 * match. Linux knows: "the irq will never fire again" (ioapic_finish_move). */
static void vector_changed_in_service_waits_for_an_eoi_of_the_new_one(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	fake_set_line(f, 9, true);
	put_low(f, 9, 0x51 | LEVEL);
	fake_eoi(f, 0x41);
	assert_int_equal(fake_fires(f, 9), 1);
	assert_int_equal(get_low(f, 9), 0x51 | LEVEL | RIRR);
	put_eoi(f, 0x51);
	assert_int_equal(fake_fires(f, 9), 2);
	fake_host_destroy(f);
}

/* What Linux and Xen rely on: see __eoi_ioapic_pin. */
static void becoming_edge_clears_remote_irr(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	fake_set_line(f, 9, true);
	put_low(f, 9, 0x41);
	assert_int_equal(get_low(f, 9), 0x41);
	assert_int_equal(fake_fires(f, 9), 1);
	fake_host_destroy(f);
}

static void becoming_level_with_the_line_up_interrupts(void **state)
{
	struct fake_host *f = start(NULL);

	fake_set_line(f, 9, true);
	put_entry(f, 9, 0x41, DEST(0));
	assert_int_equal(fake_fires(f, 9), 0);
	put_low(f, 9, 0x41 | LEVEL);
	assert_int_equal(fake_fires(f, 9), 1);
	fake_host_destroy(f);
}

/* A Volt line is up when the device asserts it, whatever the voltage would be. */
static void polarity_is_kept_and_inverts_nothing(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL | LOW, DEST(0));
	assert_int_equal(fake_fires(f, 9), 0);
	fake_set_line(f, 9, true);
	assert_int_equal(fake_fires(f, 9), 1);
	assert_int_equal(get_low(f, 9), 0x41 | LEVEL | LOW | RIRR);
	fake_host_destroy(f);
}

static void reset_forgets_interrupts_in_service_and_keeps_lines(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	fake_set_line(f, 9, true);
	fake_host_reset(f);
	assert_int_equal(get_low(f, 9), MASK);
	put_entry(f, 9, 0x41 | LEVEL, DEST(0));
	assert_int_equal(fake_fires(f, 9), 2);
	fake_host_destroy(f);
}

static void pins_that_do_not_exist_are_ignored(void **state)
{
	struct fake_host *f = start(NULL);
	const struct volt_irqchip *chip = volt_plugin_ioapic.get_ext(VOLT_EXT_IRQCHIP);

	chip->set_line(fake_host_self(f), 24, true);
	chip->set_line(fake_host_self(f), UINT32_MAX, true);
	assert_int_equal(fake_counter(f, "delivered"), 0);
	assert_int_equal(fake_counter(f, "masked_edges"), 0);
	fake_host_destroy(f);
}

int run_interrupt_tests(void)
{
	const struct CMUnitTest interrupts[] = {
	    cmocka_unit_test(edge_pin_interrupts_once_per_rising_line),
	    cmocka_unit_test(edge_pin_sets_no_remote_irr_and_asks_for_no_eoi),
	    cmocka_unit_test(edge_on_a_masked_pin_is_lost),
	    cmocka_unit_test(level_pin_interrupts_once_and_sets_remote_irr),
	    cmocka_unit_test(eoi_with_the_line_down_ends_the_interrupt),
	    cmocka_unit_test(eoi_with_the_line_up_interrupts_again),
	    cmocka_unit_test(eoi_of_another_vector_changes_nothing),
	    cmocka_unit_test(eoi_ends_the_interrupts_of_all_pins_with_its_vector),
	    cmocka_unit_test(eoi_register_ends_an_interrupt),
	    cmocka_unit_test(version_11h_has_no_eoi_register),
	    cmocka_unit_test(local_eoi_and_eoi_register_together_end_one_interrupt),
	    cmocka_unit_test(level_on_a_masked_pin_interrupts_when_unmasked),
	    cmocka_unit_test(level_withdrawn_while_masked_does_not_interrupt),
	    cmocka_unit_test(pin_masked_in_service_still_gets_its_eoi),
	    cmocka_unit_test(unmasking_in_service_does_not_interrupt_again),
	    cmocka_unit_test(vector_changed_in_service_waits_for_an_eoi_of_the_new_one),
	    cmocka_unit_test(becoming_edge_clears_remote_irr),
	    cmocka_unit_test(becoming_level_with_the_line_up_interrupts),
	    cmocka_unit_test(polarity_is_kept_and_inverts_nothing),
	    cmocka_unit_test(reset_forgets_interrupts_in_service_and_keeps_lines),
	    cmocka_unit_test(pins_that_do_not_exist_are_ignored),
	};

	return cmocka_run_group_tests(interrupts, NULL, NULL);
}
