/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/identity.h - which of many equal VMs this one is: extension "volt.identity/1".
 *
 * Stability: candidate. Any number of VMs can go on from one snapshot (volt/state.h), and each
 * has the same memory. A plugin whose device tells its guest so, or that must not do what
 * another one does (send with one address, draw the same numbers), offers this table.
 */
#ifndef VOLT_IDENTITY_H
#define VOLT_IDENTITY_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_IDENTITY "volt.identity/1"

/* Why the VM has a new identity. */
#define VOLT_IDENTITY_BOOTED   1u /* it was started with a kernel */
#define VOLT_IDENTITY_RESTORED 2u /* it goes on from a snapshot, and others may do so as well */

/* What the operator said of this VM, by --identity. */
struct volt_identity_pair {
	const char *key;   /* [a-z][a-z0-9-]{0,31}, distinct */
	const char *value; /* printable ASCII, 255 characters at most */
};

#define VOLT_IDENTITY_PAIRS 32u   /* at most */
#define VOLT_IDENTITY_BYTES 3072u /* of all keys and values, and two bytes more for each pair */

/* The host's, valid during the call. */
struct volt_identity {
	uint32_t size;
	uint32_t reason;        /* VOLT_IDENTITY_* */
	uint8_t generation[16]; /* random; no other start or restore has had it */
	/* Nanoseconds since 1970 (UTC) on the host's clock, and the time-stamp counter of the
	 * guest at that instant. */
	uint64_t realtime_ns, tsc;
	/* Ticks of that counter in a second; 0: it has no constant rate, or the host does not know
	 * where it stands, and `tsc` is 0. */
	uint64_t tsc_hz;
	uint32_t pair_stride, pair_count;       /* bytes of a row, and how many rows */
	const struct volt_identity_pair *pairs; /* NULL if there is none */
	const char *name; /* of this VM among its operator's (--name); NULL: it has none */
};

/* What the plugin offers. */
struct volt_identified {
	uint32_t size, reserved;
	/* [loop] The VM has this identity from here on: after reset and before start of a VM that
	 * is booted; after the fields of all instances were restored, and before any resume, of one
	 * that goes on. Once in the life of a process, and no vCPU has run yet. The guest is told
	 * in resume, as interrupt lines work again only then. Never NULL. */
	void (*identify)(void *self, const struct volt_identity *identity);
};

/* The value of `key`, or NULL. */
static inline const char *volt_identity_value(const struct volt_identity *i, const char *key)
{
	const char *row = (const char *)i->pairs;

	for (uint32_t n = 0; n < i->pair_count; n++, row += i->pair_stride) {
		const struct volt_identity_pair *p =
		    (const struct volt_identity_pair *)(const void *)row;
		const char *a = p->key, *b = key;

		while (*a && *a == *b) {
			a++;
			b++;
		}
		if (*a == *b)
			return p->value;
	}
	return NULL;
}

#ifdef __cplusplus
}
#endif

#endif
