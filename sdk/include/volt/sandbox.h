/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/sandbox.h - what a plugin of VOLT_KIND_SANDBOX offers: "volt.sandbox/1".
 *
 * Stability: candidate. The core gathers the policy (what each thread may do, and who
 * asked for it); a sandbox plugin makes the kernel hold the process to it. Order:
 *
 *   enter_early    before any device plugin is loaded
 *   prepare        everything is wired; one thread still; enforce nothing yet
 *   enter_process  one thread still: what every later thread will inherit
 *   enter_thread   on each thread, as its last act before callbacks or guest run;
 *                  the main thread (VOLT_ROLE_LOOP) comes last
 *
 * Each returns 0, or what volt_fail() returned: then no guest runs. A layer that
 * the host lacks is a failure, never a silent downgrade, unless its VOLT_POLICY_NO_
 * flag is set.
 */
#ifndef VOLT_SANDBOX_H
#define VOLT_SANDBOX_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_SANDBOX "volt.sandbox/1"

#define VOLT_POLICY_NO_SECCOMP  1u /* the user typed --no-seccomp */
#define VOLT_POLICY_NO_LANDLOCK 2u /* the user typed --no-landlock */
#define VOLT_POLICY_LOG         4u /* log what would have been killed, and let it pass */
/* volt.uring/1: the host makes rings before the seal, and a worker's rules may name
 * io_uring_enter: enter_early() must let both pass. */
#define VOLT_POLICY_RINGS 8u

/* One allowed system call of one thread. All tests must hold; several rules for one
 * call are alternatives. */
struct volt_rule {
	const char *syscall;  /* Linux name */
	const char *asked_by; /* "core" or an instance's id */
	const char *reason;   /* one line */
	uint32_t test_count;  /* 0..VOLT_TEST_MAX */
	uint32_t reserved;
	struct volt_arg_test tests[VOLT_TEST_MAX]; /* never VOLT_TEST_FD_PARAM here */
};

/* A thread that will call enter_thread() with its index in this table. */
struct volt_thread {
	uint32_t role;                 /* VOLT_ROLE_* */
	uint32_t index;                /* number within the role: the vCPU's id */
	const char *name;              /* as in `ps` */
	const struct volt_rule *rules; /* all that it may do; see stride and count */
	uint16_t rule_stride;          /* bytes of a row of rules */
	uint16_t reserved;
	uint32_t rule_count; /* 0..: rows of rules */
};

/* What the kernel shall hold the process to. */
struct volt_policy {
	uint32_t size;
	uint32_t flags;         /* VOLT_POLICY_* */
	uint16_t thread_stride; /* bytes of a row of threads */
	uint16_t reserved;
	uint32_t thread_count;             /* rows of threads */
	const struct volt_thread *threads; /* all that there will be */
	uint32_t max_fd;                   /* highest file descriptor in use at the seal */
	uint32_t reserved2;
};

/* What was built, for the trace and `volt explain`. */
struct volt_sandbox_report {
	uint32_t size;
	uint32_t syscalls;     /* distinct calls allowed on any thread */
	uint32_t instructions; /* BPF instructions of all filters together */
	uint32_t landlock_abi; /* 0: not entered */
	char capabilities[64]; /* e.g. "all sets empty" */
};

/* What the plugin offers. */
struct volt_sandbox {
	uint32_t size, reserved;
	/* [wire] No new privileges, no capabilities, resource limits that loading
	 * can live with. `flags` as in struct volt_policy. Returns 0, or what volt_fail()
	 * returned. Required. */
	int (*enter_early)(void *self, uint32_t flags);
	/* [wire] Compiles the policy, which lives until fini. Returns 0, or what volt_fail()
	 * returned. Required. */
	int (*prepare)(void *self, const struct volt_policy *policy);
	/* [wire] Everything that holds for the whole process. Returns 0, or what volt_fail()
	 * returned. Required. */
	int (*enter_process)(void *self);
	/* [loop] [io] [worker] On the thread itself. `thread` indexes the policy's table. Returns
	 * 0, or what volt_fail() returned. Required. */
	int (*enter_thread)(void *self, uint32_t thread);
	/* [wire] after prepare. Fills *report, whose size the host has set. Required. */
	void (*report)(void *self, struct volt_sandbox_report *report);
	/* [any] The name of a system call, or NULL. Called in another process as well. NULL slot:
	 * names none. */
	const char *(*call_name)(void *self, int number);
};

#ifdef __cplusplus
}
#endif

#endif
