/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "test_ioapic.h"

struct fake_host *start(const char *params)
{
	struct fake_host *f = fake_host_create(&volt_plugin_ioapic);

	assert_int_equal(fake_host_wire(f, params), 0);
	assert_int_equal(fake_host_run(f), 0);
	return f;
}

uint32_t get(struct fake_host *f, uint8_t index)
{
	fake_write(f, VOLT_SPACE_MMIO, BASE, 4, index);
	return (uint32_t)fake_read(f, VOLT_SPACE_MMIO, BASE + 0x10, 4);
}

void put(struct fake_host *f, uint8_t index, uint32_t val)
{
	fake_write(f, VOLT_SPACE_MMIO, BASE, 4, index);
	fake_write(f, VOLT_SPACE_MMIO, BASE + 0x10, 4, val);
}

uint32_t get_low(struct fake_host *f, unsigned pin)
{
	return get(f, (uint8_t)(0x10 + 2 * pin));
}

void put_low(struct fake_host *f, unsigned pin, uint32_t low)
{
	put(f, (uint8_t)(0x10 + 2 * pin), low);
}

void put_entry(struct fake_host *f, unsigned pin, uint32_t low, uint32_t high)
{
	put(f, (uint8_t)(0x11 + 2 * pin), high);
	put_low(f, pin, low);
}

void put_eoi(struct fake_host *f, uint32_t vector)
{
	fake_write(f, VOLT_SPACE_MMIO, BASE + 0x40, 4, vector);
}

void pulse(struct fake_host *f, unsigned pin)
{
	fake_set_line(f, pin, true);
	fake_set_line(f, pin, false);
}

uint32_t route_data(struct fake_host *f, unsigned pin)
{
	uint32_t data = 0;

	assert_true(fake_route(f, pin, NULL, &data));
	return data;
}

uint64_t route_address(struct fake_host *f, unsigned pin)
{
	uint64_t address = 0;

	assert_true(fake_route(f, pin, &address, NULL));
	return address;
}

int main(void)
{
	int failed = run_register_tests();

	failed += run_interrupt_tests();
	failed += run_message_tests();
	failed += run_linux_tests();
	failed += run_fuzz_tests();
	return failed != 0;
}
