/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * growth - a plugin from the future: each struct and each row of a table that it gives has
 * members behind those that this host knows, filled with what must not be read. Of the
 * host's tables it asks first for what they lack.
 *
 * With -DSMALLER the other way round: a descriptor that ends before what 0.1 has.
 */
#include <errno.h>
#include <string.h>

#include <volt/describe.h>
#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/stream.h>

#define UNKNOWN \
	{ \
		0xdeadbeefdeadbeefu, 0xdeadbeefdeadbeefu \
	}

struct growth {
	const struct volt_host *h;
	uint8_t last;
};

/* What the next ABI might add to the host's table. */
struct future_host {
	struct volt_host known;
	void (*invented)(const struct volt_host *h);
};

struct future_param {
	struct volt_param known;
	uint64_t unknown[2];
};

struct future_counter {
	struct volt_counter known;
	uint64_t unknown[2];
};

struct future_need {
	struct volt_need known;
	uint64_t unknown[2];
};

struct future_range {
	struct volt_range known;
	uint64_t unknown[2];
};

struct future_device {
	struct volt_acpi_device known;
	uint64_t unknown[2];
};

static uint64_t growth_read(void *self, uint64_t off, uint32_t n)
{
	struct growth *g = self;

	volt_count(g->h, 1, 1);
	return g->last;
}

static void growth_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct growth *g = self;

	g->last = (uint8_t)val;
}

static int describe(struct growth *g, uint64_t base)
{
	const struct volt_describe *d = g->h->get_ext(g->h, VOLT_EXT_DESCRIBE);
	struct future_device device = {
	    .known =
		{
		    .size = sizeof(device),
		    .resource_count = 1,
		    .hid = "VOLT0002",
		    .resources = {{.type = VOLT_RES_PIO, .base = base, .len = 1}},
		},
	    .unknown = UNKNOWN,
	};

	return d ? d->device(g->h, &device.known) : -ENOSYS;
}

static int growth_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	const struct future_host *newer = (const struct future_host *)(const void *)h;
	struct growth *g = self;
	struct future_range range = {
	    .known =
		{
		    .size = sizeof(range),
		    .space = VOLT_SPACE_PIO,
		    .sizes = VOLT_IO_1,
		    .base = volt_arg(a, 1)->u,
		    .len = 1,
		    .name = "latch",
		    .read = growth_read,
		    .write = growth_write,
		},
	    .unknown = UNKNOWN,
	};

	g->h = h;
	g->last = (uint8_t)volt_arg(a, 0)->u;
	if (VOLT_HAS(&newer->known, get_ext) && h->size >= sizeof(*newer))
		return volt_fail(h, EINVAL, "the host says that it has what nobody invented yet");
	if (h->get_ext(h, "volt.loop/2") || h->get_ext(h, "com.example.none/1"))
		return volt_fail(h, EINVAL, "the host has an extension that nobody knows");
	int err = h->add_range(h, &range.known);
	if (err)
		return volt_fail(h, -err, "wiring failed");
	err = describe(g, range.known.base);
	return err ? volt_fail(h, -err, "wiring failed") : 0;
}

static const struct future_param params[] = {
    {
	.known =
	    {
		.name = "first",
		.type = VOLT_PARAM_UINT,
		.def = "7",
		.help = "what is read first",
		.max = 255,
	    },
	.unknown = UNKNOWN,
    },
    {
	.known =
	    {
		.name = "base",
		.type = VOLT_PARAM_UINT,
		.def = "0x6e0",
		.help = "the port",
		.min = 1,
		.max = 0xffff,
	    },
	.unknown = UNKNOWN,
    },
};

static const struct future_counter counters[] = {
    {.known = {"unused", "stays zero"}, .unknown = UNKNOWN},
    {.known = {"reads", "reads of the latch"}, .unknown = UNKNOWN},
};

static const struct future_need needs[] = {
    {
	.known =
	    {
		.syscall = "getpid",
		.reason = "shows that the second row is found",
		.roles = VOLT_ROLE_BIT(VOLT_ROLE_LOOP),
	    },
	.unknown = UNKNOWN,
    },
    {
	.known =
	    {
		.syscall = "getppid",
		.reason = "shows that the second row is found",
		.roles = VOLT_ROLE_BIT(VOLT_ROLE_LOOP),
	    },
	.unknown = UNKNOWN,
    },
};

/* A descriptor cannot be wrapped, as VOLT_PLUGIN() says its type; what lies behind it is what
 * the linker puts there. Its size alone speaks of more. */
VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
#ifdef SMALLER
    .size = offsetof(struct volt_plugin, get_ext),
#else
    .size = sizeof(struct volt_plugin) + 16,
#endif
    .abi_major = VOLT_ABI_MAJOR,
    .abi_minor = VOLT_ABI_MINOR + 1,
    .kind = VOLT_KIND_DEVICE,
    .name = "growth",
    .version = "1",
    .summary = "is larger than this host knows",
    .instance_size = sizeof(struct growth),
    .param_stride = sizeof(params[0]),
    .param_count = sizeof(params) / sizeof(params[0]),
    .params = &params[0].known,
    .counter_stride = sizeof(counters[0]),
    .counter_count = sizeof(counters) / sizeof(counters[0]),
    .counters = &counters[0].known,
    .need_stride = sizeof(needs[0]),
    .need_count = sizeof(needs) / sizeof(needs[0]),
    .needs = &needs[0].known,
    .init = growth_init,
};
