/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * machine - the life of a VM.
 */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

struct options;

/* Builds, seals and runs a VM. Returns volt's exit code. */
int machine_main(struct options *options);

#endif
