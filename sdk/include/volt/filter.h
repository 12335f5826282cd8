/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/filter.h - layers around a device, from the plugin: extension "volt.filter/1".
 *
 * Stability: candidate. A filter is a plugin of kind VOLT_KIND_FILTER. The user puts it on a
 * device with --filter NAME,on=ID: every access to that device then goes through the
 * filter, which may look at it, change it, answer it or drop it. Several may be put on one
 * device; the first that is named is nearest to the guest. A filter has every service of
 * the host, parameters and counters like a device; but if it claims an interrupt line it is
 * refused on an irqchip plugin, whose lock comes after that of every line. A device notices nothing
 * of it, and one without a filter pays nothing.
 */
#ifndef VOLT_FILTER_H
#define VOLT_FILTER_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_FILTER "volt.filter/1"

/* One access of a guest, already cut to what the range allows: offset + n <= len, and n
 * is in the range's sizes. */
struct volt_access {
	uint32_t size;
	uint32_t vcpu;   /* number of the vCPU that does it, from 0 */
	uint64_t offset; /* bytes from the range's base */
	uint64_t value;  /* what a write writes, bits above 8 * n are 0; 0 for a read */
	uint8_t n;       /* 1, 2, 4 or 8 bytes */
	uint8_t write;   /* 1: write, 0: read */
	uint16_t reserved;
	uint32_t reserved2;
};

/* What lies below a filter at one range: the next filter, or the device. Made by the host,
 * read-only, lives until fini; its address tells ranges apart. */
struct volt_layer {
	uint32_t size;
	uint32_t range;     /* number of the range among the device's, from 0, ports first */
	const char *device; /* id of the device */
	const char *name;   /* of the range */
	uint64_t base, len; /* of the range */
	uint8_t space;      /* VOLT_SPACE_* */
	uint8_t sizes;      /* VOLT_IO_* mask */
	uint8_t flags;      /* VOLT_RANGE_* */
	uint8_t reserved[5];
	/* [io] Passes an access on and returns what a read read, 0 for a write; only from
	 * within access(), for the layer it was given. *a may differ from what came, but must
	 * fit the range as above: what does not reads as all ones or is dropped. It may be called
	 * any number of times. */
	uint64_t (*pass)(const struct volt_layer *below, const struct volt_access *a);
};

/* What the plugin offers. */
struct volt_filter {
	uint32_t size, reserved;
	/* [wire] Once for every range of the device, after the init of all plugins. Returns
	 * 0, or what volt_fail() returned. NULL: nothing to prepare. */
	int (*attach)(void *self, const struct volt_layer *below);
	/* [io] An access on its way down. Returns what the guest is to read; ignored for a
	 * write. Never overlaps another callback of this filter, on a PARALLEL range neither:
	 * there a filter costs the range its parallelism. Required. */
	uint64_t (*access)(void *self, const struct volt_layer *below, const struct volt_access *a);
};

/* A parameter that filters have in common, what=all|reads|writes: whether an access is one of
 * those that `what`, its value, names. */
#define VOLT_FILTER_WHAT(help_) \
	{ \
		.name = "what", .def = "all", .help = (help_), .choices = "all|reads|writes", \
		.type = VOLT_PARAM_ENUM \
	}
static inline bool volt_filter_wants(uint64_t what, const struct volt_access *a)
{
	return what == 0 || (what == 2) == (a->write == 1);
}

#ifdef __cplusplus
}
#endif

#endif
