/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Delivery modes, messages, and when the host is called. [..] as in entry.h. */
#include "test_ioapic.h"

/* [SDM] 11.11.1: destination in bits 19:12, from bits 63:56 of the entry. */
static void fixed_message_goes_to_the_physical_destination(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 3, 0x31 | FIXED, DEST(0x2a));
	assert_int_equal(route_address(f, 3), 0xfee2a000);
	assert_int_equal(route_data(f, 3), 0x4031);
	fake_host_destroy(f);
}

/* [SDM] 11.11.1: bit 2 is the destination mode. */
static void logical_destination_is_in_the_message(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 3, 0x31 | FIXED | LOGICAL, DEST(0x0f));
	assert_int_equal(route_address(f, 3), 0xfee0f004);
	fake_host_destroy(f);
}

/* [SDM] 11.11.1: bit 3, the redirection hint, directs to the lowest priority. */
static void lowest_priority_message_carries_the_redirection_hint(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 3, 0x31 | LOWEST | LOGICAL | LEVEL, DEST(0xff));
	assert_int_equal(route_address(f, 3), 0xfeeff00c);
	assert_int_equal(route_data(f, 3), 0xc131);
	fake_set_line(f, 3, true);
	assert_int_equal(get_low(f, 3) & RIRR, RIRR);
	fake_host_destroy(f);
}

/* [ICH2] 9.5.10: NMI is an edge even if programmed as level, and sets no Remote IRR. */
static void nmi_is_an_edge_even_if_programmed_as_level(void **state)
{
	struct fake_host *f = start(NULL);

	fake_set_line(f, 2, true);
	put_entry(f, 2, 0x41 | NMI | LEVEL, DEST(0xff));
	assert_int_equal(fake_fires(f, 2), 0);
	fake_set_line(f, 2, false);
	pulse(f, 2);
	pulse(f, 2);
	assert_int_equal(fake_fires(f, 2), 2);
	assert_int_equal(get_low(f, 2), 0x41 | NMI | LEVEL);
	assert_int_equal(route_data(f, 2), 0x4400);
	fake_host_destroy(f);
}

/* [ICH2] 9.5.10: the same of INIT. */
static void init_is_an_edge_even_if_programmed_as_level(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 2, INIT | LEVEL, DEST(1));
	pulse(f, 2);
	assert_int_equal(fake_fires(f, 2), 1);
	assert_int_equal(get_low(f, 2), INIT | LEVEL);
	assert_int_equal(route_data(f, 2), 0x4500);
	fake_host_destroy(f);
}

static void modes_that_cannot_be_sent_are_counted_and_routed_nowhere(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 0, 0x31 | SMI, DEST(1));
	put_entry(f, 1, 0x31 | EXTINT | LEVEL, DEST(1));
	put_entry(f, 2, 0x31 | 0x300, DEST(1));
	put_entry(f, 3, 0x31 | 0x600, DEST(1));
	for (unsigned pin = 0; pin < 4; pin++) {
		pulse(f, pin);
		assert_int_equal(fake_fires(f, pin), 0);
		assert_int_equal(route_address(f, pin), 0xfee00000);
		assert_int_equal(route_data(f, pin), 0x4000);
	}
	assert_int_equal(get_low(f, 1), 0x31 | EXTINT | LEVEL);
	assert_int_equal(fake_counter(f, "undeliverable"), 4);
	fake_host_destroy(f);
}

/* [SDM] 11.5.2: vectors 0 to 15 are illegal in a message. */
static void illegal_vectors_are_counted_and_set_no_remote_irr(void **state)
{
	struct fake_host *f = start(NULL);

	put_entry(f, 5, 0x0f | LEVEL, DEST(0));
	put_entry(f, 6, 0x0f, DEST(0));
	fake_set_line(f, 5, true);
	fake_set_line(f, 6, true);
	assert_int_equal(fake_fires(f, 5) + fake_fires(f, 6), 0);
	assert_int_equal(get_low(f, 5), 0x0f | LEVEL);
	assert_int_equal(fake_counter(f, "undeliverable"), 2);
	put_low(f, 5, 0x10 | LEVEL);
	assert_int_equal(fake_fires(f, 5), 1);
	fake_host_destroy(f);
}

/* A host that writes down in which order it was called. */
struct scribe {
	struct volt_host host;
	uint64_t counters[16];
	struct volt_range range;
	char calls[64]; /* R: route, F: fire */
	size_t n;
};

static void scribe_note(const struct volt_host *h, char what)
{
	struct scribe *s = h->core;

	assert_true(s->n < sizeof(s->calls) - 1);
	s->calls[s->n++] = what;
}

static void scribe_route(const struct volt_host *h, uint32_t pin, uint64_t address, uint32_t data)
{
	scribe_note(h, 'R');
}

static void scribe_fire(const struct volt_host *h, uint32_t pin)
{
	scribe_note(h, 'F');
}

static const struct volt_irqroute scribe_routes = {
    .size = sizeof(scribe_routes), .route = scribe_route, .fire = scribe_fire};

static const void *scribe_get_ext(const struct volt_host *h, const char *id)
{
	return &scribe_routes;
}

static int scribe_add_range(const struct volt_host *h, const struct volt_range *r)
{
	((struct scribe *)h->core)->range = *r;
	return 0;
}

static void scribe_put(struct scribe *s, void *self, uint8_t index, uint32_t val)
{
	s->range.write(self, 0, 4, index);
	s->range.write(self, 0x10, 4, val);
}

/* Wires and resets an instance in `self` that talks to `s`. */
static void scribe_start(struct scribe *s, void *self)
{
	const struct volt_value values[] = {{.u = BASE}, {.u = 0}, {.u = 1}};
	const struct volt_args args = {sizeof(args), sizeof(values[0]), 3, values};

	s->host = (struct volt_host){.size = sizeof(s->host),
	    .core = s,
	    .counters = s->counters,
	    .add_range = scribe_add_range,
	    .get_ext = scribe_get_ext};
	assert_int_equal(volt_plugin_ioapic.init(self, &s->host, &args), 0);
	volt_plugin_ioapic.reset(self);
}

static const char *scribe_take(struct scribe *s)
{
	s->calls[s->n] = 0;
	s->n = 0;
	return s->calls;
}

/* A route costs the host a system call; Linux masks and unmasks at every oneshot. */
static void route_is_reported_when_the_message_changes_and_before_it_is_sent(void **state)
{
	const struct volt_irqchip *chip = volt_plugin_ioapic.get_ext(VOLT_EXT_IRQCHIP);
	struct scribe s = {.n = 0};
	uint64_t self[512] = {0};

	scribe_start(&s, self);
	scribe_take(&s);
	chip->set_line(self, 9, true);
	scribe_put(&s, self, 0x22, 0x41 | LEVEL);
	assert_string_equal(scribe_take(&s), "RF");
	scribe_put(&s, self, 0x22, 0x41 | LEVEL | MASK);
	scribe_put(&s, self, 0x22, 0x41 | LEVEL | MASK | LOW);
	chip->eoi(self, 0x41);
	assert_string_equal(scribe_take(&s), "");
	scribe_put(&s, self, 0x22, 0x41 | LEVEL);
	assert_string_equal(scribe_take(&s), "F");
	scribe_put(&s, self, 0x23, DEST(1));
	assert_string_equal(scribe_take(&s), "R");
}

static void every_reset_reports_all_24_pins(void **state)
{
	struct scribe s = {.n = 0};
	uint64_t self[512] = {0};

	scribe_start(&s, self);
	assert_string_equal(scribe_take(&s), "RRRRRRRRRRRRRRRRRRRRRRRR");
	volt_plugin_ioapic.reset(self);
	assert_string_equal(scribe_take(&s), "RRRRRRRRRRRRRRRRRRRRRRRR");
}

int run_message_tests(void)
{
	const struct CMUnitTest messages[] = {
	    cmocka_unit_test(fixed_message_goes_to_the_physical_destination),
	    cmocka_unit_test(logical_destination_is_in_the_message),
	    cmocka_unit_test(lowest_priority_message_carries_the_redirection_hint),
	    cmocka_unit_test(nmi_is_an_edge_even_if_programmed_as_level),
	    cmocka_unit_test(init_is_an_edge_even_if_programmed_as_level),
	    cmocka_unit_test(modes_that_cannot_be_sent_are_counted_and_routed_nowhere),
	    cmocka_unit_test(illegal_vectors_are_counted_and_set_no_remote_irr),
	    cmocka_unit_test(route_is_reported_when_the_message_changes_and_before_it_is_sent),
	    cmocka_unit_test(every_reset_reports_all_24_pins),
	};

	return cmocka_run_group_tests(messages, NULL, NULL);
}
