/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * bpf - runs a seccomp program in user space, for tests.
 */
#ifndef SANDBOX_BPF_H
#define SANDBOX_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>

/* The program's verdict (SECCOMP_RET_*) on one system call. Aborts on a program that
 * the kernel would refuse. */
uint32_t bpf_run(const struct sock_filter *code, uint32_t count, const struct seccomp_data *data);

#endif
