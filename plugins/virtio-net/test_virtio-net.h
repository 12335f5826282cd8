/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_virtio-net - a card under the fake host, with a driver and a peer, for both files of tests.
 */
#ifndef TEST_VIRTIO_NET_H
#define TEST_VIRTIO_NET_H

#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <volt/fake_driver.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define RAM      0x100000u
#define RAM_SIZE 0x80000u
#define OUT      (RAM + 0x10000) /* where the guest's frames lie */
#define IN       (RAM + 0x20000) /* and those that it gets */

#define RX 0u
#define TX 1u

#define HEADER  12u
#define LIBRARY (UINT64_C(3) << 28 | UINT64_C(1) << 32)
#define CSUM    (UINT64_C(1) << 0)
#define MTU     (UINT64_C(1) << 3)
#define MAC     (UINT64_C(1) << 5)
#define GCSUM   (UINT64_C(1) << 1)
#define GTSO4   (UINT64_C(1) << 7)
#define GTSO6   (UINT64_C(1) << 8)
#define GECN    (UINT64_C(1) << 9)
#define GUSO    (UINT64_C(3) << 54)
#define HUSO    (UINT64_C(1) << 56)
#define TSO     (UINT64_C(1) << 11 | UINT64_C(1) << 12 | UINT64_C(1) << 13)
#define MERGE   (UINT64_C(1) << 15)
#define STATUS  (UINT64_C(1) << 16)
#define BOTH    (LIBRARY | MTU | MAC | MERGE | STATUS)

#define CTRL_VQ       (UINT64_C(1) << 17)
#define CTRL_RX       (UINT64_C(1) << 18)
#define CTRL_VLAN     (UINT64_C(1) << 19)
#define CTRL_EXTRA    (UINT64_C(1) << 20)
#define ANNOUNCES     (UINT64_C(1) << 21)
#define MQ            (UINT64_C(1) << 22)
#define CTRL_MAC      (UINT64_C(1) << 23)
#define CTRL_OFFLOADS (UINT64_C(1) << 2)
#define CONTROLS      (CTRL_VQ | CTRL_RX | CTRL_VLAN | CTRL_EXTRA | ANNOUNCES | CTRL_MAC)

extern const struct volt_plugin volt_plugin_virtio_net;

extern struct fake_host *host;
extern struct fake_driver *driver;
extern int peer;
extern unsigned long tap_told; /* offloads */
/* Queues of the tap: those that are attached, how often one was switched, and whether it may be. */
extern unsigned attached, switches;
extern bool tap_refuses;

void begin(const char *params, uint64_t features);
void begin_tap(uint64_t features);
void begin_socket(uint64_t features);
int teardown(void **state);
uint8_t *at(uint64_t gpa);
void fill(uint8_t *p, size_t n, unsigned seed);
bool is_filled(const uint8_t *p, size_t n, unsigned seed);
size_t far_frame(uint8_t *to, size_t n, unsigned seed);
void far_writes(const uint8_t *from, size_t n);
void far_is_ready(uint32_t worker, int fd);
int near_end(void);
void frames_came(void);
void offer(uint64_t gpa, uint32_t n);
long received(void);
uint64_t count(const char *name);
void refused(const char *params, const char *why);
uint32_t link_status(void);
/* The rest of the tests. */
int run_control_tests(void);
int run_rebind_tests(void);

#endif
