/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Interrupt lines, pins of an irqchip plugin, and descriptions in the fake host.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "toy.h"

#include <cmocka.h> /* last: it defines fail() */

static struct fake_host *f;
static struct toy *toy;

static int wire_line(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = self;

	assert_int_equal(h->add_irq(h, 4, VOLT_IRQ_LEVEL, &t->line), 0);
	return toy_init(self, h, a);
}

static int start(void **state)
{
	f = toy_run(wire_line);
	toy = fake_host_self(f);
	return 0;
}

static int stop(void **state)
{
	toy_stop(f);
	return 0;
}

static void set_level(bool level)
{
	toy->h->set_irq(toy->h, toy->line, level);
}

static void claimed_line_starts_low(void **state)
{
	uint32_t flags = 9;

	assert_true(fake_irq_claimed(f, 4, &flags));
	assert_int_equal(flags, VOLT_IRQ_LEVEL);
	assert_false(fake_irq_level(f, 4));
	assert_int_equal(fake_irq_rises(f, 4), 0);
	assert_false(fake_irq_claimed(f, 3, NULL));
}

static void only_low_to_high_counts_as_a_rise(void **state)
{
	set_level(false);
	assert_int_equal(fake_irq_rises(f, 4), 0);
	set_level(true);
	set_level(true);
	assert_true(fake_irq_level(f, 4));
	assert_int_equal(fake_irq_rises(f, 4), 1);
	set_level(false);
	assert_false(fake_irq_level(f, 4));
	assert_int_equal(fake_irq_rises(f, 4), 1);
	set_level(true);
	assert_int_equal(fake_irq_rises(f, 4), 2);
}

static int wire_bad_lines(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = self;

	assert_int_equal(h->add_irq(h, 24, VOLT_IRQ_EDGE, &t->line), -EINVAL);
	assert_int_equal(h->add_irq(h, 1, 2, &t->line), -EINVAL);
	assert_int_equal(h->add_irq(h, 23, VOLT_IRQ_EDGE, &t->line), 0);
	assert_int_equal(h->add_irq(h, 23, VOLT_IRQ_EDGE, &t->line), -EBUSY);
	return toy_init(self, h, a);
}

static void line_is_claimed_once_and_below_24(void **state)
{
	toy_stop(toy_run(wire_bad_lines));
}

/* ----------------------------------------------------------------- irqchip */

#define MSI_ADDRESS   0xfee00000u
#define TRIGGER_LEVEL 0x8000u

static const struct volt_irqroute *irqroute;

static int chip_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	irqroute = h->get_ext(h, VOLT_EXT_IRQROUTE);
	assert_non_null(irqroute);
	return toy_init(self, h, a);
}

static void chip_info(void *self, struct volt_irqchip_info *info)
{
	assert_int_equal(info->size, sizeof(*info));
	info->pins = 8;
	info->base = 0xfec00000;
}

static void chip_set_line(void *self, uint32_t pin, bool level)
{
	struct toy *t = self;

	toy_note(t, "pin%u=%d ", pin, level);
	if (level)
		irqroute->fire(t->h, pin);
}

static void chip_eoi(void *self, uint8_t vector)
{
	toy_note(self, "eoi%u ", vector);
}

static const struct volt_irqchip chip_ops = {
    .size = sizeof(chip_ops),
    .info = chip_info,
    .set_line = chip_set_line,
    .eoi = chip_eoi,
};

static const void *chip_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_IRQCHIP) == 0 ? &chip_ops : NULL;
}

static struct volt_plugin chip;

static int start_chip(void **state)
{
	chip = toy_plugin;
	chip.init = chip_init;
	chip.get_ext = chip_ext;
	f = fake_host_create(&chip);
	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_int_equal(fake_host_run(f), 0);
	toy_forget(f);
	toy = fake_host_self(f);
	return 0;
}

static void only_changes_of_a_line_reach_the_irqchip(void **state)
{
	irqroute->route(toy->h, 5, MSI_ADDRESS, 0x31);
	fake_set_line(f, 5, false);
	fake_set_line(f, 5, true);
	fake_set_line(f, 5, true);
	fake_set_line(f, 5, false);
	assert_string_equal(toy_calls(f), "pin5=1 pin5=0 ");
	assert_int_equal(fake_fires(f, 5), 1);
	assert_int_equal(fake_fires(f, 4), 0);
}

static void newest_route_is_kept(void **state)
{
	uint64_t address = 0;
	uint32_t data = 0;

	assert_false(fake_route(f, 5, &address, &data));
	irqroute->route(toy->h, 5, MSI_ADDRESS, 0x31);
	irqroute->route(toy->h, 5, MSI_ADDRESS | 0x1000, 0x32);
	assert_true(fake_route(f, 5, &address, &data));
	assert_int_equal(address, MSI_ADDRESS | 0x1000);
	assert_int_equal(data, 0x32);
}

static void eoi_comes_back_only_for_level_triggered_vectors(void **state)
{
	irqroute->route(toy->h, 1, MSI_ADDRESS, 0x31);
	irqroute->route(toy->h, 2, MSI_ADDRESS, TRIGGER_LEVEL | 0x32);
	fake_eoi(f, 0x31);
	fake_eoi(f, 0x32);
	fake_eoi(f, 0x33);
	assert_string_equal(toy_calls(f), "eoi50 ");
}

/* ------------------------------------------------------------ descriptions */

static const struct volt_acpi_device uart = {
    .size = sizeof(uart),
    .resource_count = 2,
    .hid = "PNP0501",
    .resources = {{VOLT_RES_PIO, 0, 0x3f8, 8}, {VOLT_RES_IRQ, VOLT_IRQ_EDGE, 4, 0}},
};
static const struct volt_acpi_fixed reset_register = {
    .size = sizeof(reset_register),
    .kind = VOLT_FIXED_RESET,
    .space = VOLT_SPACE_PIO,
    .value = 6,
    .address = 0xcf9,
};

static int wire_described(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = self;
	int err = toy_init(self, h, a);

	assert_int_equal(t->describe->device(h, &uart), 0);
	assert_int_equal(t->describe->fixed(h, &reset_register), 0);
	assert_int_equal(t->describe->fixed(h, &reset_register), -ENOSPC);
	assert_int_equal(t->describe->cmdline(h, "a=1 b"), 0);
	assert_int_equal(t->describe->cmdline(h, "c"), 0);
	return err;
}

static void descriptions_are_kept(void **state)
{
	struct fake_host *other = toy_run(wire_described);

	assert_int_equal(fake_device_count(other), 1);
	assert_string_equal(fake_device(other, 0)->hid, "PNP0501");
	assert_int_equal(fake_device(other, 0)->resources[0].base, 0x3f8);
	assert_null(fake_device(other, 1));
	assert_int_equal(fake_fixed(other, VOLT_FIXED_RESET)->address, 0xcf9);
	assert_null(fake_fixed(other, VOLT_FIXED_SLEEP_STATUS));
	assert_null(fake_fixed(other, 200));
	assert_string_equal(fake_cmdline(other), "a=1 b c");
	toy_stop(other);
}

static void assert_bad_device(struct toy *t, struct volt_acpi_device d)
{
	assert_int_equal(t->describe->device(t->h, &d), -EINVAL);
}

static int wire_malformed(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = self;
	struct volt_acpi_device d;
	struct volt_acpi_fixed x;
	int err = toy_init(self, h, a);

	d = uart, d.size = 0, assert_bad_device(t, d);
	d = uart, d.hid = NULL, assert_bad_device(t, d);
	d = uart, d.hid = "PNP050", assert_bad_device(t, d);
	d = uart, d.hid = "pnp0501", assert_bad_device(t, d);
	d = uart, d.cid = "", assert_bad_device(t, d);
	d = uart, d.ddn = "a \"quote\"", assert_bad_device(t, d);
	d = uart, d.ddn = "one character too many for this", assert_int_equal(strlen(d.ddn), 31);
	d = uart, d.ddn = "one character too many for this!", assert_bad_device(t, d);
	d = uart, d.resource_count = 9, assert_bad_device(t, d);
	d = uart, d.resources[0].len = 0, assert_bad_device(t, d);
	d = uart, d.resources[0].base = 0xfff9, assert_bad_device(t, d);
	d = uart, d.resources[0].type = 4, assert_bad_device(t, d);
	d = uart, d.resources[1].base = 24, assert_bad_device(t, d);
	d = uart, d.resources[1].flags = 2, assert_bad_device(t, d);
	d = uart, d.resources[1].flags = VOLT_RES_NOTIFY | VOLT_IRQ_LEVEL, assert_bad_device(t, d);
	x = reset_register, x.kind = 4, assert_int_equal(t->describe->fixed(h, &x), -EINVAL);
	x = reset_register, x.address = 65536, assert_int_equal(t->describe->fixed(h, &x), -EINVAL);
	assert_int_equal(t->describe->cmdline(h, ""), -EINVAL);
	assert_int_equal(t->describe->cmdline(h, "tab\there"), -EINVAL);
	return err;
}

static void malformed_description_is_refused(void **state)
{
	struct fake_host *other = toy_run(wire_malformed);

	assert_int_equal(fake_device_count(other), 0);
	assert_string_equal(fake_cmdline(other), "");
	toy_stop(other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
#define CHIP(name) cmocka_unit_test_setup_teardown(name, start_chip, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(claimed_line_starts_low),
	    CASE(only_low_to_high_counts_as_a_rise),
	    cmocka_unit_test(line_is_claimed_once_and_below_24),
	    CHIP(only_changes_of_a_line_reach_the_irqchip),
	    CHIP(newest_route_is_kept),
	    CHIP(eoi_comes_back_only_for_level_triggered_vectors),
	    cmocka_unit_test(descriptions_are_kept),
	    cmocka_unit_test(malformed_description_is_refused),
	};

	return cmocka_run_group_tests_name("fake_machine", tests, NULL, NULL);
}
