/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * seal - ends the wiring: threads, policy, sandbox, in that order and once.
 */
#ifndef CORE_SEAL_H
#define CORE_SEAL_H

struct machine;

/* Registers the locks of the start. First of all. */
void seal_init(void);
/* The first KVM_RUN, for KVM's slow work and its helper thread; the vCPUs are there. 0 or -errno,
 * which is logged. */
int seal_warm(struct machine *m);
/* Gathers and compiles the policy; enforces nothing. 0 or -errno, which is logged. */
int seal_prepare(struct machine *m);
/* Confines the process and makes the vCPU and worker threads, each of which enters its filter by
 * itself; a VM that waits for "go" waits for them here. 0 or -errno, which is logged: then no guest
 * may run. */
int seal_machine(struct machine *m);
/* Confines the loop's thread, and returns with the others in their filters and waiting. 0 or
 * -errno, which is logged: then no guest may run. */
int seal_loop(struct machine *m);
/* Lets the vCPU threads into the guest. */
void seal_release(struct machine *m);

#endif
