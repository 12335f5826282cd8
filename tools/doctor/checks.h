/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * checks - each reads the host's files and facts and adds what it found.
 */
#ifndef TOOLS_DOCTOR_CHECKS_H
#define TOOLS_DOCTOR_CHECKS_H

#include "tools/doctor/findings.h"
#include "tools/doctor/host.h"

/* Virtualisation flags, being a VM oneself, the time stamp counter, known weaknesses. */
void check_cpu(struct findings *f, const struct host *h);
/* The module behind /dev/kvm and its parameters. */
void check_backend(struct findings *f, const struct host *h);
/* /dev/kvm itself: there, permitted, new enough. */
void check_kvm(struct findings *f, const struct host *h);
/* Whether a guest runs, how fast, and whose fault it is if not. */
void check_guest(struct findings *f, const struct host *h);
/* Landlock, seccomp and what else the seal is made of. */
void check_seal(struct findings *f, const struct host *h);
void check_memory(struct findings *f, const struct host *h);
/* Resource limits and cgroups. */
void check_limits(struct findings *f, const struct host *h);
void check_cgroups(struct findings *f, const struct host *h);

/* Capabilities that volt has a use for and can do without: number, name, what for. */
struct want {
	int number;
	const char *name, *use;
};
extern const struct want wants[];
extern const unsigned want_count;

#endif
