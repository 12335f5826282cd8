/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * exitport - a port by which a guest ends the VM with an exit status.
 *
 * The command line tells the guest where it is: "volt.exit=0xf4".
 */
#include <errno.h>
#include <string.h>

#include <volt/describe.h>
#include <volt/plugin.h>
#include <volt/state.h>

struct exitport {
	const struct volt_host *h;
};

static uint64_t exitport_read(void *self, uint64_t off, uint32_t n)
{
	return 0;
}

static void exitport_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	const struct exitport *e = self;

	e->h->request(e->h, VOLT_REQUEST_EXIT, (uint8_t)val, "the guest wrote its exit status");
}

static int exitport_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct exitport *e = self;
	const struct volt_describe *describe = h->get_ext(h, VOLT_EXT_DESCRIBE);
	const struct volt_range range = {
	    .size = sizeof(range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .base = volt_arg(a, 0)->u,
	    .len = 1,
	    .name = "exit status",
	    .read = exitport_read,
	    .write = exitport_write,
	};
	char words[32];
	int err;

	e->h = h;
	if (!describe)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_DESCRIBE);
	err = h->add_range(h, &range);
	if (err)
		return volt_fail(h, -err, "cannot have port 0x%x", (unsigned)range.base);
	snprintf(words, sizeof(words), "volt.exit=0x%x", (unsigned)range.base);
	err = describe->cmdline(h, words);
	return err ? volt_fail(h, -err, "cannot add \"%s\" to the command line", words) : 0;
}

/* It remembers nothing, so there is nothing to save. */
static const void *exitport_get_ext(const char *id)
{
	static const struct volt_state state = {.size = sizeof(state), .version = 1, .oldest = 1};

	return strcmp(id, VOLT_EXT_STATE) ? NULL : &state;
}

static const struct volt_param params[] = {
    {
	.name = "base",
	.type = VOLT_PARAM_UINT,
	.def = "0xf4",
	.max = 0xffff,
	.help = "its I/O port",
    },
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "exitport",
    .version = "0.1.0",
    .summary = "a port that ends the VM with the status written to it",
    .instance_size = sizeof(struct exitport),
    VOLT_PARAMS(params),
    .init = exitport_init,
    .get_ext = exitport_get_ext,
};
