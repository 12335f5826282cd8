/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* What `volt explain` says of files and rules: all of them, and nothing that is not so. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/vm/declare.h"
#include "core/vm/explain.h"

static struct machine *m;
static struct options options;
static struct vcpu vcpus[2];
static struct instance device;
static struct volt_need needs[3];

static int setup(void **state)
{
	kit_log_start();
	m = kit_machine();
	options = (struct options){.cpus = 2};
	m->options = &options;
	m->firmware.cpus = 2;
	m->vcpus = vcpus;
	vcpus[0].fd = 501;
	vcpus[1].fd = 502;
	vcpus[1].id = 1;
	m->kvm.vm_fd = 500;
	memory_plan(&m->memory, 128u << 20);
	memset(&device, 0, sizeof(device));
	kit_owner(&device.callee, "device", NULL);
	device.origin = "./device.so";
	memset(needs, 0, sizeof(needs));
	device.plugin.needs = needs;
	device.plugin.need_stride = sizeof(needs[0]);
	m->instances[m->instance_count++] = &device;
	return 0;
}

static int teardown(void **state)
{
	m->instance_count = 0; /* none of them came from instance_create() */
	m->kvm.vm_fd = -1;
	kit_machine_finish(m);
	kit_remove_dir();
	return 0;
}

/* What explain_print() prints to standard output. */
static const char *printed(void)
{
	static char text[65536];
	int keep = dup(STDOUT_FILENO), file = memfd_create("out", MFD_CLOEXEC);

	assert_int_equal(declare_policy(m), 0);
	fflush(stdout);
	dup2(file, STDOUT_FILENO);
	int err = explain_print(m, false);
	dup2(keep, STDOUT_FILENO);
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(keep);
	close(file);
	assert_int_equal(err, 0);
	return text;
}

static void says(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no \"%s\" in:\n%s", line, text ? text : "");
}

static unsigned times(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, part)); p++)
		n++;
	return n;
}

/* ----------------------------------------------------------------------- files */

static const struct ledger_file *file(int fd)
{
	for (uint32_t i = 0; i < m->ledger.file_count; i++)
		if (m->ledger.files[i].fd == fd)
			return &m->ledger.files[i];
	fail_msg("%d is not among the files", fd);
	return NULL;
}

static void declare(void)
{
	assert_int_equal(declare_policy(m), 0);
}

static void is_file(int fd, const char *owner, const char *use)
{
	const struct ledger_file *f = file(fd);

	assert_string_equal(f ? f->owner : "", owner);
	assert_string_equal(f ? f->use : "", use);
}

/* The number of the device's new parameter, which has this file. */
static uint32_t add_file(int fd)
{
	static struct volt_param rows[PARAMS_MAX];
	const uint32_t param = device.plugin.param_count++;

	rows[param].type = VOLT_PARAM_FILE_RW;
	device.plugin.params = rows;
	device.plugin.param_stride = sizeof(rows[0]);
	device.params.values[param].fd = fd;
	return param;
}

static void every_file_has_an_owner_and_a_use(void **state)
{
	m->irq.lines[4].owner = &device.callee;
	m->irq.lines[4].event_fd = 800;
	m->trace_fd = 900;
	add_file(77);
	add_file(-1);
	declare();
	is_file(0, "core", "standard input");
	is_file(log_fd(), "core", "log");
	is_file(900, "core", "trace");
	is_file(m->loop.epoll_fd, "core", "event loop");
	is_file(m->loop.wake_fd, "core", "wakes the event loop");
	is_file(500, "core", "VM");
	is_file(501, "core", "vCPU");
	is_file(502, "core", "vCPU");
	is_file(800, "device", "interrupt");
	is_file(77, "device", "parameter");
	m->irq.lines[4].event_fd = m->trace_fd = -1;
}

static void files_are_sorted_and_none_is_closed(void **state)
{
	declare();
	const struct ledger_file *f = m->ledger.files;

	assert_true(m->ledger.file_count > 5);
	for (uint32_t i = 0; i < m->ledger.file_count; i++)
		assert_true(i == 0 ? f[i].fd == 0 : f[i].fd > f[i - 1].fd);
}

static void a_streams_files_are_its_owners(void **state)
{
	char text[256];

	snprintf(text, sizeof(text), "unix:%s", kit_path("socket"));
	assert_int_equal(
	    kit_stream(m, &device.callee, "pty") | kit_stream(m, &device.callee, text), 0);
	declare();
	is_file(m->streams.list[0].in_fd, "device", "stream, input"); /* and output: one file */
	is_file(m->streams.list[0].kept_fd, "device", "stream, the other side");
	is_file(m->streams.list[1].listen_fd, "device", "stream, listening");
	close(m->streams.list[0].kept_fd);
}

/* ----------------------------------------------------------------------- tests */

static void test_is(const char *syscall, struct volt_arg_test t, const char *want)
{
	char text[64];

	explain_test(syscall, &t, text, sizeof(text));
	assert_string_equal(text, want);
}

static void tests_are_told_in_short_words(void **state)
{
	test_is("read", (struct volt_arg_test){.op = VOLT_TEST_EQ, .value = 5}, "fd 5");
	test_is(
	    "mmap", (struct volt_arg_test){.arg = 1, .op = VOLT_TEST_EQ, .value = 5}, "arg 1 5");
	test_is("ioctl", (struct volt_arg_test){.arg = 1, .op = VOLT_TEST_EQ, .value = 0x5413},
	    "arg 1 0x5413");
	test_is(
	    "write", (struct volt_arg_test){.arg = 2, .op = VOLT_TEST_EQ, .value = 8}, "8 bytes");
	test_is("preadv",
	    (struct volt_arg_test){.arg = 2, .op = VOLT_TEST_MASKED_EQ, .mask = ~(uint64_t)15},
	    "arg 2 < 16");
	test_is("preadv",
	    (struct volt_arg_test){.arg = 2, .op = VOLT_TEST_MASKED_EQ, .mask = ~(uint64_t)14},
	    "arg 2 & 0xfffffffffffffff1 = 0x0");
	test_is("fcntl",
	    (struct volt_arg_test){.arg = 1, .op = VOLT_TEST_MASKED_EQ, .value = 2, .mask = 0xff},
	    "arg 1 & 0xff = 0x2");
	/* The third argument of preadv counts buffers, and the first of mmap is an address. */
	test_is(
	    "preadv", (struct volt_arg_test){.arg = 2, .op = VOLT_TEST_EQ, .value = 8}, "arg 2 8");
	test_is("mmap", (struct volt_arg_test){.op = VOLT_TEST_EQ, .value = 5}, "arg 0 5");
	test_is("pread64", (struct volt_arg_test){.arg = 2, .op = VOLT_TEST_EQ, .value = 16},
	    "16 bytes");
	test_is("splice", (struct volt_arg_test){.arg = 2, .op = VOLT_TEST_EQ, .value = 7},
	    "arg 2: fd 7");
	test_is("write",
	    (struct volt_arg_test){.arg = 2, .op = VOLT_TEST_MASKED_EQ, .mask = ~(uint64_t)4095},
	    "< 4096 bytes");
}

static void requests_of_kvm_have_their_names(void **state)
{
	struct volt_arg_test t = {.arg = 1, .op = VOLT_TEST_MASKED_EQ, .mask = 0xffffffff};

	t.value = KVM_RUN;
	test_is("ioctl", t, "KVM_RUN");
	t.value = KVM_SET_GSI_ROUTING;
	test_is("ioctl", t, "KVM_SET_GSI_ROUTING");
	t.value = KVM_IRQ_LINE;
	test_is("ioctl", t, "KVM_IRQ_LINE");
	t.mask = 0xffff; /* two bytes of it: many requests */
	test_is("ioctl", t, "arg 1 & 0xffff = 0x4008ae61");
}

static void values_have_the_names_of_their_own_call(void **state)
{
	struct volt_arg_test t = {.arg = 1, .op = VOLT_TEST_EQ, .value = 1};

	test_is("epoll_ctl", t, "EPOLL_CTL_ADD");
	test_is("lseek", t, "arg 1 1");
	t.arg = 0;
	test_is("clock_gettime", t, "CLOCK_MONOTONIC");
	t.value = 0;
	test_is("clock_gettime", t, "CLOCK_REALTIME");
	t.value = 2;
	test_is("clock_gettime", t, "arg 0 2");
	t = (struct volt_arg_test){
	    .arg = 3, .op = VOLT_TEST_EQ, .value = SOCK_CLOEXEC | SOCK_NONBLOCK};
	test_is("accept4", t, "SOCK_CLOEXEC | SOCK_NONBLOCK");
}

/* ----------------------------------------------------------------------- rules */

static struct volt_need *need(const char *syscall, const char *reason)
{
	struct volt_need *n = &needs[device.plugin.need_count++];

	*n = (struct volt_need){
	    .syscall = syscall, .reason = reason, .roles = VOLT_ROLE_BIT(VOLT_ROLE_LOOP)};
	return n;
}

static void fd_is(struct volt_need *n, uint64_t fd)
{
	n->tests[n->test_count++] =
	    (struct volt_arg_test){.op = VOLT_TEST_FD_PARAM, .value = add_file((int)fd)};
}

static void rules_that_differ_in_their_fds_are_one_line(void **state)
{
	fd_is(need("preadv", "reads its disk"), 70);
	fd_is(need("preadv", "reads its disk"), 71);
	fd_is(need("preadv", "reads its disk"), 75);
	const char *text = printed();

	says(text, "fd 70-71, 75");
	assert_int_equal(times(text, "preadv"), 1);
}

static void a_rule_without_an_fd_is_not_hidden_behind_one_that_has(void **state)
{
	fd_is(need("getrandom", "draws lots"), 70);
	need("getrandom", "draws lots"); /* whatever its arguments */
	const char *text = printed();

	assert_int_equal(times(text, "getrandom"), 2);
	assert_int_equal(times(text, "device: draws lots"), 2);
}

static void rules_that_differ_in_other_tests_are_told_apart(void **state)
{
	for (uint64_t fd = 70; fd < 72; fd++) {
		struct volt_need *n = need("preadv", "reads its disk");

		fd_is(n, fd);
		n->tests[n->test_count++] = (struct volt_arg_test){
		    .arg = 2, .op = VOLT_TEST_EQ, .value = fd == 70 ? 1 : 1024};
	}
	const char *text = printed();

	says(text, "fd 70, arg 2 1 ");
	says(text, "fd 71, arg 2 0x400 ");
}

static void masks_are_ranges_of_fds(void **state)
{
	const struct volt_arg_test eight = ledger_is(2, 8);
	const struct ledger_block some = ledger_files(&m->ledger, 704, 6, "core", "something");

	ledger_allow(&m->ledger, some, LEDGER_ALL, "read", &eight, "reads it");
	const char *text = printed();

	says(text, "fd 704-709, 8 bytes");
	says(text, "704-709 core: something");
}

static void vcpus_alike_are_told_once(void **state)
{
	const char *text = printed();

	says(text, "thread loop\n");
	says(text, "thread vcpu0 (the other 1 alike, each with its own fd)\n");
	assert_null(strstr(text, "thread vcpu1"));
	says(text, "fd 501, KVM_RUN");
}

static void report(void *self, struct volt_sandbox_report *r)
{
	r->syscalls = 7;
	r->instructions = 99;
}

static void other_calls_are(const char *fate)
{
	says(printed(), fate);
	policy_finish(&m->policy);
	ledger_finish(&m->ledger);
}

static void what_happens_to_other_calls_is_the_truth(void **state)
{
	static const struct volt_sandbox table = {.size = sizeof(table), .report = report};

	other_calls_are("any other passes too");
	other_calls_are("SANDBOX: none");
	device.sandbox = &table;
	m->sandbox = &device;
	other_calls_are("any other kills the process");
	other_calls_are("SANDBOX device: 7 system calls in 99 BPF instructions; Landlock");
	options.seccomp_log = true;
	other_calls_are("any other is logged");
	options.no_seccomp = true;
	other_calls_are("any other passes too");
}

/* ------------------------------------------------------------------- addresses */

static void addresses_lines_and_ram_are_listed(void **state)
{
	const struct volt_range r = {.size = sizeof(r),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .base = 0x3f8,
	    .len = 8,
	    .name = "registers"};
	char why[200];

	assert_int_equal(bus_add_range(&m->bus, &device.callee, &r, why, sizeof(why)), 0);
	assert_int_equal(bus_seal(&m->bus), 0);
	m->irq.lines[4].owner = &device.callee;
	memory_plan(&m->memory, 5ull << 30);
	const char *text = printed();

	says(text, "port 0x000003f8-0x000003ff  device     registers");
	says(text, "ram  0x00000000-0xbfffffff, 0x100000000-0x17fffffff");
	says(text, "INTERRUPTS (to KVM's irqchip)\n  4 device (edge)");
}

static void plugins_are_linked_in_or_have_a_file(void **state)
{
	struct instance part = {.origin = "part", .linked_in = true};

	kit_owner(&part.callee, "other", NULL);
	m->instances[m->instance_count++] = &part;
	says(printed(), "PLUGINS\n  linked into volt: other\n  device     ./device.so\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_file_has_an_owner_and_a_use),
	    TEST(files_are_sorted_and_none_is_closed),
	    TEST(a_streams_files_are_its_owners),
	    TEST(tests_are_told_in_short_words),
	    TEST(requests_of_kvm_have_their_names),
	    TEST(values_have_the_names_of_their_own_call),
	    TEST(rules_that_differ_in_their_fds_are_one_line),
	    TEST(a_rule_without_an_fd_is_not_hidden_behind_one_that_has),
	    TEST(rules_that_differ_in_other_tests_are_told_apart),
	    TEST(masks_are_ranges_of_fds),
	    TEST(vcpus_alike_are_told_once),
	    TEST(what_happens_to_other_calls_is_the_truth),
	    TEST(addresses_lines_and_ram_are_listed),
	    TEST(plugins_are_linked_in_or_have_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
