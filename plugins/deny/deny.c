/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * deny - a filter that keeps accesses from a device: as if nothing answered there.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <volt/filter.h>
#include <volt/plugin.h>

enum { PARAM_WHAT, PARAM_RANGE, PARAM_FROM, PARAM_LENGTH, PARAM_VALUE };
enum { COUNT_READS, COUNT_WRITES };

struct deny {
	const struct volt_host *h;
	uint64_t what, from, length, value;
	char range[64];    /* "": every */
	bool named, meant; /* there is a range of that name, and one with bytes to deny */
};

static bool is_named(const struct deny *d, const struct volt_layer *below)
{
	return d->range[0] == '\0' || strcmp(d->range, below->name) == 0;
}

static bool is_denied(
    const struct deny *d, const struct volt_layer *below, const struct volt_access *a)
{
	if (!volt_filter_wants(d->what, a))
		return false;
	if (!is_named(d, below))
		return false;
	/* Any byte in common; length 0 goes on to the end. */
	return a->offset + a->n > d->from &&
	       (d->length == 0 || a->offset < d->from || a->offset - d->from < d->length);
}

static uint64_t deny_access(void *self, const struct volt_layer *below, const struct volt_access *a)
{
	const struct deny *d = self;

	if (!is_denied(d, below, a))
		return below->pass(below, a);
	volt_count(d->h, a->write ? COUNT_WRITES : COUNT_READS, 1);
	return d->value;
}

static int deny_attach(void *self, const struct volt_layer *below)
{
	struct deny *d = self;

	if (!is_named(d, below))
		return 0;
	d->named = true;
	d->meant |= d->from < below->len;
	return 0;
}

/* Only now all ranges are known. To deny nothing, because of a typing error say, and not
 * tell would be the worst that this filter can do. */
static int deny_start(void *self)
{
	const struct deny *d = self;

	if (d->meant)
		return 0;
	if (!d->named)
		volt_log(d->h, VOLT_LOG_ERROR, "range=%s: the device has no such range", d->range);
	else
		volt_log(
		    d->h, VOLT_LOG_ERROR, "from=0x%" PRIx64 ": no range is that long", d->from);
	return -EINVAL;
}

static int deny_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct deny *d = self;

	d->h = h;
	d->what = volt_arg(a, PARAM_WHAT)->u;
	d->from = volt_arg(a, PARAM_FROM)->u;
	d->length = volt_arg(a, PARAM_LENGTH)->u;
	d->value = volt_arg(a, PARAM_VALUE)->u;
	snprintf(d->range, sizeof(d->range), "%s", volt_arg(a, PARAM_RANGE)->s);
	return 0;
}

static const void *deny_get_ext(const char *id)
{
	static const struct volt_filter filter = {
	    .size = sizeof(filter), .attach = deny_attach, .access = deny_access};

	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &filter : NULL;
}

static const struct volt_param params[] = {
    [PARAM_WHAT] = VOLT_FILTER_WHAT("accesses to deny"),
    [PARAM_RANGE] = {.name = "range",
	.type = VOLT_PARAM_STRING,
	.def = "",
	.max = 63,
	.help = "only in the range of this name; empty: in every one"},
    [PARAM_FROM] = {.name = "from",
	.type = VOLT_PARAM_UINT,
	.def = "0x0",
	.help = "first offset in the range that is denied"},
    [PARAM_LENGTH] = {.name = "length",
	.type = VOLT_PARAM_UINT,
	.def = "0x0",
	.help = "bytes from there; 0: all that follow"},
    [PARAM_VALUE] = {.name = "value",
	.type = VOLT_PARAM_UINT,
	.def = "0xffffffffffffffff",
	.help = "what a denied read reads, cut to its size"},
};

static const struct volt_counter counters[] = {
    [COUNT_READS] = {"reads", "reads denied"},
    [COUNT_WRITES] = {"writes", "writes denied"},
};

VOLT_PLUGIN(VOLT_KIND_FILTER) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER),
    .name = "deny",
    .version = "0.1.0",
    .summary = "keeps accesses from a device",
    .instance_size = sizeof(struct deny),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = deny_init,
    .start = deny_start,
    .get_ext = deny_get_ext,
};
