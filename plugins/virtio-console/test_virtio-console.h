/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_virtio-console - a guest's driver of a console, for the tests of virtio-console.
 */
#ifndef TEST_VIRTIO_CONSOLE_H
#define TEST_VIRTIO_CONSOLE_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <volt/fake_driver.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define RAM      0x100000u
#define RAM_SIZE 0x100000u
#define RING     16u
#define ROOM     256u /* bytes of each buffer that the driver gives */
#define LIBRARY  (UINT64_C(3) << 28 | UINT64_C(1) << 32)

/* Features and events, from the specification (virtio 5.3.3 and 5.3.6.2). */
#define SIZE        UINT64_C(1)
#define MULTIPORT   UINT64_C(2)
#define EMERG_WRITE UINT64_C(4)
enum {
	DEVICE_READY,
	DEVICE_ADD,
	DEVICE_REMOVE,
	PORT_READY,
	CONSOLE_PORT,
	RESIZE,
	PORT_OPEN,
	PORT_NAME,
};
#define CONTROL_RECEIVE  2u
#define CONTROL_TRANSMIT 3u

/* A control message as the driver reads it. */
struct said {
	uint32_t port;
	uint16_t event, value;
	uint32_t more; /* bytes behind the header */
	const uint8_t *bytes;
};

extern const struct volt_plugin volt_plugin_virtio_console;
extern struct fake_host *host;
extern struct fake_driver *driver;

int run_hostile_tests(void); /* how many failed */

/* A running device, whose driver has not begun. */
void wire(const char *params);
/* And a driver with these features of the device, with `queues` queues; buffers are in those that
 * the device writes. */
void begin(const char *params, uint64_t features, unsigned queues);
int teardown(void **state);

void give(unsigned q, unsigned buffers);
void settle(void);
/* Sends a chain of one readable segment. False: it did not come back. */
bool guest_sends(unsigned q, const void *bytes, size_t n);
/* The next buffer of queue q that the device has written, and gives another. Returns its bytes, or
 * NULL: there is none. */
const uint8_t *guest_gets(unsigned q, uint32_t *n);

void control(uint32_t port, uint16_t event, uint16_t value);
bool hears(struct said *s);
void expect_said(uint32_t port, uint16_t event, uint16_t value, const void *bytes, uint32_t n);
void expect_silence(void);
/* The driver adds port n, and opens it. */
void open_port(uint32_t port);

#endif
