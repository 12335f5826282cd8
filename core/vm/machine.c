/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/sealed.h"
#include "core/base/trace.h"
#include "core/boot/boot.h"
#include "core/config.h"
#include "core/event/console.h"
#include "core/event/events.h"
#include "core/event/helper.h"
#include "core/event/reporter.h"
#include "core/kvm/cpuid_mask.h"
#include "core/plugin/guard.h"
#include "core/vm/cmdline.h"
#include "core/vm/commands.h"
#include "core/vm/drain.h"
#include "core/vm/explain.h"
#include "core/vm/filters.h"
#include "core/vm/host_page.h"
#include "core/vm/host_region.h"
#include "core/vm/identity.h"
#include "core/vm/inherit.h"
#include "core/vm/metrics.h"
#include "core/vm/names.h"
#include "core/vm/plugins.h"
#include "core/vm/registry.h"
#include "core/vm/seal.h"
#include "core/vm/share.h"
#include "core/vm/snapshot.h"
#include "core/vm/vm.h"
#include "core/vm/vm_commands.h"

#define DRAIN_NS 1000000000ull /* for the last output of all streams together */

static int open_host(struct machine *m)
{
	int err = kvm_open(&m->kvm, "/dev/kvm");

	if (err)
		return err;
	if (m->options->cpus > m->kvm.max_cpus)
		err = log_error(EINVAL, "--cpus %u: this host's KVM allows at most %u",
		    m->options->cpus, m->kvm.max_cpus);
	if (err)
		return err;
	trace_mark("KVM opened", NULL);
	return 0;
}

/* Addresses at which KVM itself answers, so that a plugin never would. */
static const struct {
	uint8_t space;
	bool own_chip_only; /* KVM's own irqchip and timer */
	uint64_t base, last;
	const char *what;
} kernel_ranges[] = {
    {VOLT_SPACE_MMIO, false, 0xfee00000, 0xfee00fff, "the local APICs"},
    {VOLT_SPACE_MMIO, false, KVM_PAGES_BASE, KVM_PAGES_LAST, "pages that KVM needs for itself"},
    {VOLT_SPACE_MMIO, true, 0xfec00000, 0xfec000ff, "KVM's interrupt controller"},
    {VOLT_SPACE_PIO, true, 0x20, 0x21, "KVM's interrupt controller"},
    {VOLT_SPACE_PIO, true, 0xa0, 0xa1, "KVM's interrupt controller"},
    {VOLT_SPACE_PIO, true, 0x4d0, 0x4d1, "KVM's interrupt controller"},
    {VOLT_SPACE_PIO, true, 0x40, 0x43, "KVM's timer"},
    {VOLT_SPACE_PIO, true, 0x61, 0x61, "KVM's timer"},
};

static int check_kernel_ranges(const struct machine *m, const struct bus_range *r)
{
	for (size_t i = 0; i < sizeof(kernel_ranges) / sizeof(kernel_ranges[0]); i++) {
		if (kernel_ranges[i].space != r->space || r->last < kernel_ranges[i].base ||
		    r->base > kernel_ranges[i].last ||
		    (kernel_ranges[i].own_chip_only && m->irq.chip))
			continue;
		return log_error(EBUSY, "%s of plugin %s at 0x%llx overlaps %s at 0x%llx: move it",
		    r->name, r->owner->id, (unsigned long long)r->base, kernel_ranges[i].what,
		    (unsigned long long)kernel_ranges[i].base);
	}
	return 0;
}

static int check_ranges(struct machine *m)
{
	int err = 0;

	memory_plan(&m->memory, m->options->memory);
	for (uint32_t i = 0; !err && i < m->bus.count; i++) {
		const struct bus_range *r = &m->bus.ranges[i];

		if (r->space == VOLT_SPACE_MMIO &&
		    memory_overlaps(&m->memory, r->base, r->last - r->base + 1))
			err = log_error(EINVAL,
			    "%s of plugin %s at 0x%llx lies in guest memory: move it, or lower "
			    "--memory",
			    r->name, r->owner->id, (unsigned long long)r->base);
	}
	if (err)
		return err;
	err = bus_seal(&m->bus);
	if (err)
		return err;
	for (uint32_t i = 0; i < m->bus.count; i++) {
		err = check_kernel_ranges(m, &m->bus.ranges[i]);
		if (err)
			return err;
	}
	return 0;
}

/* Where a mapped file shrank, a plugin that reaches for what is gone would end volt by SIGBUS. */
static int choose_files(struct machine *m)
{
	const struct options *o = m->options;

	/* What of a file was not touched yet would be missing in a snapshot. */
	m->files = o->hugepages || o->snapshot ? BOOT_FILES_COPY : o->kernel_memory;
	for (uint32_t i = 0; i < m->instance_count; i++) {
		if ((m->instances[i]->plugin.flags & VOLT_FLAG_GUEST_MEMORY) == 0)
			continue;
		if (o->kernel_memory == BOOT_FILES_MAP)
			return log_error(EINVAL,
			    "--kernel-memory map: plugin %s works on guest memory, where volt must "
			    "not meet a file that may shrink: use copy or auto",
			    m->instances[i]->callee.id);
		m->files = BOOT_FILES_COPY;
	}
	return 0;
}

static void pay_attention(void *arg)
{
	struct machine *m = arg;

	for (uint32_t i = 0; i < m->instance_count; i++) {
		const struct instance *p = m->instances[i];

		if (!p->attention)
			continue;
		callee_lock(&p->callee);
		p->attention->attention(p->callee.self);
		callee_unlock(&p->callee);
	}
}

static int make_loop(struct machine *m)
{
	int err = loop_init(&m->loop);

	m->end.loop = &m->loop;
	peers_init(&m->peers);
	streams_init(&m->streams, &m->loop, &m->end, &m->events, m->options->explain);
	return err ? err : events_init(&m->events, &m->loop, &m->end, pay_attention, m);
}

static int load_plugins(struct machine *m)
{
	int err = plugins_load(m);

	if (err)
		return err;
	err = filters_put(m);
	return err ? err : plugins_find_irqchip(m);
}

static int wire_plugins(struct machine *m)
{
	int err = bus_init(&m->bus);

	if (err)
		return err;
	irq_init(&m->irq, &m->kvm, &m->end);
	doorbells_init(&m->doorbells, &m->bus, &m->kvm, &m->loop);
	guard_begin();
	err = load_plugins(m);
	guard_finish();
	inherit_close_rest(m);
	if (err)
		return err;
	commands_wire(m, VM_COMMANDS_ID, &vm_commands);
	if (registry_console_path())
		err = console_open(&m->streams, registry_console_path());
	if (err)
		return err;
	err = metrics_put(m);
	if (err)
		return err;
	err = check_ranges(m);
	if (err)
		return err;
	err = choose_files(m);
	if (err)
		return err;
	err = restore_check(m);
	if (err)
		return err;
	trace_mark("devices", "%u plugins, %u address ranges", m->instance_count, m->bus.count);
	return 0;
}

static int make_vm(struct machine *m)
{
	const int err = kvm_create_vm(&m->kvm);

	if (err)
		return err;
	snapshot_prepare(m);
	trace_mark("VM created", NULL);
	return 0;
}

/* After the memory: with KVM's own irqchip there, a new slot waits for a grace period. */
static int make_interrupts(struct machine *m)
{
	int err = irq_wire(&m->irq);

	if (err)
		return err;
	err = doorbells_wire(&m->doorbells);
	if (err)
		return err;
	trace_mark("interrupts", m->irq.chip ? "local APICs, irqchip plugin" : "KVM's irqchip");
	return 0;
}

/* Memory is the host's only once the guest uses it, so a larger guest starts, and is killed, or
 * slows the host down, later. */
static void warn_of_memory(uint64_t size)
{
	struct sysinfo host;

	if (sysinfo(&host) != 0)
		return;
	uint64_t ram = (uint64_t)host.totalram * host.mem_unit;
	if (size > ram)
		log_warn("--memory: the host has %llu MiB: a guest that uses more is killed",
		    (unsigned long long)(ram >> 20));
}

/* Faults of a file cost more than those of anonymous memory, so only where it must be. */
static bool is_memory_shared(const struct machine *m)
{
	for (uint32_t i = 0; i < m->instance_count; i++)
		if (m->instances[i]->plugin.flags & VOLT_FLAG_SHARED_MEMORY)
			return true;
	return false;
}

static int make_memory(struct machine *m)
{
	warn_of_memory(m->options->memory);
	m->memory.shared = VOLT_HAS_SHARING && is_memory_shared(m);
	if (VOLT_HAS_SNAPSHOT)
		m->memory.covered = m->restore != NULL;
	int err = memory_init(&m->memory, m->options->memory, m->options->hugepages);

	if (err)
		return err;
	err = restore_map(m);
	if (err)
		return err;
	err = kvm_map_memory(&m->kvm, &m->memory);
	if (err)
		return err;
	err = pages_map(&m->pages, &m->kvm);
	if (err)
		return err;
	err = regions_map(&m->memory, &m->kvm);
	if (err)
		return err;
	trace_mark("memory", "%llu MiB", (unsigned long long)(m->options->memory >> 20));
	return 0;
}

/* Such a guest runs, but it is mute: its console waits for an interrupt. */
static void warn_of_interrupts(const struct machine *m, const char *cmdline)
{
	if (m->irq.chip && cmdline_has(cmdline, "acpi=off"))
		log_warn("acpi=off: with plugin %s only a kernel with CONFIG_X86_MPPARSE gets "
			 "interrupts; for any other leave that plugin out",
		    m->irq.chip->id);
}

/* Where Linux looks for ttyS0 to ttyS3 on a PC. hvc0 is nowhere before its driver has found it. */
static const struct {
	const char *word;
	uint64_t port;
} consoles[] = {
    {"console=ttyS0", 0x3f8},
    {"console=ttyS1", 0x2f8},
    {"console=ttyS2", 0x3e8},
    {"console=ttyS3", 0x2e8},
    {"console=hvc0", 0},
};

static bool answers_port(const struct machine *m, uint64_t port)
{
	for (uint32_t i = 0; i < m->bus.count; i++)
		if (m->bus.ranges[i].space == VOLT_SPACE_PIO && m->bus.ranges[i].base <= port &&
		    m->bus.ranges[i].last >= port)
			return true;
	return false;
}

static bool has_hvc(const struct machine *m)
{
	for (uint32_t i = 0; i < m->instance_count; i++) {
		const struct volt_console *c = m->instances[i]->plugin.get_ext(VOLT_EXT_CONSOLE);

		if (c && strcmp(c->name, "hvc") == 0)
			return true;
	}
	return false;
}

static void warn_console(const char *word, uint64_t port)
{
	if (port)
		log_warn("the kernel command line has %s, but no plugin answers at port 0x%llx: "
			 "the guest's console goes nowhere; --plugin default adds the default "
			 "plugins",
		    word, (unsigned long long)port);
	else
		log_warn("the kernel command line has %s, but no plugin has such a console: the "
			 "guest's console goes nowhere",
		    word);
}

/* A kernel that writes to a console that is not there is mute, whatever happens to it. */
static void warn_consoles(const struct machine *m, const char *cmdline)
{
	for (size_t i = 0; i < sizeof(consoles) / sizeof(consoles[0]); i++) {
		const uint64_t port = consoles[i].port;

		if (cmdline_find(cmdline, consoles[i].word) &&
		    !(port ? answers_port(m, port) : has_hvc(m)))
			warn_console(consoles[i].word, port);
	}
}

static int load_kernel(struct machine *m, struct boot_entry *entry)
{
	const struct options *o = m->options;
	char cmdline[3 * CMDLINE_MAX];

	if (!share_add_words(
		o->shares, o->share_count, m->device_cmdline, sizeof(m->device_cmdline)) ||
	    !cmdline_make(cmdline, sizeof(cmdline),
		o->cmdline ? o->cmdline : plugins_default_cmdline, o->append, m->device_cmdline))
		return log_error(
		    E2BIG, "the kernel command line is longer than %zu bytes", sizeof(cmdline) - 1);
	warn_of_interrupts(m, cmdline);
	warn_consoles(m, cmdline);
	struct boot_module modules[BOOT_MODULE_MAX];
	for (uint32_t i = 0; i < o->module_count; i++)
		modules[i] = (struct boot_module){
		    m->module_fds[i], o->modules[i].file, o->modules[i].string};
	struct boot_request request = {
	    .memory = &m->memory,
	    .choice = o->boot,
	    .files = m->files,
	    .modules = modules,
	    .module_count = o->module_count,
	    .kernel_fd = m->kernel_fd,
	    .kernel_name = o->kernel,
	    .initrd_fd = m->initrd_fd,
	    .initrd_name = o->initrd,
	    .cmdline = cmdline,
	    .firmware = &m->firmware,
	};
	int err = boot_load(&request, entry);
	if (err)
		return err;
	/* It may run for minutes before it stops, and print nothing. */
	if (entry->is_linux && m->kvm.limit)
		log_warn("--kernel %s: %s; volt doctor has the details", o->kernel, m->kvm.limit);
	trace_mark("kernel loaded", "%s", entry->protocol);
	return 0;
}

static int make_vcpu(struct machine *m, uint32_t id, const struct vcpu_parts *parts,
    const struct boot_entry *entry, struct cpuid *host, struct cpuid *guest)
{
	struct vcpu *v = &m->vcpus[id];
	int err = vcpu_create(v, parts, id);

	if (err)
		return err;
	if (id == 0)
		vcpu_complete_cpuid(v, host);
	err = restore_cpuid(m, id, host, guest);
	return err ? err : vcpu_configure(v, guest, entry);
}

/* --cpu */
static int mask_cpuid(const struct machine *m, struct cpuid *host, uint32_t cpus)
{
	char why[512];

	if (cpuid_mask_apply(m->options->cpu, host, cpus, m->kvm.tsc_deadline, why, sizeof(why)))
		return 0;
	return log_host_error(EINVAL, "--cpu: the guest's CPU cannot be given here: %s", why);
}

static int give_state(struct machine *m)
{
	const int err = restore_kvm(m);

	return err ? err : identity_prepare(m, m->options->identity);
}

static int make_vcpus(struct machine *m, const struct boot_entry *entry)
{
	static struct cpuid host, cpuid;
	uint32_t cpus = m->firmware.cpus;
	const struct vcpu_parts parts = {.kvm = &m->kvm,
	    .memory = &m->memory,
	    .bus = &m->bus,
	    .irq = &m->irq,
	    .end = &m->end,
	    .count = cpus};
	int err = cpuid_init(&host, &m->kvm, cpus);

	if (err)
		return err;
	if (VOLT_HAS_SNAPSHOT && m->options->cpu) {
		err = mask_cpuid(m, &host, cpus);
		if (err)
			return err;
	}
	trace_mark("CPUID", "%u leaves", host.head.nent);
	m->tsc_invariant = cpuid_tsc_is_invariant(&host);
	m->cpuid = &cpuid;
	m->vcpus = aligned_alloc(_Alignof(struct vcpu), cpus * sizeof(struct vcpu));
	if (!m->vcpus)
		return log_error(ENOMEM, "no memory for %u vCPUs", cpus);
	memset(m->vcpus, 0, cpus * sizeof(struct vcpu));
	for (uint32_t i = 0; i < cpus; i++) {
		err = make_vcpu(m, i, &parts, entry, &host, &cpuid);
		if (err)
			return err;
	}
	err = seal_warm(m);
	if (err)
		return err;
	err = pause_wire(&m->pause, &(struct pause_parts){.loop = &m->loop,
					.end = &m->end,
					.irq = &m->irq,
					.instances = m->instances,
					.workers = m->workers,
					.vcpus = m->vcpus,
					.instance_count = m->instance_count,
					.worker_count = m->worker_count,
					.vcpu_count = cpus});
	if (err)
		return err;
	err = save_wire(m);
	if (err)
		return err;
	err = restore_plan(m);
	if (err)
		return err;
	if (!m->options->restore_wait || m->options->explain) {
		err = give_state(m);
		if (err)
			return err;
	}
	trace_mark("vCPU configured", "%u", cpus);
	return 0;
}

/* What was only needed to build the VM. /dev/kvm above all: with it a VM could be made. */
static void close_sources(struct machine *m)
{
	close(m->kvm.fd);
	if (m->kernel_fd >= 0)
		close(m->kernel_fd);
	if (m->initrd_fd >= 0)
		close(m->initrd_fd);
	for (uint32_t i = 0; i < BOOT_MODULE_MAX; i++) {
		if (m->module_fds[i] >= 0)
			close(m->module_fds[i]);
		m->module_fds[i] = -1;
	}
	m->kvm.fd = m->kernel_fd = m->initrd_fd = -1;
}

/* What explain must do as well: it shows the files and rules that this leaves. */
static int wire_outside(struct machine *m)
{
	const struct reporter_names names = names_of(m);
	int err = reporter_fd() >= 0 ? reporter_init(&names) : 0;

	if (err)
		return err;
	if (reporter_fd() >= 0 && (m->options->seccomp_report || m->options->seccomp_log))
		helper_reporter(m->options->seccomp_log);
	err = peers_wire(&m->peers);
	return err ? err : streams_take_terminal(&m->streams);
}

static int close_wiring(struct machine *m)
{
	const int err = wire_outside(m);

	close_sources(m);
	return err;
}

static int seal(struct machine *m)
{
	int err = close_wiring(m);

	if (err)
		return err;
	/* Threads inherit it; the kernel's slow work for the start is done. */
	err = events_hold_signals();
	if (err)
		return err;
	err = sealed_freeze();
	if (err)
		return err;
	err = seal_machine(m);
	if (err)
		return err;
	if (VOLT_HAS_SNAPSHOT && m->options->restore_wait) {
		err = restore_wait(m);
		if (err)
			return err;
	}
	err = seal_loop(m);
	if (err)
		return err;
	log_queue(events_wake_log, &m->events);
	return 0;
}

/* Of a start that failed `why` is empty: the log has it. */
static void tell_helper(const struct machine *m, int code)
{
	struct end_note note = {.code = code, .kind = m->end.kind};

	snprintf(note.why, sizeof(note.why), "%s",
	    m->end.why[0] ? m->end.why : "the VM could not be started; its log tells why");
	helper_finish(&note);
}

/* Everything that the seal would build, and then a page about it. */
static int prepare_explain(struct machine *m)
{
	int err = close_wiring(m);

	if (err)
		return err;
	err = seal_prepare(m);
	return err ? err : peers_start(&m->peers, NULL, NULL);
}

static int explain(struct machine *m)
{
	const int err = prepare_explain(m);
	const int code = err ? EXIT_SEAL : explain_print(m, m->options->json);

	tell_helper(m, code);
	return code < 0 ? EXIT_SEAL : code;
}

/* First callbacks, all under the seal. */
static int start_plugins(struct machine *m)
{
	for (uint32_t i = 0; i < m->instance_count; i++) {
		struct instance *p = m->instances[i];

		callee_lock(&p->callee);
		p->plugin.reset(p->callee.self);
		callee_unlock(&p->callee);
	}
	if (!m->restore)
		identity_tell(m);
	for (uint32_t i = 0; i < m->streams.count; i++)
		stream_begin(&m->streams.list[i]);
	for (uint32_t i = 0; i < m->instance_count; i++) {
		struct instance *p = m->instances[i];

		callee_lock(&p->callee);
		int err = p->plugin.start(p->callee.self);
		callee_unlock(&p->callee);
		if (err && !p->state->failed) /* else volt_fail() has said why */
			log_error(-err, "%s: start failed: %s", p->callee.id, strerror(-err));
		if (err)
			return err;
	}
	return 0;
}

static void report_counters(const struct machine *m)
{
	uint64_t exits = 0, misses = 0;

	if (log_level < VOLT_LOG_DEBUG)
		return;
	for (uint32_t i = 0; i < m->firmware.cpus; i++) {
		for (uint32_t kind = 0; kind < VCPU_EXIT_KINDS; kind++)
			exits += m->vcpus[i].exits[kind];
		misses += m->vcpus[i].stats.misses;
	}
	log_debug("exits %llu, accesses that nothing answered %llu", (unsigned long long)exits,
	    (unsigned long long)misses);
	for (uint32_t i = 0; i < m->instance_count; i++) {
		const struct instance *p = m->instances[i];
		const char *row = (const char *)p->plugin.counters;

		for (uint32_t c = 0; c < p->plugin.counter_count;
		     c++, row += p->plugin.counter_stride)
			if (p->host.counters[c] > 0)
				log_debug("%s: %s %llu", p->callee.id,
				    ((const struct volt_counter *)(const void *)row)->name,
				    (unsigned long long)p->host.counters[c]);
	}
}

/* Under the seal: nothing is freed or joined, the kernel takes all of it back at once. */
static _Noreturn void finish(struct machine *m)
{
	drain_workers(m); /* first: whoever is notified of the end may copy a disk */
	const uint64_t limit = clock_now() + DRAIN_NS;

	commands_report(m, VM_COMMANDS_ID, "ended", m->end.why);
	commands_deliver(m);
	for (uint32_t i = 0; i < m->streams.count; i++)
		stream_drain(&m->streams.list[i], limit);
	report_counters(m);
	tell_helper(m, m->end.code);
	log_set_raw(false);
	const bool failed = m->end.code == EXIT_KVM || m->end.code == EXIT_HOST;

	log_line(
	    failed ? VOLT_LOG_ERROR : VOLT_LOG_INFO, "%s; exit code %d", m->end.why, m->end.code);
	log_flush();
	_exit(m->end.code);
}

/* A failed step's exit code, but for what any step can run out of. (A kernel that does
 * not fit the guest's memory is no shortage of the host's.) */
static int fail_code(const struct machine *m, int code)
{
	if (log_saw_shortage() && code != EXIT_INPUT)
		return EXIT_RESOURCES;
	if (m->fail_code != 0)
		return m->fail_code;
	return log_saw_lack() && code == EXIT_PLUGIN ? EXIT_HOST : code;
}

static int fail(struct machine *m, int step_code)
{
	const int code = fail_code(m, step_code);

	/* Under the seal to release something is a system call that nobody asked for. */
	for (uint32_t i = m->sealed ? 0 : m->instance_count; i > 0; i--)
		if (m->instances[i - 1]->wired)
			m->instances[i - 1]->plugin.fini(m->instances[i - 1]->callee.self);
	tell_helper(m, code);
	log_flush();
	return code;
}

int machine_main(struct options *options)
{
	static struct machine machine;
	struct machine *m = &machine;
	struct boot_entry entry = {0};

	seal_init();
	m->options = options;
	m->pid = getpid();
	m->firmware.cpus = options->cpus;
	m->kernel_fd = m->initrd_fd = m->trace_fd = m->events.signal_fd = -1;
	memset(m->module_fds, -1, sizeof(m->module_fds));
	if (inherit_open_outputs(m) != 0)
		return fail(m, log_saw_shortage() ? EXIT_RESOURCES : EXIT_INPUT);
	if (inherit_open_inputs(m) != 0)
		return fail(m, log_saw_shortage() ? EXIT_RESOURCES : EXIT_INPUT);
	if (restore_open(m, options) != 0)
		return fail(m, EXIT_INPUT);
	if (save_open(m) != 0)
		return fail(m, EXIT_HOST);
	if (open_host(m) != 0)
		return fail(m, EXIT_HOST);
	if (make_loop(m) != 0)
		return fail(m, EXIT_HOST);
	if (wire_plugins(m) != 0)
		return fail(m, EXIT_PLUGIN);
	if (make_vm(m) != 0)
		return fail(m, EXIT_HOST);
	if (make_memory(m) != 0)
		return fail(m, EXIT_RESOURCES);
	if (make_interrupts(m) != 0)
		return fail(m, EXIT_HOST);
	if (m->kernel_fd >= 0 && load_kernel(m, &entry) != 0)
		return fail(m, EXIT_INPUT);
	if (make_vcpus(m, options->restore ? NULL : &entry) != 0)
		return fail(m, EXIT_HOST);
	if (options->explain)
		return explain(m);
	if (seal(m) != 0)
		return fail(m, EXIT_SEAL);
	if (start_plugins(m) != 0 || restore_plugins(m) != 0)
		_exit(fail(m, EXIT_PLUGIN));
	trace_mark("running", "%u vCPUs", m->firmware.cpus);
	if (m->trace_fd >= 0)
		trace_write(m->trace_fd);
	m->running_since_ns = clock_now();
	helper_tell_running();
	seal_release(m);
	loop_run(&m->loop);
	finish(m);
}
