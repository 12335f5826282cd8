/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The bus and its functions, with a function that is not virtio: two BARs, a capability of its
 * own, two vectors. The cases of virtio's are in sdk/virtio/test_virtio_pci.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <volt/draft/pci.h>
#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

extern const struct volt_plugin volt_plugin_pci;

#define ADDRESS 0xcf8u
#define DATA    0xcfcu

struct widget {
	struct volt_pci_function pci;
	uint32_t reg, state, touched, changes;
};

static struct volt_pci_type widget_type;
static unsigned widgets; /* that one instance adds: a test of a bus that is full */

static uint64_t widget_read(void *self, uint64_t off, uint32_t n)
{
	return ((struct widget *)self)->reg + off;
}

static void widget_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	((struct widget *)self)->reg = (uint32_t)val;
}

static uint64_t other_read(void *self, uint64_t off, uint32_t n)
{
	return 0x55;
}

static void widget_touch(void *self, unsigned index, uint32_t off, uint32_t n, bool written)
{
	struct widget *w = self;

	w->touched = index << 24 | off << 16 | n << 8 | written;
	if (!written)
		volt_pci_bytes(&w->pci, index)[4]++;
}

static void widget_changed(void *self, uint32_t state)
{
	((struct widget *)self)->state = state;
	((struct widget *)self)->changes++;
}

static int widget_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct volt_peer bus = {.size = sizeof(bus)};

	if (h->find(h, VOLT_EXT_PCI, &bus))
		return volt_fail(h, ENOENT, "there is no bus");
	const struct volt_pci *pci = bus.table;
	int err = 0;

	for (unsigned i = 0; i < widgets; i++) {
		err = pci->add(bus.self, h, &((struct widget *)self)->pci, &widget_type);
		if (err)
			return err;
	}
	return 0;
}

static void widget_reset(void *self)
{
	struct widget *w = self;

	w->pci.bus->reset(&w->pci);
}

static const struct volt_plugin widget_plugin = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "widget",
    .version = "1",
    .summary = "a PCI function",
    .instance_size = sizeof(struct widget),
    .init = widget_init,
    .reset = widget_reset,
};

static const uint8_t capability[] = {8, 1, 2, 3, 4, 5};
static const uint8_t capability_mask[] = {0, 0, 0, 0, 0xf0, 0};
static const struct volt_pci_capability capabilities[] = {
    {.id = 9, .len = 8, .told = 1, .bytes = capability, .mask = capability_mask},
    {.id = 9, .len = 5, .bytes = capability},
};

static const struct volt_pci_type good_type = {
    .size = sizeof(good_type),
    .class_revision = 0xff000003,
    .vendor = 0x1234,
    .device = 0x5678,
    .subsystem_vendor = 0x9abc,
    .subsystem = 0xdef0,
    .name = "widget",
    .vectors = 2,
    .msix_bar = 2,
    .msix_table = 0x100,
    .msix_pending = 0x200,
    .bars = {{.len = 0x10000, .read = widget_read, .write = widget_write}, [2] = {.len = 0x1000,
									       .read = other_read}},
    .capabilities = capabilities,
    .capability_count = 2,
    .touch = widget_touch,
    .changed = widget_changed,
};

static struct fake_host *make(void)
{
	struct fake_host *f = fake_host_create(&widget_plugin);

	fake_pci_offer(f);
	return f;
}

static int setup(void **state)
{
	struct fake_host *f = make();

	widget_type = good_type;
	widgets = 1;
	*state = f;
	return fake_host_wire(f, NULL) || fake_host_run(f);
}

static int teardown(void **state)
{
	fake_host_destroy(*state);
	return 0;
}

static void out(struct fake_host *f, uint32_t port, uint32_t n, uint32_t val)
{
	fake_write(f, VOLT_SPACE_PIO, port, n, val);
}

static uint32_t in(struct fake_host *f, uint32_t port, uint32_t n)
{
	return (uint32_t)fake_read(f, VOLT_SPACE_PIO, port, n);
}

static uint32_t mem(struct fake_host *f, uint64_t at, uint32_t n)
{
	return (uint32_t)fake_read(f, VOLT_SPACE_MMIO, at, n);
}

/* ----------------------------------------------------------------- the ports */

/* PCI 3.2.2.3.2: a dword access alone; bits 30 to 24, 1 and 0 are 0. */
static void the_address_is_a_dword(void **state)
{
	out(*state, ADDRESS, 4, 0xffffffff);
	assert_int_equal(in(*state, ADDRESS, 4), 0x80fffffc);
	out(*state, ADDRESS, 1, 0);
	out(*state, ADDRESS + 3, 1, 0);
	out(*state, ADDRESS, 2, 0);
	assert_int_equal(in(*state, ADDRESS, 4), 0x80fffffc);
	assert_int_equal(in(*state, ADDRESS, 1), 0xff);
	out(*state, ADDRESS, 4, 0);
	assert_int_equal(in(*state, ADDRESS, 4), 0);
}

static void data_is_read_in_bytes_words_and_dwords(void **state)
{
	out(*state, ADDRESS, 4, 0x80000800);
	assert_int_equal(in(*state, DATA, 4), 0x56781234);
	assert_int_equal(in(*state, DATA, 2), 0x1234);
	assert_int_equal(in(*state, DATA + 2, 2), 0x5678);
	assert_int_equal(in(*state, DATA + 1, 2), 0x7812);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(in(*state, DATA + i, 1), 0x56781234 >> (8 * i) & 0xff);
	out(*state, ADDRESS, 4, 0x8000082c);
	assert_int_equal(in(*state, DATA, 4), 0xdef09abc);
	out(*state, ADDRESS, 4, 0x80000808);
	assert_int_equal(in(*state, DATA, 4), 0xff000003);
}

/* Other slots, parts, buses, and the enable bit. */
static void what_is_not_there_reads_as_ones(void **state)
{
	static const uint32_t bad[] = {
	    0x00000800, 0x80001000, 0x80000900, 0x80010800, 0x8000f800, 0x80000100, 0x80ff0000};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		out(*state, ADDRESS, 4, bad[i]);
		assert_int_equal(in(*state, DATA, 4), 0xffffffff);
		assert_int_equal(in(*state, DATA + 3, 1), 0xff);
		out(*state, DATA, 4, 0);
	}
}

/* Linux looks for one, and writes nothing to it. */
static void slot_0_is_a_host_bridge(void **state)
{
	out(*state, ADDRESS, 4, 0x80000008);
	assert_int_equal(in(*state, DATA + 2, 2), 0x0600);
	for (uint32_t at = 0; at < 256; at += 4) {
		out(*state, ADDRESS, 4, 0x80000000 | at);
		const uint32_t before = in(*state, DATA, 4);

		out(*state, DATA, 4, 0xffffffff);
		assert_int_equal(in(*state, DATA, 4), before);
		assert_true(before == 0 || at == 0 || at == 8);
	}
}

/* -------------------------------------------------------------- a function */

static void bars_have_their_sizes_and_homes(void **state)
{
	const uint32_t first = fake_pci_read(*state, 0x10, 4),
		       second = fake_pci_read(*state, 0x18, 4);

	assert_int_equal(first % 0x10000, 0);
	assert_int_equal(second % 0x1000, 0);
	assert_true(first >= 0xe8000000 && second >= 0xe8000000 && first != second);
	fake_pci_write(*state, 0x10, 4, 0xffffffff);
	fake_pci_write(*state, 0x18, 4, 0xffffffff);
	fake_pci_write(*state, 0x14, 4, 0xffffffff);
	assert_int_equal(fake_pci_read(*state, 0x10, 4), 0xffff0000);
	assert_int_equal(fake_pci_read(*state, 0x18, 4), 0xfffff000);
	assert_int_equal(fake_pci_read(*state, 0x14, 4), 0);
}

static void memory_answers_while_it_is_decoded(void **state)
{
	struct widget *w = fake_host_self(*state);
	const uint32_t at = fake_pci_read(*state, 0x10, 4);

	w->reg = 7;
	assert_int_equal(mem(*state, at, 4), 0xffffffff);
	fake_pci_write(*state, 4, 1, 2);
	assert_int_equal(mem(*state, at + 0x20, 4), 0x27);
	fake_write(*state, VOLT_SPACE_MMIO, at, 4, 9);
	assert_int_equal(w->reg, 9);
	fake_pci_write(*state, 4, 1, 0);
	fake_write(*state, VOLT_SPACE_MMIO, at, 4, 11);
	assert_int_equal(w->reg, 9);
}

static void moved_memory_answers_where_it_is(void **state)
{
	struct widget *w = fake_host_self(*state);

	fake_pci_enable(*state);
	fake_pci_write(*state, 0x10, 4, 0xe7ff0000); /* the last place of the bus's own */
	fake_pci_write(*state, 0x18, 4, 0xe0000000); /* the first */
	assert_int_equal(mem(*state, 0xe7ffffff, 1), 0xff & (0xffff + w->reg));
	assert_int_equal(mem(*state, 0xe0000000, 1), 0x55);
	assert_int_equal(mem(*state, 0xe0000100, 4), 0);
	assert_int_equal(mem(*state, 0xe000010c, 4), 1); /* masked: the MSI-X table is there too */
	assert_int_equal(mem(*state, 0xe0001000, 4), 0xffffffff);
	fake_pci_write(*state, 0x10, 4, 0xe8010000); /* another's home */
	assert_int_equal(mem(*state, 0xe8010000, 4), 0xffffffff);
}

static void a_change_is_told_once(void **state)
{
	struct widget *w = fake_host_self(*state);

	fake_pci_write(*state, 4, 2, 0xffff);
	assert_int_equal(w->state, VOLT_PCI_MEMORY | VOLT_PCI_MASTER);
	assert_int_equal(fake_pci_read(*state, 4, 2), 0x0406);
	fake_pci_write(*state, 4, 2, 0xffff);
	fake_pci_write(*state, 0x3c, 1, 9);
	assert_int_equal(w->changes, 1);
	fake_pci_write(*state, 4, 2, 0);
	assert_int_equal(w->state, 0);
	assert_int_equal(w->changes, 2);
	assert_int_equal(fake_pci_read(*state, 0x3c, 1), 9);
}

static void capabilities_are_a_list_that_ends(void **state)
{
	assert_true(fake_pci_find(*state, 0x11, 0));
	assert_false(fake_pci_find(*state, 0x11, 1));
	assert_true(fake_pci_find(*state, 9, 0));
	assert_true(fake_pci_find(*state, 9, 1));
	assert_false(fake_pci_find(*state, 9, 2));
}

static void a_capability_that_wants_to_know_is_told(void **state)
{
	struct widget *w = fake_host_self(*state);
	const uint32_t at = fake_pci_find(*state, 9, 0);

	const uint32_t other = fake_pci_find(*state, 9, 1);

	w->touched = 0;
	(void)fake_pci_read(*state, other, 1);
	assert_int_equal(w->touched, 0);
	fake_pci_write(*state, at + 6, 2, 0xffff);
	assert_int_equal(w->touched, 6 << 16 | 2 << 8 | 1);
	assert_int_equal(fake_pci_read(*state, at + 6, 1), 0xf4);
	assert_int_equal(fake_pci_read(*state, at + 7, 1), 5);
	const uint32_t before = fake_pci_read(*state, at + 4, 1);

	assert_int_equal(fake_pci_read(*state, at + 4, 1), before + 1);
	assert_int_equal(w->touched, 4 << 16 | 1 << 8);
}

static void vectors_fire_as_the_table_says(void **state)
{
	struct widget *w = fake_host_self(*state);
	const uint32_t at = fake_pci_read(*state, 0x18, 4) + 0x100;
	uint64_t address;
	uint32_t data;

	w->pci.bus->fire(&w->pci, 1); /* off: lost */
	fake_pci_enable(*state);
	w->pci.bus->fire(&w->pci, 1);
	w->pci.bus->fire(&w->pci, 2); /* not there */
	assert_int_equal(mem(*state, at + 0x100, 4), 2);
	fake_write(*state, VOLT_SPACE_MMIO, at + 16, 8, 0xfee01000);
	fake_write(*state, VOLT_SPACE_MMIO, at + 24, 8, 0x41);
	assert_int_equal(fake_messages(*state, &address, &data), 1);
	assert_int_equal(address, 0xfee01000);
	assert_int_equal(data, 0x41);
	fake_pci_write(*state, 4, 2, 2); /* no bus master: it waits */
	w->pci.bus->fire(&w->pci, 1);
	assert_int_equal(fake_messages(*state, NULL, NULL), 1);
	fake_pci_write(*state, 4, 2, 6);
	assert_int_equal(fake_messages(*state, NULL, NULL), 2);
}

static void a_reset_forgets_what_the_guest_wrote(void **state)
{
	uint8_t before[256];

	for (unsigned i = 0; i < 256; i++)
		before[i] = (uint8_t)fake_pci_read(*state, i, 1);
	for (unsigned i = 0; i < 256; i += 4)
		fake_pci_write(*state, i, 4, 0xffffffff);
	fake_host_reset(*state);
	const uint32_t at = fake_pci_find(*state, 9, 0) + 4; /* this one counts its reads */

	for (unsigned i = 0; i < 256; i++)
		if (i / 4 != at / 4)
			assert_int_equal(fake_pci_read(*state, i, 1), before[i]);
	assert_int_equal(in(*state, ADDRESS, 4) & 0x80000000, 0x80000000);
}

/* ---------------------------------------------------------------- refusals */

static int wire_with(const struct volt_pci_type *t, unsigned count, const char *reason)
{
	struct fake_host *f = make();

	widget_type = *t;
	widgets = count;
	const int err = fake_host_wire(f, NULL);

	if (err && !strstr(fake_host_message(f), reason))
		fail_msg("%s", fake_host_message(f));
	fake_host_destroy(f);
	return err;
}

static void malformed_functions_are_refused(void **state)
{
	struct volt_pci_type t;

#define REFUSED(change, reason) \
	do { \
		t = good_type; \
		t.change; \
		assert_int_equal(wire_with(&t, 1, reason), -EINVAL); \
	} while (0)
	REFUSED(size = 8, "malformed");
	REFUSED(vendor = 0xffff, "malformed");
	REFUSED(name = NULL, "malformed");
	REFUSED(bars[0].len = 0x800, "BAR");
	REFUSED(bars[0].len = 0x3000, "BAR");
	REFUSED(bars[0].len = 0x2000000, "BAR");
	REFUSED(vectors = 33, "32 vectors");
	REFUSED(msix_bar = 6, "32 vectors");
	REFUSED(msix_bar = 1, "fit their BAR");
	REFUSED(msix_table = 0xff8, "fit their BAR");
	REFUSED(msix_table = 0xff0, "fit their BAR");
	REFUSED(msix_table = 0xfffffff0, "fit their BAR");
	REFUSED(msix_pending = 0x108, "fit their BAR");
	REFUSED(msix_pending = 0x1000, "fit their BAR");
	REFUSED(capability_count = 9, "8 capabilities");
	REFUSED(touch = NULL, "capability");
#undef REFUSED
}

static void a_bus_takes_31_functions(void **state)
{
	struct volt_pci_type t = good_type;

	t.vectors = 1;
	t.bars[0].len = 0;
	assert_int_equal(wire_with(&t, 31, ""), 0);
	assert_int_equal(wire_with(&t, 32, "31 functions"), -ENOSPC);
}

static void memory_that_does_not_fit_is_refused(void **state)
{
	struct volt_pci_type t = good_type;

	t.bars[0].len = 0x1000000;
	t.bars[1].len = 0x1000000;
	assert_int_equal(wire_with(&t, 2, ""), 0);
	assert_int_equal(wire_with(&t, 3, "no room"), -ENOSPC);
}

static void each_call_of_add_may_fail(void **state)
{
	const unsigned calls = fake_host_calls(*state);

	assert_int_equal(calls, 3); /* two ranges, vectors */
	for (unsigned n = 1; n <= calls; n++) {
		struct fake_host *f = make();

		widget_type = good_type;
		fake_host_fail_call(f, n, ENOSPC);
		assert_int_equal(fake_host_wire(f, NULL), -ENOSPC);
		fake_host_destroy(f);
	}
}

/* ------------------------------------------------------------------ the bus */

static void the_bridge_is_described_with_its_window(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_pci);

	assert_int_equal(fake_host_wire(f, NULL), 0);
	const struct volt_acpi_device *d = fake_device(f, 0);

	assert_string_equal(d->hid, "PNP0A03");
	assert_int_equal(d->resources[0].type, VOLT_RES_BUS);
	assert_int_equal(d->resources[2].flags, VOLT_RES_WINDOW);
	assert_int_equal(d->resources[2].base, 0xe0000000);
	assert_int_equal(d->resources[2].len, 0x10000000);
	fake_host_destroy(f);
}

static void the_bus_is_wired_or_says_why(void **state)
{
	for (unsigned n = 1; n <= 4; n++) {
		struct fake_host *f = fake_host_create(&volt_plugin_pci);

		fake_host_fail_call(f, n, ENOSPC);
		assert_int_equal(fake_host_wire(f, NULL), -ENOSPC);
		fake_host_destroy(f);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(the_address_is_a_dword),
	    T(data_is_read_in_bytes_words_and_dwords),
	    T(what_is_not_there_reads_as_ones),
	    T(slot_0_is_a_host_bridge),
	    T(bars_have_their_sizes_and_homes),
	    T(memory_answers_while_it_is_decoded),
	    T(moved_memory_answers_where_it_is),
	    T(a_change_is_told_once),
	    T(capabilities_are_a_list_that_ends),
	    T(a_capability_that_wants_to_know_is_told),
	    T(vectors_fire_as_the_table_says),
	    T(a_reset_forgets_what_the_guest_wrote),
	    T(malformed_functions_are_refused),
	    T(a_bus_takes_31_functions),
	    T(memory_that_does_not_fit_is_refused),
	    T(each_call_of_add_may_fail),
	    T(the_bridge_is_described_with_its_window),
	    T(the_bus_is_wired_or_says_why),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
