/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* What the test files of this plugin share. */
#ifndef I8042_TEST_I8042_H
#define I8042_TEST_I8042_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define DATA    0x60
#define COMMAND 0x64
#define STATUS  0x64

#define OBF     0x01
#define IBF     0x02
#define SYS     0x04
#define A2      0x08
#define LOCK    0x10
#define AUXB    0x20
#define TIMEOUT 0x40

#define KBD 1
#define AUX 12

extern const struct volt_plugin volt_plugin_i8042;

/* A running instance, and its end. */
struct fake_host *boot(const char *params);
int setup(void **state);
int teardown(void **state);

void command(struct fake_host *f, uint8_t cmd);
void command_data(struct fake_host *f, uint8_t cmd, uint8_t data);
/* Asserts that a byte is there and, if so, of which side; returns it. */
uint8_t take(struct fake_host *f, uint8_t side);
void assert_empty(struct fake_host *f);
uint8_t command_byte(struct fake_host *f);
/* Reads until nothing is there; returns how many bytes that took. */
unsigned drain(struct fake_host *f);

int run_device_tests(void);
int run_guest_tests(void);
int run_hostile_tests(void);

#endif
