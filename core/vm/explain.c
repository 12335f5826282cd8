/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/output.h"
#include "core/vm/allowlist.h"
#include "core/vm/filters.h"
#include "core/vm/syscalls.h"
#include "core/vm/vm.h"

/* Values of arguments by their names. */
static const struct {
	const char *syscall, *name;
	uint32_t value;
	uint8_t arg;
} values[] = {
#define VALUE(syscall, arg, name) \
	{ \
		syscall, #name, (uint32_t)(name), arg \
	}
    VALUE("ioctl", 1, KVM_RUN),
    VALUE("ioctl", 1, KVM_IRQ_LINE),
    VALUE("ioctl", 1, KVM_SIGNAL_MSI),
    VALUE("ioctl", 1, KVM_SET_GSI_ROUTING),
    VALUE("ioctl", 1, KVM_KVMCLOCK_CTRL),
    VALUE("epoll_ctl", 1, EPOLL_CTL_ADD),
    VALUE("accept4", 3, SOCK_CLOEXEC | SOCK_NONBLOCK),
    VALUE("clock_gettime", 0, CLOCK_MONOTONIC),
    VALUE("clock_gettime", 0, CLOCK_REALTIME),
    VALUE("lseek", 2, SEEK_END),
    VALUE("madvise", 2, MADV_DONTNEED),
    VALUE("fallocate", 1, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE),
    VALUE("fallocate", 1, FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE),
#undef VALUE
};

/* The kernel looks at 32 bits of all of these arguments. */
static const char *value_name(const char *syscall, const struct volt_arg_test *t)
{
	const bool whole = t->op == VOLT_TEST_EQ || (t->mask & UINT32_MAX) == UINT32_MAX;

	for (size_t i = 0; whole && i < sizeof(values) / sizeof(values[0]); i++)
		if (values[i].value == t->value && values[i].arg == t->arg &&
		    strcmp(values[i].syscall, syscall) == 0)
			return values[i].name;
	return NULL;
}

static bool is_fd(const char *syscall, const struct volt_arg_test *t)
{
	return t->arg == 0 && syscall_argument(syscall, 0) == SYSCALL_DESCRIPTOR;
}

/* "fd", "arg 1", and for a descriptor that is not the first argument "arg 2: fd". */
static void argument_name(const char *syscall, uint8_t arg, char *text, unsigned size)
{
	const bool descriptor = syscall_argument(syscall, arg) == SYSCALL_DESCRIPTOR;

	if (descriptor && arg == 0)
		snprintf(text, size, "fd");
	else
		snprintf(text, size, descriptor ? "arg %u: fd" : "arg %u", arg);
}

void explain_test(const char *syscall, const struct volt_arg_test *t, char *text, unsigned size)
{
	const bool bytes = syscall_argument(syscall, t->arg) == SYSCALL_BYTES;
	const char *known = value_name(syscall, t);
	char name[16];

	argument_name(syscall, t->arg, name, sizeof(name));
	if (strcmp(syscall, "madvise") == 0 && t->arg == 0)
		snprintf(text, size, "the guest's memory");
	else if (known)
		snprintf(text, size, "%s", known);
	else if (t->op == VOLT_TEST_EQ && bytes)
		snprintf(text, size, "%llu bytes", (unsigned long long)t->value);
	else if (t->op == VOLT_TEST_EQ)
		snprintf(text, size, t->value < 1024 ? "%s %llu" : "%s 0x%llx", name,
		    (unsigned long long)t->value);
	else if (t->value == 0 && t->mask != 0 && (~t->mask & (~t->mask + 1)) == 0)
		snprintf(text, size, bytes ? "%.0s< %llu bytes" : "%s < %llu", name,
		    (unsigned long long)(~t->mask + 1));
	else
		snprintf(text, size, "%s & 0x%llx = 0x%llx", name, (unsigned long long)t->mask,
		    (unsigned long long)t->value);
}

static void print_addresses(const struct machine *m)
{
	printf("ADDRESSES\n");
	for (uint32_t i = 0; i < m->bus.count; i++) {
		const struct bus_range *r = &m->bus.ranges[i];

		char through[80];

		filters_list(r, through, sizeof(through));
		printf("  %-4s 0x%08llx-0x%08llx  %-10s %s%s%s\n",
		    r->space == VOLT_SPACE_PIO ? "port" : "mmio", (unsigned long long)r->base,
		    (unsigned long long)r->last, r->owner->id, r->name,
		    through[0] != '\0' ? ", through " : "", through);
	}
	printf("  ram  0x%08llx-0x%08llx", 0ull, (unsigned long long)m->memory.low_size - 1);
	if (m->memory.high_size > 0)
		printf(", 0x%llx-0x%llx", MEMORY_HIGH_START,
		    (unsigned long long)(MEMORY_HIGH_START + m->memory.high_size - 1));
	for (uint32_t i = 0, n = 0; i < m->instance_count; i++)
		if (m->instances[i]->plugin.flags & VOLT_FLAG_GUEST_MEMORY)
			printf("%s%s", n++ == 0 ? "; open to " : ", ", m->instances[i]->callee.id);
	printf("\nINTERRUPTS (to %s)\n ", m->irq.chip ? m->irq.chip->id : "KVM's irqchip");
	for (uint32_t i = 0; i < IRQ_LINES; i++)
		if (m->irq.lines[i].owner)
			printf(" %u %s (%s)", i, m->irq.lines[i].owner->id,
			    m->irq.lines[i].flags == VOLT_IRQ_LEVEL ? "level" : "edge");
	printf("\n");
}

static void print_doorbells(const struct machine *m)
{
	if (m->doorbells.count > 0)
		printf("DOORBELLS\n");
	for (uint32_t i = 0; i < m->doorbells.count; i++) {
		const struct doorbell *d = &m->doorbells.rows[i];
		char value[32] = "any value";

		if (d->match)
			snprintf(value, sizeof(value), "0x%llx", (unsigned long long)d->value);
		printf("  %-4s 0x%08llx %u bytes %-10s %s: by %s\n",
		    d->space == VOLT_SPACE_PIO ? "port" : "mmio", (unsigned long long)d->address,
		    d->width, value, d->owner->id, d->by_kvm ? "KVM" : "volt");
	}
}

/* Those that are linked in on one line, a line for each that is a file. */
static void print_plugins(const struct machine *m)
{
	const char *separator = "  linked into volt: ";

	printf("PLUGINS\n");
	for (uint32_t i = 0; i < m->instance_count; i++) {
		const struct instance *one = m->instances[i];

		if (!one->linked_in)
			continue;
		printf("%s%s", separator, one->callee.id);
		separator = ", ";
	}
	printf("%s", separator[0] == ',' ? "\n" : "");
	for (uint32_t i = 0; i < m->instance_count; i++)
		if (!m->instances[i]->linked_in)
			printf("  %-10s %s\n", m->instances[i]->callee.id, m->instances[i]->origin);
}

static bool is_next(const struct ledger_file *a, const struct ledger_file *b)
{
	return b->fd == a->fd + (int)a->count && strcmp(a->owner, b->owner) == 0 &&
	       strcmp(a->use, b->use) == 0;
}

/* Files of one owner and use on one line: "5-14 lock". */
static void print_files(const struct ledger *l)
{
	printf("FILES\n");
	for (uint32_t i = 0, next; i < l->file_count; i = next) {
		const struct ledger_file *f = &l->files[i];
		char range[24];

		for (next = i + 1; next < l->file_count; next++)
			if (!is_next(&l->files[next - 1], &l->files[next]))
				break;
		const int last = l->files[next - 1].fd + (int)l->files[next - 1].count - 1;
		snprintf(range, sizeof(range), last > f->fd ? "%d-%d" : "%d", f->fd, last);
		printf("  %-6s %s: %s\n", range, f->owner, f->use);
	}
}

/* The fds [*from, *to] that a rule's first test pins, if it does. */
static bool pinned_fds(const struct volt_rule *r, uint64_t *from, uint64_t *to)
{
	const struct volt_arg_test *t = &r->tests[0];

	if (r->test_count == 0 || !is_fd(r->syscall, t))
		return false;
	*from = t->value;
	*to = t->op == VOLT_TEST_EQ ? t->value : t->value + ~t->mask;
	return true;
}

/* True if they differ at most in the fds that they pin: what one line can tell. */
static bool same_kind(const struct volt_rule *a, const struct volt_rule *b)
{
	uint64_t from, to;
	uint32_t rest = pinned_fds(a, &from, &to) ? 1 : 0;

	return strcmp(a->syscall, b->syscall) == 0 && strcmp(a->asked_by, b->asked_by) == 0 &&
	       strcmp(a->reason, b->reason) == 0 && a->test_count == b->test_count &&
	       pinned_fds(b, &from, &to) == (rest == 1) &&
	       memcmp(a->tests + rest, b->tests + rest,
		   (a->test_count - rest) * sizeof(a->tests[0])) == 0;
}

/* The next rule from number `i` on that differs from `like` only in its fds; or their count. */
static uint32_t next_alike(const struct volt_thread *t, const struct volt_rule *like, uint32_t i)
{
	while (i < t->rule_count && !same_kind(&t->rules[i], like))
		i++;
	return i;
}

/* "fd 5, 7-9" for all rules from number `i` on that differ from it only in their fds. */
static void describe_fds(const struct volt_thread *t, uint32_t i, char *text, unsigned size)
{
	const struct volt_rule *like = &t->rules[i];
	uint64_t from, to, next_from, next_to;
	unsigned n = 0;

	while (i < t->rule_count && n < size && pinned_fds(&t->rules[i], &from, &to)) {
		i = next_alike(t, like, i + 1);
		for (; i < t->rule_count && pinned_fds(&t->rules[i], &next_from, &next_to) &&
		       next_from == to + 1;
		     i = next_alike(t, like, i + 1))
			to = next_to;
		n += (unsigned)snprintf(text + n, size - n, from == to ? "%s%llu" : "%s%llu-%llu",
		    n == 0 ? "fd " : ", ", (unsigned long long)from, (unsigned long long)to);
	}
}

static void print_rule(const struct volt_thread *t, uint32_t i)
{
	const struct volt_rule *r = &t->rules[i];
	char text[128] = "";
	uint64_t from, to;
	uint32_t rest = pinned_fds(r, &from, &to) ? 1 : 0;

	describe_fds(t, i, text, sizeof(text));
	for (uint32_t n = rest; n < r->test_count; n++) {
		size_t used = strlen(text);
		char test[48];

		explain_test(r->syscall, &r->tests[n], test, sizeof(test));
		snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? ", " : "", test);
	}
	printf("  %-12s %-28s %s: %s\n", r->syscall, text, r->asked_by, r->reason);
}

static void print_rules(const struct volt_thread *t)
{
	for (uint32_t i = 0; i < t->rule_count; i++) {
		bool first = true;

		for (uint32_t k = 0; k < i; k++)
			first = first && !same_kind(&t->rules[k], &t->rules[i]);
		if (first)
			print_rule(t, i);
	}
}

static unsigned count_syscalls(const struct ledger *l)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < l->call_count; i++) {
		uint32_t k = 0;

		while (strcmp(l->calls[k].rule.syscall, l->calls[i].rule.syscall) != 0)
			k++;
		n += k == i;
	}
	return n;
}

static void print_threads(const struct machine *m)
{
	uint32_t cpus = m->firmware.cpus;

	printf("SYSTEM CALLS: %u; %s\n", count_syscalls(&m->ledger),
	    !m->sandbox || m->options->no_seccomp ? "any other passes too"
	    : m->options->seccomp_log             ? "any other is logged"
						  : "any other kills the process");
	for (uint32_t i = 0; i < m->policy.table.thread_count; i++) {
		const struct volt_thread *t = &m->policy.threads[i];

		if (t->role == VOLT_ROLE_VCPU && t->index > 0)
			continue;
		printf(" thread %s", t->name);
		if (t->role == VOLT_ROLE_VCPU && cpus > 1)
			printf(" (the other %u alike, each with its own fd)", cpus - 1);
		printf("\n");
		print_rules(t);
	}
}

static void print_sandbox(const struct machine *m)
{
	struct volt_sandbox_report r = {.size = sizeof(r)};

	if (!m->sandbox) {
		printf("SANDBOX: none\n");
		return;
	}
	m->sandbox->sandbox->report(m->sandbox->callee.self, &r);
	printf("SANDBOX %s: %u system calls in %u BPF instructions; %s%s\n", m->sandbox->callee.id,
	    r.syscalls, r.instructions,
	    m->options->no_landlock ? "no Landlock" : "Landlock without a rule",
	    m->options->no_seccomp    ? "; seccomp off"
	    : m->options->seccomp_log ? "; seccomp only logs"
				      : "");
}

int explain_print(const struct machine *m, bool json)
{
	if (json)
		return explain_print_json(m);
	print_plugins(m);
	print_addresses(m);
	print_doorbells(m);
	print_files(&m->ledger);
	print_threads(m);
	print_sandbox(m);
	return output_end(false);
}
