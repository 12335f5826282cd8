/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * Who this guest is, by the page of the plugin vmgenid, and what time it is, by that of vmclock:
 * volt-vmgenid(7), volt-vmclock(7).
 */
#ifndef VOLT_INIT_IDENTITY_H
#define VOLT_INIT_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IDENTITY_PAGE = 4096, IDENTITY_TEXT = 3072, IDENTITY_RESTORED = 2 };

struct identity {
	uint32_t sequence, reason;
	uint8_t generation[16];
	uint64_t realtime_ns;
	char text[IDENTITY_TEXT + 1]; /* lines "key=value" */
};

/* Where the ACPI device `id` has its page, by the text of /proc/iomem; 0: there is none. */
uint64_t identity_find(const char *iomem, const char *id);
/* False: it is not such a page, or the host is writing it. */
bool identity_read(const volatile uint8_t *page, struct identity *id);
/* The value of `key` into `value`; false: it is not told, or longer than that. */
bool identity_value(const struct identity *id, const char *key, char *value, size_t size);
/* Nanoseconds since 1970 at this value of the time-stamp counter, by the page of VMClock; 0: it
 * does not tell. */
uint64_t identity_time(const volatile uint8_t *page, uint64_t counter);
/* "192.0.2.7/24" in network byte order. */
bool identity_address(const char *text, uint32_t *address, uint32_t *netmask);
bool identity_mac(const char *text, uint8_t mac[6]);

/* --- identity_watch.c */
/* Starts a process that acts whenever the guest goes on from a snapshot; nothing without the
 * plugin vmgenid. */
void identity_watch(void);

#endif
