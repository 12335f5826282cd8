/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Which thread may make which system call, and who asked. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/vm/declare.h"

#include "core/base/log.h"

#define CPUS 2u

static struct machine *m;
static struct options options;
static struct vcpu vcpus[CPUS];
static struct instance device;
static struct volt_need needs[2];
static const struct volt_param params[] = {
    {.name = "disk", .type = VOLT_PARAM_FILE_RW},
    {.name = "other", .def = "", .type = VOLT_PARAM_FILE_RO},
    {.name = "size", .type = VOLT_PARAM_UINT},
};

static int setup(void **state)
{
	kit_log_start();
	m = kit_machine();
	options = (struct options){.cpus = CPUS};
	m->options = &options;
	m->firmware.cpus = CPUS;
	m->vcpus = vcpus;
	vcpus[0].fd = 501;
	vcpus[1].fd = 502;
	vcpus[1].id = 1;
	m->kvm.vm_fd = 500;
	memset(&device, 0, sizeof(device));
	kit_owner(&device.callee, "device", NULL);
	memset(needs, 0, sizeof(needs));
	needs[0] = (struct volt_need){.syscall = "preadv",
	    .reason = "reads its disk",
	    .roles = VOLT_ROLE_BIT(VOLT_ROLE_LOOP),
	    .test_count = 1,
	    .tests = {{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = 0}}};
	device.plugin.needs = needs;
	device.plugin.need_count = 1;
	device.plugin.need_stride = sizeof(needs[0]);
	device.plugin.param_count = 3;
	device.plugin.params = params;
	device.plugin.param_stride = sizeof(params[0]);
	device.params.values[0].fd = 77;
	device.params.values[1].fd = -1;
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

static void forget(void)
{
	policy_finish(&m->policy);
	ledger_finish(&m->ledger);
}

static void build(void)
{
	if (declare_policy(m) != 0)
		fail_msg("refused: %s", kit_log());
}

static const struct volt_rule *rule(uint32_t thread, uint32_t n)
{
	const struct volt_thread *t = &m->policy.table.threads[thread];

	return (const void *)((const char *)t->rules + (size_t)n * t->rule_stride);
}

static uint32_t count(uint32_t thread)
{
	return m->policy.table.threads[thread].rule_count;
}

static bool tests_for(const struct volt_rule *r, uint8_t arg, uint64_t value)
{
	for (uint32_t t = 0; r && t < r->test_count; t++)
		if (r->tests[t].arg == arg && r->tests[t].value == value)
			return true;
	return false;
}

/* The rule that lets `thread` make `call` on `fd`, or NULL. */
static const struct volt_rule *on_fd(uint32_t thread, const char *call, int fd)
{
	for (uint32_t n = 0; n < count(thread); n++)
		if (strcmp(rule(thread, n)->syscall, call) == 0 &&
		    tests_for(rule(thread, n), 0, (uint64_t)fd))
			return rule(thread, n);
	return NULL;
}

static uint32_t rules_of(uint32_t thread, const char *call)
{
	uint32_t found = 0;

	for (uint32_t n = 0; n < count(thread); n++)
		found += strcmp(rule(thread, n)->syscall, call) == 0;
	return found;
}

static void allowed(const char *call, int fd, const char *by)
{
	const struct volt_rule *r = on_fd(POLICY_LOOP, call, fd);

	if (!r) {
		fail_msg("no %s on %d", call, fd);
		return;
	}
	assert_string_equal(r->asked_by, by);
	assert_int_equal(r->tests[0].op, VOLT_TEST_EQ);
}

/* -------------------------------------------------------------------- threads */

static void each_thread_has_its_own_rows(void **state)
{
	build();
	const struct volt_policy *p = &m->policy.table;

	assert_int_equal(p->size, sizeof(*p));
	assert_int_equal(p->thread_count, 1 + CPUS);
	assert_int_equal(p->threads[POLICY_LOOP].role, VOLT_ROLE_LOOP);
	for (uint32_t id = 0; id < CPUS; id++) {
		const struct volt_thread *t = &p->threads[POLICY_VCPU(id)];
		char name[16];

		snprintf(name, sizeof(name), "vcpu%u", id);
		assert_int_equal(t->role, VOLT_ROLE_VCPU);
		assert_int_equal(t->index, id);
		assert_string_equal(t->name, name);
	}
}

static void check_run_rule(const struct volt_rule *r)
{
	if (!r) {
		fail_msg("a vCPU cannot run");
		return;
	}
	assert_int_equal(r->test_count, 2);
	assert_int_equal(r->tests[1].arg, 1);
	assert_int_equal(r->tests[1].op, VOLT_TEST_MASKED_EQ);
	assert_int_equal(r->tests[1].mask, 0xffffffff);
	assert_int_equal(r->tests[1].value, KVM_RUN);
}

static void a_vcpu_runs_itself_and_nothing_else(void **state)
{
	build();
	for (uint32_t id = 0; id < CPUS; id++) {
		check_run_rule(on_fd(POLICY_VCPU(id), "ioctl", vcpus[id].fd));
		assert_int_equal(rules_of(POLICY_VCPU(id), "ioctl"), 1);
	}
	assert_int_equal(rules_of(POLICY_LOOP, "ioctl"), 0);
}

static void a_vcpu_has_four_calls_each_with_its_arguments(void **state)
{
	static const char *const four[] = {"ioctl", "read", "write", "clock_gettime"};

	m->irq.lines[4].owner = &device.callee;
	m->irq.lines[4].event_fd = 90;
	build();
	for (uint32_t n = 0; n < count(POLICY_VCPU(0)); n++) {
		const struct volt_rule *r = rule(POLICY_VCPU(0), n);
		bool known = false;

		for (size_t i = 0; i < sizeof(four) / sizeof(four[0]); i++)
			known |= strcmp(r->syscall, four[i]) == 0;
		if (!known)
			fail_msg("a vCPU may %s (%s)", r->syscall, r->reason);
		assert_true(r->test_count > 0);
		assert_non_null(r->reason);
	}
	m->irq.lines[4].event_fd = -1;
}

static void every_thread_wakes_the_loop_and_writes_irq_fds(void **state)
{
	m->irq.lines[4].owner = &device.callee;
	m->irq.lines[4].event_fd = 90;
	build();
	for (uint32_t thread = 0; thread < 1 + CPUS; thread++) {
		const struct volt_rule *wake = on_fd(thread, "write", m->loop.wake_fd);
		const struct volt_rule *line = on_fd(thread, "write", 90);

		assert_non_null(wake);
		assert_true(tests_for(wake, 2, 8));
		assert_non_null(line);
		assert_true(tests_for(line, 2, 8));
		assert_string_equal(line ? line->asked_by : "nobody", "device");
		assert_int_equal(rules_of(thread, "clock_gettime"), 1);
	}
	m->irq.lines[4].event_fd = -1;
}

static void the_loop_waits_logs_and_takes_signals(void **state)
{
	m->events.signal_fd = dup(0);
	m->trace_fd = 600;
	build();
	allowed("epoll_pwait2", m->loop.epoll_fd, "core");
	allowed("read", m->events.signal_fd, "core");
	allowed("write", log_fd(), "core");
	allowed("write", 600, "core");
	assert_int_equal(rules_of(POLICY_LOOP, "exit_group"), 1);
}

static void what_is_not_there_has_no_row(void **state)
{
	build();
	for (uint32_t n = 0; n < count(POLICY_LOOP); n++)
		for (uint32_t t = 0; t < rule(POLICY_LOOP, n)->test_count; t++)
			assert_true((int64_t)rule(POLICY_LOOP, n)->tests[t].value >= 0);
	assert_null(on_fd(POLICY_LOOP, "write", -1));
}

/* How many rules let `thread` ask the VM's descriptor for `request`, whoever asked for them. */
static uint32_t asks_vm(uint32_t thread, uint32_t request)
{
	uint32_t found = 0;

	for (uint32_t n = 0; n < count(thread); n++)
		found += strcmp(rule(thread, n)->syscall, "ioctl") == 0 &&
			 tests_for(rule(thread, n), 0, 500) &&
			 tests_for(rule(thread, n), 1, request);
	return found;
}

/* On every thread alike, for each may raise an interrupt. */
static void check_requests(uint32_t line, uint32_t message, uint32_t routes)
{
	forget();
	build();
	for (uint32_t thread = 0; thread < 1 + CPUS; thread++) {
		assert_int_equal(asks_vm(thread, KVM_IRQ_LINE), line);
		assert_int_equal(asks_vm(thread, KVM_SIGNAL_MSI), message);
		assert_int_equal(asks_vm(thread, KVM_SET_GSI_ROUTING), routes);
	}
}

/* HOLDS(security) */
static void only_requests_that_interrupts_need_go_to_the_vm(void **state)
{
	check_requests(0, 0, 0);
	m->irq.lines[4].owner = &device.callee;
	check_requests(1, 0, 0);
	m->irq.msi.user = &device.callee;
	check_requests(1, 1, 0);
	m->irq.chip = &device.callee;
	check_requests(0, 1, 1);
	m->irq.msi.user = NULL;
	check_requests(0, 1, 1);
}

static void flags_of_the_command_line_are_passed_on(void **state)
{
	build();
	assert_int_equal(m->policy.table.flags, 0);
	forget();
	options.no_seccomp = options.no_landlock = options.seccomp_log = true;
	build();
	assert_int_equal(m->policy.table.flags,
	    VOLT_POLICY_NO_SECCOMP | VOLT_POLICY_NO_LANDLOCK | VOLT_POLICY_LOG);
}

static void max_fd_is_the_highest_in_use(void **state)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 600);

	build();
	assert_int_equal(m->policy.table.max_fd, fd);
	close(fd);
}

/* -------------------------------------------------------------------- streams */

static const struct stream *open_stream(const char *text)
{
	if (kit_stream(m, &device.callee, text) != 0)
		fail_msg("%s: %s", text, kit_why);
	build();
	return &m->streams.list[0];
}

static void null_needs_nothing(void **state)
{
	build();
	uint32_t before = count(POLICY_LOOP);

	forget();
	open_stream("null");
	assert_int_equal(count(POLICY_LOOP), before);
}

static void a_file_is_written_and_never_read(void **state)
{
	char text[256];

	snprintf(text, sizeof(text), "file:%s", kit_path("out"));
	const struct stream *s = open_stream(text);
	allowed("write", s->out_fd, "device");
	assert_null(on_fd(POLICY_LOOP, "read", s->out_fd));
	assert_null(on_fd(POLICY_VCPU(0), "write", s->out_fd));
}

static void a_fifo_is_written_and_never_read(void **state)
{
	char text[256];

	assert_int_equal(mkfifo(kit_path("fifo"), 0600), 0);
	snprintf(text, sizeof(text), "pipe:%s", kit_path("fifo"));
	const struct stream *s = open_stream(text);
	allowed("write", s->out_fd, "device");
	assert_null(on_fd(POLICY_LOOP, "read", s->out_fd));
}

static void a_pty_is_read_and_written(void **state)
{
	const struct stream *s = open_stream("pty");

	allowed("read", s->in_fd, "device");
	allowed("write", s->out_fd, "device");
}

static void stdio_is_read_and_written(void **state)
{
	const struct stream *s = open_stream("stdio");

	allowed("read", s->in_fd, "device");
	allowed("write", s->out_fd, "device");
	assert_null(on_fd(POLICY_LOOP, "read", STDIN_FILENO));
}

static void a_socket_serves_clients_whose_number_is_known(void **state)
{
	char text[256];

	snprintf(text, sizeof(text), "unix:%s", kit_path("socket"));
	const struct stream *s = open_stream(text);
	int next = dup(0); /* what accept4 would give out */

	close(next);
	allowed("accept4", s->listen_fd, "device");
	assert_true(tests_for(
	    on_fd(POLICY_LOOP, "accept4", s->listen_fd), 3, SOCK_NONBLOCK | SOCK_CLOEXEC));
	allowed("epoll_ctl", m->loop.epoll_fd, "core");
	allowed("read", next, "core");
	allowed("write", next, "core");
	allowed("close", next, "core");
	assert_int_equal(rules_of(POLICY_LOOP, "close"), 1);
	assert_true(m->policy.table.max_fd >= (uint32_t)next);
}

static bool may_close(int fd)
{
	for (uint32_t n = 0; n < count(POLICY_LOOP); n++) {
		const struct volt_rule *r = rule(POLICY_LOOP, n);
		const uint64_t mask =
		    r->tests[0].op == VOLT_TEST_EQ ? UINT64_MAX : r->tests[0].mask;

		if (strcmp(r->syscall, "close") == 0 && ((uint64_t)fd & mask) == r->tests[0].value)
			return true;
	}
	return false;
}

/* A client gets the lowest free number, whichever socket it came by. */
static void clients_of_several_sockets_are_said_once(void **state)
{
	char text[256];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(
		    text, sizeof(text), "unix:%s", kit_path((const char *[]){"a", "b", "c"}[i]));
		assert_int_equal(kit_stream(m, &device.callee, text), 0);
	}
	build();
	assert_int_equal(rules_of(POLICY_LOOP, "accept4"), 3);
	assert_int_equal(rules_of(POLICY_LOOP, "epoll_ctl"), 1);
	int next[4];
	for (unsigned i = 0; i < 4; i++)
		next[i] = dup(0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(may_close(next[i]), i < 3);
		close(next[i]);
	}
}

/* In a child: the helper never forgets a path. */
static int build_many_sockets(void *arg)
{
	for (unsigned i = 0; i < STREAM_MAX; i++) {
		char name[16], text[256];

		snprintf(name, sizeof(name), "s%u", i);
		snprintf(text, sizeof(text), "unix:%s", kit_path(name));
		if (kit_stream(m, &device.callee, text) != 0)
			return 1;
	}
	return declare_policy(m) == 0 ? 0 : 2;
}

static void as_many_sockets_as_streams_fit_the_policy(void **state)
{
	kit_path(""); /* the parent removes what children made */
	assert_int_equal(kit_child(build_many_sockets, NULL), 0);
}

/* ---------------------------------------------------------------------- needs */

static void add_device(void)
{
	m->instances[m->instance_count++] = &device;
}

static void refused(int err, const char *reason)
{
	kit_log_clear();
	forget();
	m->instance_count = 0;
	add_device();
	assert_int_equal(declare_policy(m), -err);
	assert_int_equal(kit_log_lines(), 1);
	if (!kit_logged(reason) || !kit_logged("plugin device"))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_log());
	forget();
}

static void granted(void)
{
	forget();
	m->instance_count = 0;
	add_device();
	build();
}

static void a_need_is_granted_to_the_loop_with_its_reason(void **state)
{
	needs[0].test_count = 2;
	needs[0].tests[1] =
	    (struct volt_arg_test){.arg = 2, .op = VOLT_TEST_MASKED_EQ, .mask = ~(uint64_t)15};
	add_device();
	build();
	const struct volt_rule *r = rule(POLICY_LOOP, count(POLICY_LOOP) - 1);

	assert_string_equal(r->syscall, "preadv");
	assert_string_equal(r->asked_by, "device");
	assert_string_equal(r->reason, "reads its disk");
	assert_int_equal(r->test_count, 2);
	assert_int_equal(r->tests[0].op, VOLT_TEST_EQ);
	assert_int_equal(r->tests[0].value, 77);
	assert_int_equal(r->tests[1].op, VOLT_TEST_MASKED_EQ);
	assert_int_equal(r->tests[1].mask, ~(uint64_t)15);
	assert_int_equal(rules_of(POLICY_VCPU(0), "preadv"), 0);
}

static void a_parameters_file_becomes_its_number(void **state)
{
	needs[0].test_count = 2;
	needs[0].tests[0] = (struct volt_arg_test){.arg = 3, .op = VOLT_TEST_EQ, .value = 0};
	needs[0].tests[1] = (struct volt_arg_test){.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = 0};
	add_device();
	build();
	const struct volt_rule *r = on_fd(POLICY_LOOP, "preadv", 77);

	assert_non_null(r);
	for (uint32_t t = 0; r && t < r->test_count; t++)
		assert_int_equal(r->tests[t].op, VOLT_TEST_EQ);
}

static void a_parameter_without_a_file_is_refused(void **state)
{
	needs[0].test_count = 1;
	needs[0].tests[0] = (struct volt_arg_test){.op = VOLT_TEST_FD_PARAM, .value = 2};
	refused(EINVAL, "preadv");
	needs[0].tests[0].value = UINT64_MAX;
	refused(EINVAL, "preadv");
}

static void a_need_about_a_file_that_was_left_out_is_dropped(void **state)
{
	needs[0].test_count = 1;
	needs[0].tests[0] = (struct volt_arg_test){.op = VOLT_TEST_FD_PARAM, .value = 1};
	add_device();
	build();
	assert_int_equal(rules_of(POLICY_LOOP, "preadv"), 0);
}

static void what_would_undo_the_sandbox_is_never_granted(void **state)
{
	static const char *const never[] = {"execve", "execveat", "fork", "vfork", "clone",
	    "clone3", "ptrace", "process_vm_readv", "process_vm_writev", "bpf", "mount", "umount2",
	    "move_mount", "open_tree", "fsopen", "pivot_root", "chroot", "setns", "unshare",
	    "open_by_handle_at", "init_module", "finit_module", "kexec_load", "mprotect",
	    "pkey_mprotect", "mmap", "memfd_create", "userfaultfd", "perf_event_open", "seccomp",
	    "prctl", "arch_prctl", "capset", "setuid", "setresuid", "setgid", "io_uring_setup",
	    "io_uring_register", "pidfd_getfd", "modify_ldt", "iopl", "ioperm", "kill", "reboot",
	    /* Their kin: SHM_EXEC, the newer mount calls, signals to others, ids, the kernel. */
	    "shmat", "fsconfig", "fsmount", "fspick", "mount_setattr", "tkill", "tgkill",
	    "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "setreuid", "setregid",
	    "setfsuid", "setfsgid", "setgroups", "setresgid", "process_madvise", "remap_file_pages",
	    "uselib", "acct", "quotactl", "io_uring_enter", "syslog", "kexec_file_load",
	    "delete_module", "swapon", "swapoff", "personality", "keyctl", "add_key",
	    "request_key"};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		needs[0].syscall = never[i];
		refused(EPERM, never[i]);
	}
}

static void vcpu_threads_get_nothing_for_plugins(void **state)
{
	needs[0].roles = VOLT_ROLE_BIT(VOLT_ROLE_VCPU);
	refused(EPERM, "vCPU");
	needs[0].roles = VOLT_ROLE_BIT(VOLT_ROLE_VCPU) | VOLT_ROLE_BIT(VOLT_ROLE_LOOP);
	refused(EPERM, "vCPU");
}

static void add_worker(struct instance *owner)
{
	struct worker *w = &m->workers[m->worker_count++];

	w->owner = &owner->callee;
	strcpy(w->name, "works");
	lock_init(&w->posts);
}

static void a_worker_gets_its_own_plugins_needs(void **state)
{
	static struct instance other;

	kit_owner(&other.callee, "other", NULL);
	add_worker(&other);
	add_worker(&device);
	needs[0].roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER);
	add_device();
	build();
	assert_int_equal(m->policy.table.thread_count, 1 + CPUS + 2);
	assert_int_equal(m->policy.table.threads[POLICY_WORKER(m, 1)].role, VOLT_ROLE_WORKER);
	assert_string_equal(m->policy.table.threads[POLICY_WORKER(m, 1)].name, "works");
	assert_int_equal(rules_of(POLICY_WORKER(m, 1), "preadv"), 1);
	assert_int_equal(rules_of(POLICY_WORKER(m, 0), "preadv"), 0);
	assert_int_equal(rules_of(POLICY_LOOP, "preadv"), 0);
	assert_int_equal(rules_of(POLICY_WORKER(m, 1), "ioctl"), 0);
	assert_non_null(on_fd(POLICY_WORKER(m, 1), "write", m->loop.wake_fd));
}

static void a_worker_that_watches_files_waits_in_its_own_epoll(void **state)
{
	add_worker(&device);
	add_worker(&device);
	m->workers[1].epoll_fd = 42;
	m->workers[1].watch_count = 1;
	add_device();
	build();
	assert_int_equal(rules_of(POLICY_WORKER(m, 0), "epoll_pwait2"), 0);
	assert_int_equal(rules_of(POLICY_WORKER(m, 1), "epoll_pwait2"), 1);
	assert_non_null(on_fd(POLICY_WORKER(m, 1), "epoll_pwait2", 42));
	assert_null(on_fd(POLICY_LOOP, "epoll_pwait2", 42));
}

static void malformed_needs_are_refused(void **state)
{
	const struct volt_need good = needs[0];

	needs[0] = good, needs[0].syscall = NULL, refused(EINVAL, "malformed");
	needs[0] = good, needs[0].reason = NULL, refused(EINVAL, "malformed");
	needs[0] = good, needs[0].test_count = VOLT_TEST_MAX + 1, refused(EINVAL, "malformed");
	needs[0] = good, needs[0].roles = 0, refused(EINVAL, "kind of thread");
	needs[0] = good, needs[0].roles = VOLT_ROLE_BIT(VOLT_ROLE_COUNT);
	refused(EINVAL, "kind of thread");
}

static void malformed_tests_of_a_need_are_refused(void **state)
{
	static const uint8_t ops[] = {0, VOLT_TEST_FD_PARAM + 1, 255};

	needs[0].test_count = 2;
	needs[0].tests[0] = (struct volt_arg_test){.arg = 5, .op = VOLT_TEST_EQ};
	needs[0].tests[1] = (struct volt_arg_test){.arg = 6, .op = VOLT_TEST_EQ};
	refused(EINVAL, "a test of its need of preadv is malformed");
	for (size_t i = 0; i < sizeof(ops); i++) {
		needs[0].tests[1] = (struct volt_arg_test){.arg = 1, .op = ops[i]};
		refused(EINVAL, "a test of its need of preadv is malformed");
	}
	needs[0].tests[0] = (struct volt_arg_test){.arg = 0, .op = VOLT_TEST_FD_PARAM};
	needs[0].tests[1] = (struct volt_arg_test){.arg = 1, .op = VOLT_TEST_MASKED_EQ};
	granted();
}

static void the_test_for_at_most_is_refused_by_its_name(void **state)
{
	needs[0].test_count = 2;
	needs[0].tests[1] = (struct volt_arg_test){.arg = 2, .op = 3, .value = 16};
	refused(EINVAL, "\"at most\", which volt no longer has");
}

/* On the loop's thread, any ioctl of any file would be every ioctl of the VM. */
static void an_ioctl_names_its_file_and_its_request(void **state)
{
	const struct volt_arg_test fd = {.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = 0};
	const struct volt_arg_test request = {.arg = 1, .op = VOLT_TEST_EQ, .value = 0x5413};
	const struct volt_arg_test low_half = {
	    .arg = 1, .op = VOLT_TEST_MASKED_EQ, .value = 0x5413, .mask = 0xffffffff};
	const struct volt_arg_test some_bits = {
	    .arg = 1, .op = VOLT_TEST_MASKED_EQ, .value = 0x5400, .mask = 0xff00};
	const struct volt_arg_test third = {.arg = 2, .op = VOLT_TEST_EQ};

	needs[0].syscall = "ioctl";
	needs[0].test_count = 0, refused(EPERM, "ioctl");
	needs[0].test_count = 1, needs[0].tests[0] = fd, refused(EPERM, "ioctl");
	needs[0].tests[0] = request, refused(EPERM, "ioctl");
	needs[0].test_count = 2, needs[0].tests[1] = third, refused(EPERM, "ioctl");
	needs[0].tests[0] = fd, refused(EPERM, "ioctl");
	needs[0].tests[1] = some_bits, refused(EPERM, "ioctl");
	needs[0].tests[0] = request, needs[0].tests[1] = request, refused(EPERM, "ioctl");
	needs[0].tests[0] = request, needs[0].tests[1] = fd;
	granted();
	assert_true(tests_for(on_fd(POLICY_LOOP, "ioctl", 77), 1, 0x5413));
	needs[0].tests[0] = low_half; /* the kernel looks at no more of a request */
	granted();
}

/* Whatever the number, and however it is said, it is not the plugin's to name. */
/* HOLDS(security) */
static void the_cores_files_cannot_be_named_by_number(void **state)
{
	static const char *const calls[] = {"read", "write", "pread64", "writev", "epoll_wait",
	    "sendfile", "timerfd_gettime", "fsync"};
	const int own[] = {m->loop.epoll_fd, m->loop.wake_fd, m->kvm.vm_fd, vcpus[1].fd, 0, 1, 2};
	const uint8_t ops[] = {VOLT_TEST_EQ, VOLT_TEST_MASKED_EQ};

	for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++)
		for (size_t f = 0; f < sizeof(own) / sizeof(own[0]); f++)
			for (size_t o = 0; o < sizeof(ops); o++) {
				needs[0].syscall = calls[c];
				needs[0].test_count = 1;
				needs[0].tests[0] = (struct volt_arg_test){
				    .op = ops[o], .value = (uint64_t)own[f], .mask = UINT32_MAX};
				refused(EPERM, "not its own");
			}
}

static void a_file_of_nobody_cannot_be_named_by_number(void **state)
{
	needs[0].tests[0] = (struct volt_arg_test){.op = VOLT_TEST_EQ, .value = 4095};
	refused(EPERM, "not its own");
}

/* HOLDS(security) */
static void a_call_on_any_file_is_refused_on_any_thread(void **state)
{
	static const char *const calls[] = {"read", "write", "readv", "writev", "pread64",
	    "pwrite64", "preadv", "pwritev", "fsync", "lseek", "ftruncate", "sendfile",
	    "epoll_wait", "getdents64"};

	for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++)
		for (uint32_t role = VOLT_ROLE_LOOP; role <= VOLT_ROLE_WORKER; role++) {
			if (role == VOLT_ROLE_VCPU)
				continue;
			needs[0].syscall = calls[c];
			needs[0].roles = VOLT_ROLE_BIT(role);
			needs[0].test_count = 0;
			refused(EPERM, "on any file");
			needs[0].test_count = 1;
			needs[0].tests[0] =
			    (struct volt_arg_test){.arg = 2, .op = VOLT_TEST_MASKED_EQ};
			refused(EPERM, "on any file");
		}
}

/* sendfile(2) writes to one and reads from another. */
static void each_of_two_files_must_be_ones_own(void **state)
{
	needs[0].syscall = "sendfile";
	refused(EPERM, "argument 1");
	needs[0].tests[1] = needs[0].tests[0];
	needs[0].tests[1].arg = 1;
	needs[0].test_count = 2;
	granted();
}

/* HOLDS(security) */
static void a_command_is_held_to_one_value(void **state)
{
	static const struct {
		const char *call;
		uint8_t arg;
	} rows[] = {{"fcntl", 1}, {"fallocate", 1}, {"preadv2", 5}, {"pwritev2", 5},
	    {"sync_file_range", 3}, {"flock", 1}, {"timerfd_settime", 1}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		needs[0].syscall = rows[i].call;
		needs[0].test_count = 1;
		refused(EPERM, "a command");
		needs[0].test_count = 2;
		needs[0].tests[1] = (struct volt_arg_test){
		    .arg = rows[i].arg, .op = VOLT_TEST_EQ, .value = F_GETFL};
		granted();
		forget();
	}
}

/* With dup() refused, and close(), there is no other way to a descriptor either. The kernel
 * looks at the lower half of a command only. */
static void no_command_makes_a_descriptor_or_names_a_process(void **state)
{
	static const uint64_t commands[] = {
	    F_DUPFD, F_DUPFD_CLOEXEC, F_SETOWN, F_SETOWN_EX, 1ull << 32 | F_DUPFD_CLOEXEC};

	needs[0].syscall = "fcntl";
	needs[0].test_count = 2;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		needs[0].tests[1] =
		    (struct volt_arg_test){.arg = 1, .op = VOLT_TEST_EQ, .value = commands[i]};
		refused(EPERM, "with command");
		needs[0].tests[1].op = VOLT_TEST_MASKED_EQ;
		needs[0].tests[1].mask = UINT32_MAX;
		refused(EPERM, "no plugin may have it");
	}
}

static void rows_of_a_newer_plugin_may_be_longer(void **state)
{
	struct {
		struct volt_need need;
		uint64_t more[3];
	} longer[2] = {{.need = needs[0]}, {.need = needs[0]}};

	longer[1].need.syscall = "pwritev";
	device.plugin.needs = &longer[0].need;
	device.plugin.need_stride = sizeof(longer[0]);
	device.plugin.need_count = 2;
	add_device();
	build();
	assert_int_equal(rules_of(POLICY_LOOP, "preadv"), 1);
	assert_int_equal(rules_of(POLICY_LOOP, "pwritev"), 1);
}

static void every_need_gets_its_rule_however_many_there_are(void **state)
{
	static struct volt_need many[1000];
	const uint32_t wanted = sizeof(many) / sizeof(many[0]);

	for (uint32_t i = 0; i < wanted; i++)
		many[i] = needs[0];
	device.plugin.needs = many;
	device.plugin.need_count = wanted;
	add_device();
	build();
	assert_int_equal(rules_of(POLICY_LOOP, "preadv"), wanted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(as_many_sockets_as_streams_fit_the_policy), /* before others open any */
	    TEST(each_thread_has_its_own_rows),
	    TEST(a_vcpu_runs_itself_and_nothing_else),
	    TEST(a_vcpu_has_four_calls_each_with_its_arguments),
	    TEST(every_thread_wakes_the_loop_and_writes_irq_fds),
	    TEST(the_loop_waits_logs_and_takes_signals),
	    TEST(what_is_not_there_has_no_row),
	    TEST(only_requests_that_interrupts_need_go_to_the_vm),
	    TEST(flags_of_the_command_line_are_passed_on),
	    TEST(max_fd_is_the_highest_in_use),
	    TEST(null_needs_nothing),
	    TEST(a_file_is_written_and_never_read),
	    TEST(a_fifo_is_written_and_never_read),
	    TEST(a_pty_is_read_and_written),
	    TEST(stdio_is_read_and_written),
	    TEST(a_socket_serves_clients_whose_number_is_known),
	    TEST(clients_of_several_sockets_are_said_once),
	    TEST(a_need_is_granted_to_the_loop_with_its_reason),
	    TEST(a_parameters_file_becomes_its_number),
	    TEST(a_parameter_without_a_file_is_refused),
	    TEST(a_need_about_a_file_that_was_left_out_is_dropped),
	    TEST(what_would_undo_the_sandbox_is_never_granted),
	    TEST(vcpu_threads_get_nothing_for_plugins),
	    TEST(a_worker_gets_its_own_plugins_needs),
	    TEST(a_worker_that_watches_files_waits_in_its_own_epoll),
	    TEST(malformed_needs_are_refused),
	    TEST(malformed_tests_of_a_need_are_refused),
	    TEST(the_test_for_at_most_is_refused_by_its_name),
	    TEST(an_ioctl_names_its_file_and_its_request),
	    TEST(the_cores_files_cannot_be_named_by_number),
	    TEST(a_file_of_nobody_cannot_be_named_by_number),
	    TEST(a_call_on_any_file_is_refused_on_any_thread),
	    TEST(each_of_two_files_must_be_ones_own),
	    TEST(a_command_is_held_to_one_value),
	    TEST(no_command_makes_a_descriptor_or_names_a_process),
	    TEST(rows_of_a_newer_plugin_may_be_longer),
	    TEST(every_need_gets_its_rule_however_many_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
