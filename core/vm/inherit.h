/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * inherit - standard streams, signals, environment and descriptors as volt's parent left them, and
 * how volt puts them in order.
 */
#ifndef CORE_INHERIT_H
#define CORE_INHERIT_H

struct ledger;
struct machine;

/* The first step: opens missing standard descriptors, sets signals to their defaults, and clears
 * the environment once the folder of the user's kernels is read from it. If the
 * environment told the dynamic linker what to load, volt starts itself anew without it; `argv` is
 * what it was started with. 0 or -errno, which is logged. */
int inherit_clean(char **argv);
/* Opens log and trace and reads the allowlist. 0 or -errno, which is logged. */
int inherit_open_outputs(struct machine *m);
/* Opens kernel and initrd, and only then closes all other inherited descriptors, so that a name
 * such as /dev/fd/5 works for them. 0 or -errno, which is logged. */
int inherit_open_inputs(struct machine *m);

/* Puts the files into the ledger that the two functions above opened and that are still open. */
void inherit_declare(const struct machine *m, struct ledger *l);

/* [wire] After the plugins: closes files that `fd:N` kept open and no plugin took. */
void inherit_close_rest(const struct machine *m);

#endif
