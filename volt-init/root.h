/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * A root file system on a disk: root=, rootfstype=, rootflags=, ro and rw as for Linux
 * (Documentation/admin-guide/kernel-parameters.txt), and init=.
 */
#ifndef VOLT_INIT_ROOT_H
#define VOLT_INIT_ROOT_H

#include <stdbool.h>

enum root_result { ROOT_NONE, ROOT_FAILED, ROOT_READY };

/* Finds the device that root= names, waits for it, mounts it and makes it the root. ROOT_NONE:
 * nothing is asked for, or there is a disk below already. ROOT_FAILED is told on the console. */
enum root_result root_switch(const char *cmdline);

/* Mounts what each volt.share=DEVICE,FOLDER[,rw] names, once the root is there; the device is named
 * as for root=, or TAG=NAME stands for a folder of the host (virtio-fs). False: one cannot be,
 * which is told on the console. */
bool root_mount_shares(const char *cmdline);

/* Becomes the root's own init; returns only if there is none that can be run, which is told. */
void root_run_init(const char *cmdline, char **args);

#endif
