/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Interrupt lines and routes; the test stands in for KVM. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/vm/plugins.h"

#define ADDRESS 0xfee00000ull
#define LEVEL   0x8000u

static struct machine *m;
static struct irq *irq;
static struct instance user, controller;
static struct callee *const device = &user.callee, *const chip = &controller.callee;

/* ------------------------------------------------------------- KVM, as seen here */

#define STEPS 8192

static struct {
	struct kvm_irqfd irqfds[IRQ_LINES];
	unsigned irqfd_count, table_count;
	uint32_t nr;
	struct kvm_irq_routing_entry entries[IRQ_LINES];
	unsigned long last, fail_request;
	bool split, whole;
	uint32_t step_count; /* atomic */
	struct kvm_irq_level steps[STEPS];
	uint32_t message_count; /* atomic */
	struct kvm_msi message;
	unsigned tables_at_message;
	int message_errno; /* what KVM_SIGNAL_MSI fails with; 0: it does not */
	void (*during_line)(void);
} kvm;

/* KVM has an order of its own among threads. What is kept here of their calls is that of either, so
 * ThreadSanitizer looks at the core's side alone. */
#define KVM_SIDE __attribute__((no_sanitize_thread))

KVM_SIDE static void take_table(const struct kvm_irq_routing *table)
{
	kvm.table_count++;
	kvm.nr = table->nr;
	memcpy(kvm.entries, table->entries, table->nr * sizeof(table->entries[0]));
}

KVM_SIDE static void take_step(const struct kvm_irq_level *step)
{
	void (*meanwhile)(void) = kvm.during_line;

	kvm.during_line = NULL;
	if (meanwhile)
		meanwhile();
	kvm.steps[__atomic_fetch_add(&kvm.step_count, 1, __ATOMIC_SEQ_CST) % STEPS] = *step;
}

KVM_SIDE static int take_message(const struct kvm_msi *message)
{
	__atomic_fetch_add(&kvm.message_count, 1, __ATOMIC_SEQ_CST);
	kvm.message = *message;
	kvm.tables_at_message = kvm.table_count;
	errno = kvm.message_errno;
	return kvm.message_errno != 0 ? -1 : 1;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg);

KVM_SIDE int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	kvm.last = request;
	if (request == kvm.fail_request) {
		errno = EIO;
		return -1;
	}
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return 1;
	case KVM_ENABLE_CAP:
		kvm.split = true;
		break;
	case KVM_CREATE_IRQCHIP:
		kvm.whole = true;
		break;
	case KVM_IRQFD:
		kvm.irqfds[kvm.irqfd_count++] = *(const struct kvm_irqfd *)arg;
		break;
	case KVM_SET_GSI_ROUTING:
		take_table(arg);
		break;
	case KVM_IRQ_LINE:
		take_step(arg);
		break;
	case KVM_SIGNAL_MSI:
		return take_message(arg);
	}
	return 0;
}

/* The last steps that KVM was told: "4+" is line 4 going up. */
static void steps_are(const char *expected)
{
	char text[256] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < kvm.step_count && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u%c", i > 0 ? " " : "",
		    kvm.steps[i].irq, kvm.steps[i].level ? '+' : '-');
	assert_string_equal(text, expected);
}

/* -------------------------------------------------------------- irqchip plugin */

static struct {
	unsigned count;
	uint32_t pin;
	bool level, locked;
} set_line;

static void chip_set_line(void *self, uint32_t pin, bool level)
{
	set_line.count++;
	set_line.pin = pin;
	set_line.level = level;
	set_line.locked = kit_locked(chip);
}

static const struct volt_irqchip chip_table = {
    .size = sizeof(chip_table), .set_line = chip_set_line};

/* ----------------------------------------------------------------------- setup */

static int setup(void **state)
{
	kit_log_start();
	m = kit_machine();
	irq = &m->irq;
	memset(&kvm, 0, sizeof(kvm));
	memset(&set_line, 0, sizeof(set_line));
	memset(&user, 0, sizeof(user));
	memset(&controller, 0, sizeof(controller));
	kit_owner(device, "device", NULL);
	kit_owner(chip, "chip", NULL);
	irq->pins = IRQ_LINES;
	return 0;
}

static int teardown(void **state)
{
	kit_machine_finish(m);
	return 0;
}

static void claim(uint32_t gsi, uint32_t flags)
{
	struct callee *holder;

	assert_int_equal(irq_add(irq, device, gsi, flags, &holder), 0);
}

static void wire(struct callee *c)
{
	irq->chip = c;
	irq->chip_ops = c ? &chip_table : NULL;
	assert_int_equal(irq_wire(irq), 0);
}

/* ---------------------------------------------------------------------- claims */

static void a_line_has_one_owner(void **state)
{
	struct callee *holder = NULL;

	claim(4, VOLT_IRQ_EDGE);
	assert_int_equal(irq_add(irq, chip, 4, VOLT_IRQ_EDGE, &holder), -EBUSY);
	assert_ptr_equal(holder, device);
	assert_int_equal(irq_add(irq, device, 4, VOLT_IRQ_EDGE, &holder), -EBUSY);
	assert_int_equal(irq_add(irq, chip, IRQ_LINES, VOLT_IRQ_EDGE, &holder), -EINVAL);
	assert_int_equal(irq_add(irq, chip, UINT32_MAX, VOLT_IRQ_EDGE, &holder), -EINVAL);
	assert_int_equal(irq_add(irq, chip, 5, 2, &holder), -EINVAL);
	assert_null(irq->lines[5].owner);
}

/* --------------------------------------------------------------- KVM's irqchip */

/* 82093AA 3.2.4: the guest's redirection entry says edge or level, so KVM must know the level
 * itself, whatever the device claimed. */
static void kvm_is_told_both_levels_whatever_was_claimed(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	claim(11, VOLT_IRQ_LEVEL);
	wire(NULL);
	assert_true(kvm.whole && !kvm.split);
	irq_set(irq, 4, true);
	irq_set(irq, 11, true);
	irq_set(irq, 4, true);
	irq_set(irq, 11, false);
	irq_set(irq, 4, false);
	irq_set(irq, 4, false);
	irq_set(irq, 4, true);
	steps_are("4+ 11+ 11- 4- 4+");
	assert_int_equal(kvm.irqfd_count + kvm.table_count, 0);
}

static void irq_fds_are_of_edge_lines_whose_owner_asks_for_doorbells(void **state)
{
	struct callee *holder;

	claim(4, VOLT_IRQ_EDGE);
	claim(11, VOLT_IRQ_LEVEL);
	assert_int_equal(irq_add(irq, chip, 5, VOLT_IRQ_EDGE, &holder), 0);
	user.wants_irq_fd = true;
	assert_int_equal(plugins_find_irqchip(m), 0);
	wire(NULL);
	assert_int_equal(kvm.irqfd_count, 1);
	assert_int_equal(kvm.irqfds[0].gsi, 4);
	assert_int_equal(kvm.irqfds[0].fd, irq->lines[4].event_fd);
	assert_int_equal(kvm.irqfds[0].flags, 0);
}

/* set_irq is [any]: a plugin may drive its line from init on. */
static void a_line_raised_while_wiring_is_not_lost(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	claim(5, VOLT_IRQ_EDGE);
	irq_set(irq, 4, true);
	irq_set(irq, 5, true);
	irq_set(irq, 5, false);
	steps_are(""); /* KVM has no irqchip yet */
	wire(NULL);
	steps_are("4+");
	irq_set(irq, 4, true);
	steps_are("4+");
}

static void lower_11(void)
{
	irq_set(irq, 11, false);
}

/* The other thread's step overtakes this one on its way to KVM. */
static void the_level_that_was_set_last_is_the_one_that_stays(void **state)
{
	claim(11, VOLT_IRQ_LEVEL);
	wire(NULL);
	kvm.during_line = lower_11;
	irq_set(irq, 11, true);
	steps_are("11- 11+ 11-");
}

static void *wiggle_11(void *arg)
{
	for (uint32_t i = 0; i < 1000; i++)
		irq_set(irq, 11, i % 2 == 0);
	return NULL;
}

static void a_pulse_is_an_edge_whatever_the_line_was(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	claim(5, VOLT_IRQ_LEVEL);
	irq_pulse(irq, 4); /* wiring: lost */
	wire(NULL);
	irq_pulse(irq, 4);
	irq_pulse(irq, 5);
	irq_set(irq, 4, true);
	irq_pulse(irq, 4);
	steps_are("4+ 4- 4+ 4- 4+ 4-");
	assert_int_equal(irq->lines[4].level, 0);
}

#define PULSES 1000u

static void *pulse_many(void *arg)
{
	for (unsigned i = 0; i < PULSES; i++)
		irq_pulse(irq, 4);
	return NULL;
}

static void two_threads_make_an_edge_for_each_pulse(void **state)
{
	pthread_t thread;

	claim(4, VOLT_IRQ_EDGE);
	wire(NULL);
	kit_arm_locks();
	assert_int_equal(pthread_create(&thread, NULL, pulse_many, NULL), 0);
	pulse_many(NULL);
	pthread_join(thread, NULL);
	assert_int_equal(kvm.step_count, 4 * PULSES);
	for (unsigned i = 0; i < 4 * PULSES; i++)
		assert_int_equal(kvm.steps[i].level, !(i & 1));
}

static void a_pulse_is_two_steps_of_the_chip(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	irq_pulse(irq, 4);
	assert_int_equal(set_line.count, 2);
	assert_false(set_line.level);
	assert_true(set_line.locked);
	irq_set(irq, 4, true);
	irq_pulse(irq, 4);
	assert_int_equal(set_line.count, 6);
}

static void two_threads_leave_the_pin_as_the_line_is(void **state)
{
	pthread_t other;

	claim(11, VOLT_IRQ_LEVEL);
	wire(NULL);
	assert_int_equal(pthread_create(&other, NULL, wiggle_11, NULL), 0);
	wiggle_11(NULL);
	pthread_join(other, NULL);
	assert_in_range(kvm.step_count, 1, STEPS);
	assert_int_equal(kvm.steps[kvm.step_count - 1].level, irq->lines[11].level);
}

static void a_line_that_kvm_refuses_ends_the_vm(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(NULL);
	kvm.fail_request = KVM_IRQ_LINE;
	irq_set(irq, 4, true);
	assert_int_equal(m->end.code, EXIT_KVM);
	assert_non_null(strstr(m->end.why, "KVM_IRQ_LINE"));
}

static void what_kvm_refuses_is_said(void **state)
{
	static const unsigned long requests[] = {KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2, KVM_IRQFD};

	irq->lines[4].wants_fd = true;
	claim(4, VOLT_IRQ_EDGE);
	for (unsigned i = 0; i < 3; i++) {
		kit_log_clear();
		kvm.fail_request = requests[i];
		assert_int_equal(irq_wire(irq), -EIO);
		assert_int_equal(kit_log_lines(), 1);
		if (irq->lines[4].event_fd >= 0)
			close(irq->lines[4].event_fd);
		irq->lines[4].event_fd = -1;
	}
}

/* ---------------------------------------------------------- which controller */

static uint32_t chip_pins, chip_base;

static void chip_info(void *self, struct volt_irqchip_info *info)
{
	info->pins = chip_pins;
	info->gsi_base = chip_base;
}

static const struct volt_irqchip small_table = {
    .size = sizeof(small_table), .info = chip_info, .set_line = chip_set_line};

static int find(uint32_t pins, uint32_t base)
{
	controller.irqchip = &small_table;
	chip_pins = pins;
	chip_base = base;
	m->instances[0] = &controller;
	m->instance_count = 1;
	irq->chip = NULL;
	kit_log_clear();
	int err = plugins_find_irqchip(m);
	m->instance_count = 0; /* it did not come from instance_create() */
	return err;
}

static void a_line_beyond_the_plugins_pins_is_refused(void **state)
{
	claim(16, VOLT_IRQ_EDGE);
	assert_int_equal(find(16, 0), -EINVAL);
	assert_string_equal(kit_log(),
	    "volt: error: plugin device: interrupt 16 is beyond the 16 of plugin chip\n");
	assert_int_equal(find(17, 0), 0);
	assert_ptr_equal(irq->chip, chip);
	assert_int_equal(irq->pins, 17);
}

/* Which plugin is the controller shows only when all are wired. */
static void a_line_raised_while_wiring_is_told_to_the_plugin(void **state)
{
	claim(4, VOLT_IRQ_LEVEL);
	claim(5, VOLT_IRQ_EDGE);
	irq_set(irq, 4, true);
	irq_set(irq, 5, true);
	irq_set(irq, 5, false);
	assert_int_equal(find(24, 0), 0);
	assert_int_equal(set_line.count, 1);
	assert_int_equal(set_line.pin, 4);
	assert_true(set_line.level);
	wire(irq->chip);
	assert_int_equal(kvm.step_count + kvm.message_count, 0); /* it is the plugin's to send */
	irq_set(irq, 4, true);
	assert_int_equal(set_line.count, 1);
	irq_set(irq, 4, false);
	assert_int_equal(set_line.count, 2);
	assert_false(set_line.level);
}

/* It would wait for its own lock. */
static void a_controller_has_no_line_itself(void **state)
{
	struct callee *holder;

	assert_int_equal(irq_add(irq, chip, 7, VOLT_IRQ_EDGE, &holder), 0);
	assert_int_equal(find(24, 0), -EINVAL);
	assert_string_equal(kit_log(),
	    "volt: error: plugin chip: an interrupt controller cannot use interrupt 7 itself\n");
}

/* Its line would take the controller's lock under its own, its accesses the reverse. */
static void a_filter_on_the_controller_has_no_line(void **state)
{
	user.plugin.kind = VOLT_KIND_FILTER;
	user.plugin.name = "filter";
	user.params.on = "serial";
	claim(5, VOLT_IRQ_EDGE);
	assert_int_equal(find(24, 0), 0);
	user.params.on = "chip";
	assert_int_equal(find(24, 0), -EINVAL);
	assert_string_equal(kit_log(),
	    "volt: error: --filter filter: chip is the interrupt controller, and the filter uses "
	    "interrupt 5: only one without interrupts can be put there\n");
}

static void a_controller_has_1_to_24_pins_from_gsi_0(void **state)
{
	assert_int_equal(find(0, 0), -EINVAL);
	assert_int_equal(find(25, 0), -EINVAL);
	assert_int_equal(find(24, 1), -EINVAL);
	assert_true(kit_logged("plugin chip"));
	assert_int_equal(find(24, 0), 0);
}

static void kvms_timer_keeps_its_lines(void **state)
{
	claim(2, VOLT_IRQ_EDGE);
	assert_int_equal(plugins_find_irqchip(m), -EBUSY);
	assert_true(kit_logged("plugin device: interrupt 2"));
	assert_int_equal(find(24, 0), 0); /* a plugin has no PIT */
}

/* ------------------------------------------------------------- irqchip plugin */

static void lines_end_at_the_plugin_under_its_lock(void **state)
{
	claim(4, VOLT_IRQ_LEVEL);
	wire(chip);
	assert_true(kvm.split && !kvm.whole);
	irq_set(irq, 4, true);
	assert_int_equal(set_line.count, 1);
	assert_int_equal(set_line.pin, 4);
	assert_true(set_line.level && set_line.locked);
	irq_set(irq, 4, true);
	assert_int_equal(set_line.count, 1);
	irq_set(irq, 4, false);
	assert_int_equal(set_line.count, 2);
	assert_false(set_line.level);
	assert_int_equal(kvm.step_count, 0);
}

static void routes_alone_cost_nothing(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	claim(9, VOLT_IRQ_LEVEL);
	wire(chip);
	kvm.last = 0;
	for (uint32_t step = 0; step < 100; step++) {
		irq_route(irq, 4, ADDRESS, 0x31 + step);
		irq_route(irq, 9, ADDRESS, LEVEL | (0x31 + step));
	}
	assert_int_equal(kvm.last, 0);
}

/* The raising thread sends: a driver that polls right after its kick finds the interrupt. */
static void a_fire_is_sent_before_it_returns(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	irq_route(irq, 4, 0x1200000000ull | ADDRESS | 0x1000, 0x31);
	irq_fire(irq, 4);
	assert_int_equal(kvm.message_count, 1);
	assert_int_equal(kvm.message.address_lo, ADDRESS | 0x1000);
	assert_int_equal(kvm.message.address_hi, 0x12);
	assert_int_equal(kvm.message.data, 0x31);
	irq_route(irq, 4, ADDRESS, 0x41);
	irq_fire(irq, 4);
	assert_int_equal(kvm.message_count, 2);
	assert_int_equal(kvm.message.data, 0x41);
}

/* Only from the routes does KVM know whose ends must leave the kernel. */
static void kvm_has_the_route_of_a_level_before_its_interrupt(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	claim(9, VOLT_IRQ_LEVEL);
	claim(10, VOLT_IRQ_LEVEL); /* never programmed */
	wire(chip);
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_route(irq, 9, 0x1200000000ull | ADDRESS, LEVEL | 0x39);
	irq_fire(irq, 9);
	assert_int_equal(kvm.tables_at_message, 1);
	assert_int_equal(kvm.nr, 1);
	assert_int_equal(kvm.entries[0].gsi, 9);
	assert_int_equal(kvm.entries[0].type, KVM_IRQ_ROUTING_MSI);
	assert_int_equal(kvm.entries[0].u.msi.address_lo, ADDRESS);
	assert_int_equal(kvm.entries[0].u.msi.address_hi, 0x12);
	assert_int_equal(kvm.entries[0].u.msi.data, LEVEL | 0x39);
	irq_fire(irq, 9);
	irq_route(irq, 9, 0x1200000000ull | ADDRESS, LEVEL | 0x39);
	irq_fire(irq, 9);
	assert_int_equal(kvm.message_count, 3);
	assert_int_equal(kvm.table_count, 1);
}

/* The guest decides, not the claim: here a pin claimed as edge is programmed as level. */
static void a_pins_route_goes_when_it_is_an_edge_again(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	irq_route(irq, 4, ADDRESS, LEVEL | 0x31);
	irq_fire(irq, 4);
	assert_int_equal(kvm.nr, 1);
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_fire(irq, 4);
	assert_int_equal(kvm.nr, 0);
	assert_int_equal(kvm.message.data, 0x31);
}

static void pins_without_a_device_have_no_route(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	irq_route(irq, 5, ADDRESS, LEVEL | 0x31);
	irq_route(irq, IRQ_LINES, ADDRESS, 0x31);
	irq_route(irq, UINT32_MAX, ADDRESS, 0x31);
	irq_fire(irq, 4); /* never programmed */
	irq_fire(irq, 5);
	irq_fire(irq, IRQ_LINES);
	irq_fire(irq, UINT32_MAX);
	assert_int_equal(kvm.table_count + kvm.message_count, 0);
}

static void routes_that_kvm_refuses_end_the_vm(void **state)
{
	claim(4, VOLT_IRQ_LEVEL);
	wire(chip);
	kvm.fail_request = KVM_SET_GSI_ROUTING;
	irq_route(irq, 4, ADDRESS, LEVEL | 0x31);
	irq_fire(irq, 4);
	assert_true(vm_is_ending(&m->end));
	assert_int_equal(m->end.code, EXIT_KVM);
	assert_non_null(strstr(m->end.why, "KVM_SET_GSI_ROUTING"));
}

/* KVM answers -1, which is EPERM, for a destination that no local APIC has. */
static void a_message_that_nobody_takes_is_lost(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	kvm.message_errno = EPERM;
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_fire(irq, 4);
	assert_int_equal(kvm.message_count, 1);
	assert_false(vm_is_ending(&m->end));
	kvm.message_errno = EINVAL;
	irq_fire(irq, 4);
	assert_int_equal(m->end.code, EXIT_KVM);
}

static void *reroute_often(void *arg)
{
	for (uint32_t i = 1; i <= 2000; i++) {
		irq_route(irq, 4, ADDRESS, LEVEL | (0x30 + i % 64));
		irq_fire(irq, 4);
	}
	return NULL;
}

/* Each pin by a thread of its own: no older table may replace a newer one. */
/* HOLDS(D9) */
static void the_last_table_has_the_last_routes_of_all_threads(void **state)
{
	pthread_t vcpu;

	claim(4, VOLT_IRQ_LEVEL);
	claim(9, VOLT_IRQ_LEVEL);
	wire(chip);
	kit_arm_locks();
	assert_int_equal(pthread_create(&vcpu, NULL, reroute_often, NULL), 0);
	for (uint32_t i = 1; i <= 2000; i++) {
		irq_route(irq, 9, ADDRESS, LEVEL | (0x30 + i % 64));
		irq_fire(irq, 9);
	}
	pthread_join(vcpu, NULL);
	assert_int_equal(kvm.message_count, 4000);
	assert_false(irq->routes_stale);
	assert_int_equal(kvm.nr, 2);
	assert_int_equal(kvm.entries[0].u.msi.data, LEVEL | (0x30 + 2000 % 64));
	assert_int_equal(kvm.entries[1].u.msi.data, LEVEL | (0x30 + 2000 % 64));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_line_has_one_owner),
	    TEST(kvm_is_told_both_levels_whatever_was_claimed),
	    TEST(irq_fds_are_of_edge_lines_whose_owner_asks_for_doorbells),
	    TEST(a_line_raised_while_wiring_is_not_lost),
	    TEST(the_level_that_was_set_last_is_the_one_that_stays),
	    TEST(a_pulse_is_an_edge_whatever_the_line_was),
	    TEST(two_threads_make_an_edge_for_each_pulse),
	    TEST(a_pulse_is_two_steps_of_the_chip),
	    TEST(two_threads_leave_the_pin_as_the_line_is),
	    TEST(a_line_that_kvm_refuses_ends_the_vm),
	    TEST(what_kvm_refuses_is_said),
	    TEST(a_line_beyond_the_plugins_pins_is_refused),
	    TEST(a_line_raised_while_wiring_is_told_to_the_plugin),
	    TEST(a_controller_has_no_line_itself),
	    TEST(a_filter_on_the_controller_has_no_line),
	    TEST(a_controller_has_1_to_24_pins_from_gsi_0),
	    TEST(kvms_timer_keeps_its_lines),
	    TEST(lines_end_at_the_plugin_under_its_lock),
	    TEST(routes_alone_cost_nothing),
	    TEST(a_fire_is_sent_before_it_returns),
	    TEST(kvm_has_the_route_of_a_level_before_its_interrupt),
	    TEST(a_pins_route_goes_when_it_is_an_edge_again),
	    TEST(pins_without_a_device_have_no_route),
	    TEST(routes_that_kvm_refuses_end_the_vm),
	    TEST(a_message_that_nobody_takes_is_lost),
	    TEST(the_last_table_has_the_last_routes_of_all_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
