/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * declare - asks every part of the VM for its open files and its system calls, and makes the
 * policy of them. A part that opens a file writes an X_declare() (core/base/ledger.h) and gets its
 * line here; there is no other list.
 */
#ifndef CORE_DECLARE_H
#define CORE_DECLARE_H

struct machine;

/* When all files are open: fills m->ledger and m->policy, and refuses what no plugin may have. 0
 * or -errno, which is logged. */
int declare_policy(struct machine *m);

#endif
