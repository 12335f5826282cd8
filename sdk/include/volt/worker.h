/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/worker.h - threads for work that may block, from the host: "volt.worker/1".
 *
 * Stability: candidate. The core makes the thread, confines it like every other one and only
 * then calls the plugin: a plugin that starts a thread itself is refused at the seal.
 */
#ifndef VOLT_WORKER_H
#define VOLT_WORKER_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_WORKER "volt.worker/1"

/* What of a file a worker waits for. */
#define VOLT_WATCH_READ  1u /* there is something to read, or its end */
#define VOLT_WATCH_WRITE 2u /* there is room to write */

/*
 * What the host gives.
 *
 * A run is one call of the job. Posts, doorbells with VOLT_DOORBELL_POST and watched files
 * all ask for one; what comes while none runs is one run, and what comes during a run is one
 * more after it. A job cannot tell what woke it, so it looks at everything that it serves.
 *
 * post() is a barrier: whatever the caller wrote before it is seen by the run that follows;
 * and what a run wrote is seen by whom run() returns to.
 *
 * A worker that watches files waits for them and for posts in one system call, which the core
 * allows on that worker's thread alone (epoll_pwait2, on an epoll made before the seal); one that
 * watches none waits in a read. Whatever came until it wakes is one run. From the moment
 * that the host stops the workers for a pause until the VM goes on, files ask for no run; what
 * they would have asked for is one run afterwards.
 *
 * Before volt.state/1's pause() the host stops the vCPUs and then has every worker run once
 * more, so that what the guest kicked last is served. A run that does not end within the
 * pause's deadline keeps the VM from being paused: it goes on, and no pause() is called.
 *
 * reset() and pause() find workers as they are: a run may be under way. The
 * plugin tells its jobs to stop (a flag that they look at) and calls run(); then no job touches
 * the device until something asks for a run. A job must therefore end soon after its device
 * is told to stop: it may block only in calls that end by themselves, as on a disk, or
 * that watch() has made needless. Between pause() and resume() nothing runs but what the plugin
 * asks for.
 */
struct volt_worker {
	uint32_t size, reserved;
	/* [wire] Makes a worker. `job` [worker] runs on the worker's own thread, outside
	 * the instance's lock: it may overlap every other callback but itself, may block,
	 * and may make the system calls that the plugin's needs name for
	 * VOLT_ROLE_WORKER. It is told its worker, so one function serves many. `name` shows
	 * in `ps`; 1 to 15 bytes of [A-Za-z0-9_-]; copied. 0; -EINVAL: another name, or no job;
	 * -ENOSPC: more than 64 in the VM; -EPERM after the seal. */
	int (*add)(const struct volt_host *h, const char *name,
	    void (*job)(void *self, uint32_t worker), uint32_t *worker);
	/* [any] Runs the job soon: at least once after the last post. Results come back
	 * through volt.loop/1 (a timer armed for now), pulse() or set_irq(). */
	void (*post)(const struct volt_host *h, uint32_t worker);
	/* From here on since ABI 0.3: check VOLT_HAS(). */

	/* [wire] The job also runs when something of `events`, a mask of VOLT_WATCH_*, becomes so
	 * of `fd`, a descriptor of one of the instance's parameters. Edge-triggered: what the job
	 * leaves behind is not told again, so it reads or writes until EAGAIN, or comes back by a
	 * post. 0; -EINVAL: not the instance's worker, descriptor, or no such event; -EEXIST: the
	 * worker watches it already; -EOPNOTSUPP: a file that is always ready; -ENOSPC: more than
	 * 16 of one worker, or more than the host lets its user watch; -EPERM after the seal. */
	int (*watch)(const struct volt_host *h, uint32_t worker, int32_t fd, uint32_t events);
	/* [loop] [io] Posts, and returns when a run that began afterwards has ended. The caller may
	 * hold the instance's lock, so the job must not need it, nor anybody whom it waits for. Not
	 * from a job. 0; -EINVAL: not the instance's worker; -EAGAIN while wiring, and until
	 * `start` has returned: then workers do not run yet. */
	int (*run)(const struct volt_host *h, uint32_t worker);
	/* [wire] The job also runs when another process writes to an eventfd, which event_fd()
	 * gives after the seal. Nobody reads it, and that process may do with it what it likes: a
	 * run is all that it can cause. One of each worker; asking twice changes nothing. 0;
	 * -EINVAL: not the instance's worker; -EPERM after the seal.
	 */
	int (*add_event)(const struct volt_host *h, uint32_t worker);
	/* [any] The descriptor: the host's, not to be closed or read. -EINVAL: the worker has none;
	 * -EAGAIN while wiring. */
	int (*event_fd)(const struct volt_host *h, uint32_t worker);
};

#ifdef __cplusplus
}
#endif

#endif
