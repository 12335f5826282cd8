/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/seal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/log.h"
#include "core/machine.h"
#include "core/trace.h"

#define STACK_SIZE (128u << 10) /* handlers format short messages, nothing more */

/* How far the threads are; words that futexes wait on. */
static struct {
	uint32_t sealed;  /* threads that entered their filter */
	uint32_t failed;  /* threads that could not */
	uint32_t go;      /* 1: run the guest */
	uint32_t forever; /* never changes: a vCPU whose VM ended waits here */
} gate;

static void wait_while(uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void advance(uint32_t *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static int enter_thread(struct machine *m, uint32_t thread)
{
	struct instance *s = m->sandbox;

	return s != NULL ? s->sandbox->enter_thread(s->self, thread) : 0;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;

	pthread_setname_np(pthread_self(), v->machine->policy.storage[POLICY_VCPU(v->id)].name);
	if (enter_thread(v->machine, POLICY_VCPU(v->id)) != 0)
		__atomic_fetch_add(&gate.failed, 1, __ATOMIC_SEQ_CST);
	advance(&gate.sealed);
	wait_while(&gate.go, 0);
	vcpu_run(v);
	/* Not ended: the memory that other threads still use stays as it is. */
	for (;;)
		wait_while(&gate.forever, 0);
	return NULL;
}

static int start_threads(struct machine *m)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (uint32_t i = 0; i < m->firmware.cpus; i++) {
		int err = pthread_create(&m->vcpus[i].thread, &attr, vcpu_thread, &m->vcpus[i]);

		if (err != 0)
			return log_error(
			    err, "cannot start the thread of vCPU %u: %s", i, strerror(err));
	}
	pthread_attr_destroy(&attr);
	return 0;
}

/* A thread that exists before the sandbox is entered would stay outside of parts of it.
 * The only one that may is the kernel's own helper of KVM. */
static int check_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int err = 0;

	if (d == NULL)
		return log_error(errno, "cannot read /proc/self/task: %s", strerror(errno));
	while (err == 0 && (e = readdir(d)) != NULL) {
		char path[300], name[32] = "";
		FILE *f;

		if (e->d_name[0] == '.' || strtol(e->d_name, NULL, 10) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (f != NULL) {
			if (fgets(name, sizeof(name), f) == NULL)
				name[0] = '\0';
			fclose(f);
		}
		name[strcspn(name, "\n")] = '\0';
		if (strncmp(name, "kvm-", 4) != 0)
			err = log_error(EPERM,
			    "a thread named \"%s\" was started before the seal: plugins must not "
			    "start threads",
			    name);
	}
	closedir(d);
	return err;
}

static void trace_sandbox(struct machine *m)
{
	struct volt_sandbox_report r = {.size = sizeof(r)};

	m->sandbox->sandbox->report(m->sandbox->self, &r);
	if (r.landlock_abi > 0)
		trace_mark("Landlock", "ABI %u, no rule", r.landlock_abi);
	else
		trace_mark("Landlock", "not entered");
	trace_mark("capabilities", "%s", r.capabilities);
	trace_mark("seccomp", "%u system calls, %u BPF instructions", r.syscalls, r.instructions);
}

int seal_machine(struct machine *m)
{
	const struct volt_sandbox *sandbox = m->sandbox != NULL ? m->sandbox->sandbox : NULL;
	uint32_t cpus = m->firmware.cpus;
	int err = check_threads();

	if (err == 0)
		err = policy_build(&m->policy, m);
	if (err == 0 && sandbox != NULL)
		err = sandbox->prepare(m->sandbox->self, &m->policy.table);
	if (err == 0 && sandbox != NULL)
		err = sandbox->enter_process(m->sandbox->self);
	if (err == 0)
		err = start_threads(m);
	if (err != 0)
		return err;
	for (uint32_t n; (n = __atomic_load_n(&gate.sealed, __ATOMIC_SEQ_CST)) < cpus;)
		wait_while(&gate.sealed, n);
	if (gate.failed > 0)
		return log_error(
		    EPERM, "%u vCPU threads could not enter their sandbox", gate.failed);
	if (sandbox != NULL)
		trace_sandbox(m);
	m->sealed = true;
	return enter_thread(m, POLICY_LOOP);
}

void seal_release(struct machine *m)
{
	advance(&gate.go);
}
