/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pvpanic - a port by which a guest's kernel says that it panicked.
 *
 * Source: QEMU, docs/specs/pvpanic.rst (ISA interface). Drivers: Linux pvpanic-mmio,
 * which finds the port by its ACPI id.
 */
#include <errno.h>
#include <string.h>

#include <volt/describe.h>
#include <volt/plugin.h>
#include <volt/state.h>

/* The one register: events that are known (read), events that happened (write). */
#define PANICKED     0x01u /* the host is to deal with it */
#define CRASH_LOADED 0x02u /* the guest deals with it, in a crash kernel */
#define SHUTDOWN     0x04u
#define EVENTS       (PANICKED | CRASH_LOADED | SHUTDOWN)

enum { COUNT_PANICKED, COUNT_CRASH_LOADED, COUNT_SHUTDOWN };

struct pvpanic {
	const struct volt_host *h;
};

static uint64_t pvpanic_read(void *self, uint64_t off, uint32_t n)
{
	return EVENTS;
}

/* Unknown bits are ignored, as the specification asks. Of several requests that end the
 * VM the first wins: the panic. */
static void pvpanic_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	const struct volt_host *h = ((struct pvpanic *)self)->h;

	if (val & CRASH_LOADED) {
		volt_count(h, COUNT_CRASH_LOADED, 1);
		volt_log(h, VOLT_LOG_INFO, "the guest panicked and starts its crash kernel");
	}
	if (val & PANICKED) {
		volt_count(h, COUNT_PANICKED, 1);
		h->request(h, VOLT_REQUEST_PANIC, 0, "pvpanic: the guest panicked");
	}
	if (val & SHUTDOWN) {
		volt_count(h, COUNT_SHUTDOWN, 1);
		h->request(h, VOLT_REQUEST_POWEROFF, 0, "pvpanic: the guest shut down");
	}
}

static int pvpanic_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct pvpanic *p = self;
	const struct volt_describe *describe = h->get_ext(h, VOLT_EXT_DESCRIBE);
	const struct volt_range range = {
	    .size = sizeof(range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .base = volt_arg(a, 0)->u,
	    .len = 1,
	    .name = "events",
	    .read = pvpanic_read,
	    .write = pvpanic_write,
	};
	const struct volt_acpi_device device = {
	    .size = sizeof(device),
	    .hid = "QEMU0001",
	    .resource_count = 1,
	    .resources = {{.type = VOLT_RES_PIO, .base = range.base, .len = range.len}},
	};
	int err;

	p->h = h;
	if (!describe)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_DESCRIBE);
	err = h->add_range(h, &range);
	if (err)
		return volt_fail(h, -err, "cannot have port 0x%x", (unsigned)range.base);
	err = describe->device(h, &device);
	return err ? volt_fail(h, -err, "cannot describe %s", device.hid) : 0;
}

/* It remembers nothing, so there is nothing to save. */
static const void *pvpanic_get_ext(const char *id)
{
	static const struct volt_state state = {.size = sizeof(state), .version = 1, .oldest = 1};

	return strcmp(id, VOLT_EXT_STATE) ? NULL : &state;
}

static const struct volt_param params[] = {
    {
	.name = "base",
	.type = VOLT_PARAM_UINT,
	.def = "0x505",
	.max = 0xffff,
	.help = "its I/O port",
    },
};

static const struct volt_counter counters[] = {
    [COUNT_PANICKED] = {"panicked", "panics that the host is to deal with"},
    [COUNT_CRASH_LOADED] = {"crash_loaded", "panics that the guest deals with itself"},
    [COUNT_SHUTDOWN] = {"shutdown", "regular shutdowns"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "pvpanic",
    .version = "0.1.0",
    .summary = "tells the host that the guest's kernel panicked",
    .instance_size = sizeof(struct pvpanic),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = pvpanic_init,
    .get_ext = pvpanic_get_ext,
};
