/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * kit - what the tests of the core's parts share: a machine without KVM, plugin
 * instances made by hand, a log that can be read, and children that may die.
 */
#ifndef TESTS_CORE_KIT_H
#define TESTS_CORE_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/vm/vm.h"

/* ------------------------------------------------------------------- the log */

/* Log lines go to a memfd from now on. */
void kit_log_start(void);
void kit_log_clear(void);
/* All lines since; valid until the next call. */
const char *kit_log(void);
unsigned kit_log_lines(void);
bool kit_logged(const char *part);

/* ------------------------------------------------------------------- machine */

/* Address table, interrupt lines and loop are there; KVM, memory and vCPUs are not. */
struct machine *kit_machine(void);
/* Takes back all that the parts allocated; the program itself never frees any of it. */
void kit_machine_finish(struct machine *m);
void kit_bus_finish(struct bus *b);

/* An instance that no plugin stands behind: only its id, its state and its lock. It lives
 * until kit_owners_finish(), which kit_machine_finish() calls. */
void kit_owner(struct callee *i, const char *id, void *self);
void kit_owners_finish(void);
/* True while somebody holds the instance's lock. */
bool kit_locked(const struct callee *i);
/* Before a test starts threads: locks can be waited for from now on. */
void kit_arm_locks(void);
/* As the plugin loader does it: created and put into the machine, not yet wired. NULL: refused. */
struct instance *kit_instance(struct machine *m, const struct volt_plugin *d, const char *text);
/* Opens the machine's next stream. 0 or -errno; kit_why has the reason. */
int kit_stream(struct machine *m, struct callee *owner, const char *text);
extern char kit_why[256];

/* Runs the loop until `done` says so, looking once a turn; false: not within `ms`. */
bool kit_run_until(struct machine *m, bool (*done)(void *arg), void *arg, unsigned ms);
/* Has kit_run_until() look at once, without a turn of the loop more than there would be:
 * for callbacks of tests, and as a prepare callback. */
void kit_look(void *unused);
/* Runs the loop for `ms`; returns how many turns it took. */
unsigned kit_run(struct machine *m, unsigned ms);

/* --------------------------------------------------------------------- others */

/* Runs `body` in a forked child, silenced; returns its wait status. A child that returns
 * from `body` exits with what that returned. */
int kit_child(int (*body)(void *arg), void *arg);
/* True if `body` dies of a memory fault. */
bool kit_faults(int (*body)(void *arg), void *arg);

/* A path in this test's own folder, which kit_remove_dir() removes with all in it. */
const char *kit_path(const char *name);
void kit_remove_dir(void);
/* What a file holds, NUL-terminated; static. */
const char *kit_file(const char *path, size_t *size);

#endif
