/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_ioapic - what the groups of tests share. Numbers are the datasheet's, on purpose
 * not those of the plugin's own header.
 */
#ifndef TEST_IOAPIC_H
#define TEST_IOAPIC_H

#include <volt/fake_host.h>

/* After Volt's: cmocka makes a macro of fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct volt_plugin volt_plugin_ioapic;

#define BASE 0xfec00000ull

/* Low half of a redirection entry; the rest of the bits by name. */
#define FIXED    0x000u
#define LOWEST   0x100u
#define SMI      0x200u
#define NMI      0x400u
#define INIT     0x500u
#define EXTINT   0x700u
#define LOGICAL  0x800u
#define LOW      0x2000u /* polarity */
#define RIRR     0x4000u
#define LEVEL    0x8000u
#define MASK     0x10000u
#define DEST(id) ((uint32_t)(id) << 24) /* high half */

/* A running instance; destroy it with fake_host_destroy(). */
struct fake_host *start(const char *params);

uint32_t get(struct fake_host *f, uint8_t index);
void put(struct fake_host *f, uint8_t index, uint32_t val);
uint32_t get_low(struct fake_host *f, unsigned pin);
/* High half first, as Linux's __ioapic_write_entry() does. */
void put_entry(struct fake_host *f, unsigned pin, uint32_t low, uint32_t high);
void put_low(struct fake_host *f, unsigned pin, uint32_t low);
void pulse(struct fake_host *f, unsigned pin);
void put_eoi(struct fake_host *f, uint32_t vector);
uint32_t route_data(struct fake_host *f, unsigned pin);
uint64_t route_address(struct fake_host *f, unsigned pin);

int run_register_tests(void);
int run_interrupt_tests(void);
int run_message_tests(void);
int run_linux_tests(void);
int run_fuzz_tests(void);

#endif
