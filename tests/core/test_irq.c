/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Interrupt lines and routes; KVM's side of the eventfds is played by the test. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/vm/plugins.h"

#define ADDRESS 0xfee00000ull

static struct machine *m;
static struct irq *irq;
static struct instance user, controller;
static struct callee *const device = &user.callee, *const chip = &controller.callee;

/* ------------------------------------------------------------- KVM, as seen here */

static struct {
	struct kvm_irqfd irqfds[IRQ_LINES];
	unsigned irqfd_count, table_count;
	uint32_t nr;
	struct kvm_irq_routing_entry entries[IRQ_LINES];
	unsigned long last, fail_request;
	bool split, whole;
	uint64_t pending_at_table; /* count of line 4's eventfd as the routes were set */
	void (*during_table)(void);
} kvm;

static uint64_t pending(uint32_t gsi)
{
	uint64_t n = 0;

	if (read(irq->lines[gsi].event_fd, &n, sizeof(n)) != sizeof(n))
		return 0;
	return n;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg);

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	const struct kvm_irq_routing *table = arg;

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
		kvm.table_count++;
		kvm.nr = table->nr;
		memcpy(kvm.entries, table->entries, table->nr * sizeof(table->entries[0]));
		if (irq->lines[4].event_fd >= 0)
			kvm.pending_at_table = pending(4);
		if (kvm.during_table != NULL)
			kvm.during_table();
	}
	return 0;
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
	irq->chip_ops = c != NULL ? &chip_table : NULL;
	assert_int_equal(irq_wire(irq), 0);
	assert_int_equal(loop_add_hook(&m->loop, kit_look, NULL), 0);
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

static void only_claimed_lines_become_irqfds(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	claim(11, VOLT_IRQ_LEVEL);
	wire(NULL);
	assert_true(kvm.whole && !kvm.split);
	assert_int_equal(kvm.irqfd_count, 2);
	assert_int_equal(kvm.irqfds[0].gsi, 4);
	assert_int_equal(kvm.irqfds[0].fd, irq->lines[4].event_fd);
	assert_int_equal(kvm.irqfds[0].flags, 0);
	assert_int_equal(kvm.irqfds[1].gsi, 11);
	assert_int_equal(kvm.irqfds[1].flags, KVM_IRQFD_FLAG_RESAMPLE);
	assert_int_equal(kvm.irqfds[1].resamplefd, irq->lines[11].resample_fd);
	assert_int_equal(kvm.table_count, 0);
}

static void a_rising_edge_is_one_event(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(NULL);
	irq_set(irq, 4, true);
	assert_int_equal(pending(4), 1);
	irq_set(irq, 4, true);
	assert_int_equal(pending(4), 0);
	irq_set(irq, 4, false);
	irq_set(irq, 4, false);
	assert_int_equal(pending(4), 0);
	irq_set(irq, 4, true);
	assert_int_equal(pending(4), 1);
}

/* set_irq is [any]: a plugin may drive its line from init on. */
static void a_line_raised_while_wiring_is_not_lost(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	claim(5, VOLT_IRQ_EDGE);
	irq_set(irq, 4, true);
	irq_set(irq, 5, true);
	irq_set(irq, 5, false);
	wire(NULL);
	assert_int_equal(pending(4), 1);
	assert_int_equal(pending(5), 0); /* it is low again */
	irq_set(irq, 4, true);
	assert_int_equal(pending(4), 0);
}

static bool line_11_is_raised(void *count)
{
	uint64_t *n = count;

	*n += pending(11);
	return *n > 0;
}

static void a_level_line_is_raised_again_until_it_falls(void **state)
{
	uint64_t count = 0;

	claim(11, VOLT_IRQ_LEVEL);
	wire(NULL);
	irq_set(irq, 11, true);
	assert_int_equal(pending(11), 1);
	for (unsigned eoi = 0; eoi < 3; eoi++) {
		count = 0;
		eventfd_write(irq->lines[11].resample_fd, 1);
		assert_true(kit_run_until(m, line_11_is_raised, &count, 1000));
		assert_int_equal(count, 1);
	}
	irq_set(irq, 11, false);
	eventfd_write(irq->lines[11].resample_fd, 1);
	kit_run(m, 20);
	assert_int_equal(pending(11), 0);
}

static void what_kvm_refuses_is_said(void **state)
{
	static const unsigned long requests[] = {KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2, KVM_IRQFD};

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
	assert_int_equal(pending(4), 0); /* it is the plugin's to send */
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
	assert_int_equal(irq->lines[4].resample_fd, -1);
	irq_set(irq, 4, true);
	assert_int_equal(set_line.count, 1);
	assert_int_equal(set_line.pin, 4);
	assert_true(set_line.level && set_line.locked);
	irq_set(irq, 4, true);
	assert_int_equal(set_line.count, 1);
	irq_set(irq, 4, false);
	assert_int_equal(set_line.count, 2);
	assert_false(set_line.level);
	assert_int_equal(pending(4), 0);
}

static void routes_alone_cost_nothing(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	for (uint32_t step = 0; step < 100; step++)
		irq_route(irq, 4, ADDRESS, 0x31 + step);
	irq_apply_routes(irq);
	assert_int_equal(kvm.table_count, 0);
}

static void a_route_is_an_msi_of_its_pin(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	claim(9, VOLT_IRQ_LEVEL);
	claim(10, VOLT_IRQ_EDGE); /* never programmed */
	wire(chip);
	irq_route(irq, 4, ADDRESS | 0x1000, 0x31);
	irq_route(irq, 9, 0x1200000000ull | ADDRESS, 0x8039);
	irq_fire(irq, 4);
	irq_apply_routes(irq);
	assert_int_equal(kvm.table_count, 1); /* both at once */
	assert_int_equal(kvm.nr, 2);
	assert_int_equal(kvm.entries[0].gsi, 4);
	assert_int_equal(kvm.entries[0].type, KVM_IRQ_ROUTING_MSI);
	assert_int_equal(kvm.entries[0].u.msi.address_lo, ADDRESS | 0x1000);
	assert_int_equal(kvm.entries[0].u.msi.address_hi, 0);
	assert_int_equal(kvm.entries[0].u.msi.data, 0x31);
	assert_int_equal(kvm.entries[1].gsi, 9);
	assert_int_equal(kvm.entries[1].u.msi.address_hi, 0x12);
	assert_int_equal(kvm.entries[1].u.msi.data, 0x8039);
}

static void the_same_route_again_costs_nothing(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_fire(irq, 4);
	irq_apply_routes(irq);
	assert_int_equal(pending(4), 1);
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_fire(irq, 4);
	assert_int_equal(pending(4), 1); /* at once */
	irq_apply_routes(irq);
	assert_int_equal(kvm.table_count, 1);
}

static void pins_without_a_device_have_no_route(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	irq_route(irq, 5, ADDRESS, 0x31);
	irq_route(irq, IRQ_LINES, ADDRESS, 0x31);
	irq_route(irq, UINT32_MAX, ADDRESS, 0x31);
	irq_fire(irq, 5);
	irq_fire(irq, IRQ_LINES);
	irq_fire(irq, UINT32_MAX);
	irq_apply_routes(irq);
	assert_int_equal(kvm.table_count, 0);
	assert_int_equal(irq->fires_pending, 0);
}

static void a_fire_under_a_route_in_force_is_sent_at_once(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_fire(irq, 4);
	irq_apply_routes(irq);
	assert_int_equal(pending(4), 1);
	irq_fire(irq, 4);
	irq_fire(irq, 4);
	assert_int_equal(pending(4), 2);
}

static void a_fire_waits_for_the_newest_route(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_fire(irq, 4);
	assert_int_equal(pending(4), 0);
	irq_apply_routes(irq);
	assert_int_equal(kvm.pending_at_table, 0); /* the route came first */
	assert_int_equal(kvm.entries[0].u.msi.data, 0x31);
	assert_int_equal(pending(4), 1);
	irq_apply_routes(irq);
	assert_int_equal(pending(4), 0);
	assert_int_equal(irq->fires_pending, 0);
}

static bool line_4_is_raised(void *arg)
{
	return pending(4) > 0;
}

static bool line_9_is_raised(void *arg)
{
	return pending(9) > 0;
}

static void *route_and_fire(void *arg)
{
	usleep(20000);
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_fire(irq, 4);
	return NULL;
}

static void the_loop_delivers_what_a_vcpu_routed_and_fired(void **state)
{
	pthread_t vcpu;

	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	kit_arm_locks();
	assert_int_equal(pthread_create(&vcpu, NULL, route_and_fire, NULL), 0);
	assert_true(kit_run_until(m, line_4_is_raised, NULL, 2000));
	pthread_join(vcpu, NULL);
	assert_int_equal(kvm.entries[0].u.msi.data, 0x31);
}

static void reroute_4(void)
{
	kvm.during_table = NULL;
	irq_route(irq, 4, ADDRESS, 0x41);
	irq_fire(irq, 4);
}

static void a_route_that_comes_meanwhile_is_waited_for_too(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_fire(irq, 4);
	kvm.during_table = reroute_4;
	irq_apply_routes(irq);
	assert_int_equal(kvm.entries[0].u.msi.data, 0x31);
	assert_int_equal(pending(4), 0); /* it is for the new route */
	kit_run(m, 5);                   /* which woke the loop */
	assert_int_equal(kvm.entries[0].u.msi.data, 0x41);
	assert_int_equal(kvm.pending_at_table, 0);
	assert_int_equal(pending(4), 1);
}

static void only_reroute_4(void)
{
	kvm.during_table = NULL;
	irq_route(irq, 4, ADDRESS, 0x41);
}

/* A fire wakes the loop, a route does not: the loop itself must look again. */
static void a_fire_that_waits_is_not_lost_to_a_route_meanwhile(void **state)
{
	pthread_t vcpu;

	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	kit_arm_locks();
	kvm.during_table = only_reroute_4;
	/* From outside, so that the fire's own wake-up is spent on the first table. */
	assert_int_equal(pthread_create(&vcpu, NULL, route_and_fire, NULL), 0);
	assert_true(kit_run_until(m, line_4_is_raised, NULL, 2000));
	pthread_join(vcpu, NULL);
	assert_int_equal(kvm.table_count, 2);
	assert_int_equal(kvm.entries[0].u.msi.data, 0x41);
	assert_int_equal(irq->fires_pending, 0);
}

static void *program_again_and_again(void *stop)
{
	for (uint32_t i = 0; !__atomic_load_n((uint32_t *)stop, __ATOMIC_SEQ_CST); i++) {
		irq_route(irq, 4, ADDRESS, 0x30 + i % 64);
		usleep(200);
	}
	return NULL;
}

static void fires_get_through_while_a_vcpu_programs_the_pin(void **state)
{
	pthread_t vcpu;
	uint32_t stop = 0;

	claim(4, VOLT_IRQ_EDGE);
	claim(9, VOLT_IRQ_EDGE);
	wire(chip);
	irq_route(irq, 9, ADDRESS, 0x39);
	kit_arm_locks();
	assert_int_equal(pthread_create(&vcpu, NULL, program_again_and_again, &stop), 0);
	for (unsigned i = 0; i < 50; i++) {
		irq_fire(irq, 9);
		assert_true(kit_run_until(m, line_9_is_raised, NULL, 2000));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	pthread_join(vcpu, NULL);
}

static void other_pins_fires_wait_as_well_and_none_is_lost(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	claim(23, VOLT_IRQ_EDGE);
	wire(chip);
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_fire(irq, 23);
	irq_fire(irq, 4);
	irq_apply_routes(irq);
	assert_int_equal(pending(4), 1);
	assert_int_equal(pending(23), 1);
}

static void routes_that_kvm_refuses_end_the_vm(void **state)
{
	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	kvm.fail_request = KVM_SET_GSI_ROUTING;
	irq_route(irq, 4, ADDRESS, 0x31);
	irq_fire(irq, 4);
	irq_apply_routes(irq);
	assert_true(machine_ending(m));
	assert_int_equal(m->end_code, EXIT_KVM);
	assert_non_null(strstr(m->end_why, "KVM_SET_GSI_ROUTING"));
}

static void *reroute_often(void *arg)
{
	for (uint32_t i = 1; i <= 2000; i++) {
		irq_route(irq, 4, ADDRESS, 0x30 + i % 64);
		irq_fire(irq, 4);
	}
	__atomic_store_n((uint32_t *)arg, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static bool is_done(void *flag)
{
	return __atomic_load_n((uint32_t *)flag, __ATOMIC_SEQ_CST) != 0;
}

static void the_last_fire_is_delivered_through_the_last_route(void **state)
{
	pthread_t vcpu;
	uint32_t done = 0;

	claim(4, VOLT_IRQ_EDGE);
	wire(chip);
	kit_arm_locks();
	assert_int_equal(pthread_create(&vcpu, NULL, reroute_often, &done), 0);
	kit_run_until(m, is_done, &done, 5000);
	pthread_join(vcpu, NULL);
	kit_run(m, 10);
	assert_int_equal(irq->fires_pending, 0);
	assert_int_equal(irq->routes_done, irq->routes_wanted);
	assert_int_equal(kvm.entries[0].u.msi.data, 0x30 + 2000 % 64);
	/* Sent after the last table, or swallowed by pending() as that table was set. */
	assert_true(pending(4) + kvm.pending_at_table > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_line_has_one_owner),
	    TEST(only_claimed_lines_become_irqfds),
	    TEST(a_rising_edge_is_one_event),
	    TEST(a_line_raised_while_wiring_is_not_lost),
	    TEST(a_level_line_is_raised_again_until_it_falls),
	    TEST(what_kvm_refuses_is_said),
	    TEST(a_line_beyond_the_plugins_pins_is_refused),
	    TEST(a_line_raised_while_wiring_is_told_to_the_plugin),
	    TEST(a_controller_has_no_line_itself),
	    TEST(a_filter_on_the_controller_has_no_line),
	    TEST(a_controller_has_1_to_24_pins_from_gsi_0),
	    TEST(kvms_timer_keeps_its_lines),
	    TEST(lines_end_at_the_plugin_under_its_lock),
	    TEST(routes_alone_cost_nothing),
	    TEST(a_route_is_an_msi_of_its_pin),
	    TEST(the_same_route_again_costs_nothing),
	    TEST(pins_without_a_device_have_no_route),
	    TEST(a_fire_under_a_route_in_force_is_sent_at_once),
	    TEST(a_fire_waits_for_the_newest_route),
	    TEST(the_loop_delivers_what_a_vcpu_routed_and_fired),
	    TEST(a_route_that_comes_meanwhile_is_waited_for_too),
	    TEST(a_fire_that_waits_is_not_lost_to_a_route_meanwhile),
	    TEST(fires_get_through_while_a_vcpu_programs_the_pin),
	    TEST(other_pins_fires_wait_as_well_and_none_is_lost),
	    TEST(routes_that_kvm_refuses_end_the_vm),
	    TEST(the_last_fire_is_delivered_through_the_last_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
