/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

extern const struct volt_plugin volt_plugin_vmgenid;

static struct fake_host *wire(void)
{
	struct fake_host *f = fake_host_create(&volt_plugin_vmgenid);

	assert_int_equal(fake_host_wire(f, NULL), 0);
	return f;
}

static int setup(void **state)
{
	*state = wire();
	assert_int_equal(fake_host_run(*state), 0);
	return 0;
}

static int teardown(void **state)
{
	fake_host_destroy(*state);
	return 0;
}

static const struct volt_acpi_device *device(const struct fake_host *f)
{
	assert_int_equal(fake_device_count(f), 1);
	return fake_device(f, 0);
}

static uint64_t get(struct fake_host *f, uint64_t off, uint32_t n)
{
	return fake_read(f, VOLT_SPACE_MMIO, device(f)->address + off, n);
}

static uint32_t line(const struct fake_host *f)
{
	return (uint32_t)device(f)->resources[1].base;
}

/* Microsoft, Virtual Machine Generation ID: _CID and _DDN, ADDR with the address of 16 bytes that
 * are 8 bytes aligned, and Notify 0x80. */
static void acpi_tells_where_the_generation_is(void **state)
{
	const struct volt_acpi_device *d = device(*state);

	assert_string_equal(d->hid, "VMGENCTR");
	assert_string_equal(d->cid, "VM_Gen_Counter");
	assert_string_equal(d->ddn, "VM_Gen_Counter");
	assert_int_not_equal(d->address, 0);
	assert_int_equal(d->address % 8, 0);
	assert_int_equal(d->resource_count, 2);
	assert_int_equal(d->resources[0].type, VOLT_RES_MMIO);
	assert_int_equal(d->resources[0].base, d->address);
	assert_int_equal(d->resources[1].type, VOLT_RES_IRQ);
	assert_int_equal(d->resources[1].flags, VOLT_RES_NOTIFY);
	assert_true(fake_irq_claimed(*state, line(*state), NULL));
}

static void a_booted_guest_finds_its_generation_and_is_not_notified(void **state)
{
	assert_int_equal(fake_identities(*state), 1);
	assert_int_equal(get(*state, 0, 1), 1);
	assert_int_equal(get(*state, 1, 1), 0x5a);
	assert_int_equal(get(*state, 76, 4), VOLT_IDENTITY_BOOTED);
	assert_int_equal(fake_irq_rises(*state, line(*state)), 0);
}

static void a_restored_guest_finds_another_one_and_is_notified_once(void **state)
{
	size_t n;
	struct fake_host *copy = wire();

	assert_int_equal(fake_host_run(copy), 0);
	const uint64_t sequence = get(copy, 72, 4);
	const uint8_t *saved = fake_state_save(*state, &n);
	assert_int_equal(fake_state_load(copy, saved, n), 0);
	assert_int_equal(get(copy, 0, 1), 2);
	assert_int_equal(get(copy, 76, 4), VOLT_IDENTITY_RESTORED);
	assert_int_not_equal(get(copy, 72, 4), sequence);
	assert_int_equal(get(copy, 72, 4) % 2, 0);
	assert_int_equal(get(copy, 80, 8), FAKE_REALTIME);
	assert_int_equal(fake_irq_rises(copy, line(copy)), 1);
	assert_int_equal(fake_counter(copy, "notified"), 1);
	/* A pause and a save are no news. */
	fake_state_save(copy, &n);
	assert_int_equal(fake_irq_rises(copy, line(copy)), 1);
	fake_host_destroy(copy);
}

static void a_guest_cannot_change_it(void **state)
{
	const uint64_t was = get(*state, 0, 8);

	fake_write(*state, VOLT_SPACE_MMIO, device(*state)->address, 8, ~was);
	assert_int_equal(get(*state, 0, 8), was);
}

static void the_operators_words_are_lines_of_the_page(void **state)
{
	static const struct volt_identity_pair pairs[] = {
	    {"hostname", "web-7"}, {"address", "10.0.0.7/24"}};
	static const char text[] = "hostname=web-7\naddress=10.0.0.7/24\n";
	struct fake_host *f = wire();

	fake_identity_pairs(f, pairs, 2);
	assert_int_equal(fake_host_run(f), 0);
	assert_memory_equal(fake_page_at(f, device(f)->address + 64), "VOLTIDEN", 8);
	assert_int_equal(get(f, 72, 4) % 2, 0);
	assert_int_equal(get(f, 88, 4), sizeof(text) - 1);
	assert_memory_equal(fake_page_at(f, device(f)->address + 96), text, sizeof(text) - 1);
	fake_host_destroy(f);
}

/* More than a host passes on: the page ends before the text does. */
static void too_many_words_are_cut_between_two_lines(void **state)
{
	static char value[256];
	struct volt_identity_pair pairs[VOLT_IDENTITY_PAIRS];
	struct fake_host *f = wire();

	memset(value, 'x', sizeof(value) - 1);
	for (unsigned i = 0; i < VOLT_IDENTITY_PAIRS; i++)
		pairs[i] = (struct volt_identity_pair){"k", value};
	fake_identity_pairs(f, pairs, VOLT_IDENTITY_PAIRS);
	assert_int_equal(fake_host_run(f), 0);
	assert_int_equal(get(f, 88, 4), VOLT_IDENTITY_BYTES / 258 * 258);
	fake_host_destroy(f);
}

static void any_state_can_be_lived_with(void **state)
{
	fake_state_fuzz(&volt_plugin_vmgenid, NULL, 1, 20);
}

/* -------------------------------------------------------------------- init */

static void init_fails_when_any_call_of_it_does(void **state)
{
	const unsigned calls = fake_host_calls(*state);

	assert_int_equal(calls, 4);
	for (unsigned i = 1; i <= calls; i++) {
		struct fake_host *f = fake_host_create(&volt_plugin_vmgenid);

		fake_host_fail_call(f, i, ENOSPC);
		assert_int_equal(fake_host_wire(f, NULL), -ENOSPC);
		fake_host_destroy(f);
	}
}

static void init_fails_on_a_host_without_an_extension_it_needs(void **state)
{
	static const char *const needed[] = {VOLT_EXT_PAGE, VOLT_EXT_DESCRIBE};

	for (unsigned i = 0; i < 2; i++) {
		struct fake_host *f = fake_host_create(&volt_plugin_vmgenid);

		fake_host_hide_ext(f, needed[i]);
		assert_int_equal(fake_host_wire(f, NULL), -ENOTSUP);
		assert_non_null(strstr(fake_host_message(f), needed[i]));
		fake_host_destroy(f);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(acpi_tells_where_the_generation_is),
	    T(a_booted_guest_finds_its_generation_and_is_not_notified),
	    T(a_restored_guest_finds_another_one_and_is_notified_once),
	    T(a_guest_cannot_change_it),
	    T(the_operators_words_are_lines_of_the_page),
	    T(too_many_words_are_cut_between_two_lines),
	    T(any_state_can_be_lived_with),
	    T(init_fails_when_any_call_of_it_does),
	    T(init_fails_on_a_host_without_an_extension_it_needs),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
