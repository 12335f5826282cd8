/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fault - a filter that injects errors into the traffic of a device, the same ones for
 * the same seed and the same accesses.
 */
#include <string.h>

#include <volt/filter.h>
#include <volt/plugin.h>

enum { PARAM_KIND, PARAM_WHAT, PARAM_AFTER, PARAM_EVERY, PARAM_CHANCE, PARAM_SEED };
enum { KIND_FLIP, KIND_ONES, KIND_ZERO, KIND_DROP, KIND_REPEAT };
enum { COUNT_INJECTED };

struct fault {
	const struct volt_host *h;
	uint64_t kind, what, after, every, chance;
	uint64_t random; /* state of the generator */
	uint64_t seen;   /* accesses of the kind that is meant */
};

/* SplitMix64 (Steele, Lea, Flood 2014): any seed is good, 0 too. */
static uint64_t next_random(struct fault *f)
{
	uint64_t z = f->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static bool is_due(struct fault *f, const struct volt_access *a)
{
	if (!volt_filter_wants(f->what, a))
		return false;
	uint64_t number = f->seen++;
	if (number < f->after)
		return false;
	if (f->every > 0 && (number - f->after) % f->every == 0)
		return true;
	return f->chance > 0 && next_random(f) % 1000000 < f->chance;
}

static uint64_t corrupt(struct fault *f, uint64_t val, uint32_t n)
{
	switch (f->kind) {
	case KIND_ONES:
		return UINT64_MAX;
	case KIND_ZERO:
		return 0;
	case KIND_FLIP:
		return val ^ 1ull << (next_random(f) % (8 * n));
	default:
		return val;
	}
}

static uint64_t inject(struct fault *f, const struct volt_layer *below, const struct volt_access *a)
{
	struct volt_access corrupted = *a;

	volt_count(f->h, COUNT_INJECTED, 1);
	if (f->kind == KIND_DROP)
		return UINT64_MAX;
	if (f->kind == KIND_REPEAT)
		below->pass(below, a);
	if (!a->write)
		return corrupt(f, below->pass(below, a), a->n);
	corrupted.value = corrupt(f, a->value, a->n);
	return below->pass(below, &corrupted);
}

static uint64_t fault_access(
    void *self, const struct volt_layer *below, const struct volt_access *a)
{
	struct fault *f = self;

	return is_due(f, a) ? inject(f, below, a) : below->pass(below, a);
}

static int fault_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct fault *f = self;

	f->h = h;
	f->kind = volt_arg(a, PARAM_KIND)->u;
	f->what = volt_arg(a, PARAM_WHAT)->u;
	f->after = volt_arg(a, PARAM_AFTER)->u;
	f->every = volt_arg(a, PARAM_EVERY)->u;
	f->chance = volt_arg(a, PARAM_CHANCE)->u;
	f->random = volt_arg(a, PARAM_SEED)->u;
	return 0;
}

static const void *fault_get_ext(const char *id)
{
	static const struct volt_filter filter = {.size = sizeof(filter), .access = fault_access};

	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &filter : NULL;
}

static const struct volt_param params[] = {
    [PARAM_KIND] = {.name = "kind",
	.type = VOLT_PARAM_ENUM,
	.choices = "flip|ones|zero|drop|repeat",
	.def = "flip",
	.help = "what goes wrong with the value or the access"},
    [PARAM_WHAT] = VOLT_FILTER_WHAT("accesses that get the fault"),
    [PARAM_AFTER] = {.name = "after",
	.type = VOLT_PARAM_UINT,
	.def = "0",
	.help = "such accesses that go well first"},
    [PARAM_EVERY] = {.name = "every",
	.type = VOLT_PARAM_UINT,
	.def = "0",
	.help = "of the other accesses, every Nth goes wrong; 0: not by count"},
    [PARAM_CHANCE] = {.name = "chance",
	.type = VOLT_PARAM_UINT,
	.def = "0",
	.max = 1000000,
	.help = "probability of a fault in any other access, in parts per million"},
    [PARAM_SEED] = {.name = "seed",
	.type = VOLT_PARAM_UINT,
	.def = "1",
	.help = "start of the random numbers: the same seed makes the same errors"},
};

static const struct volt_counter counters[] = {
    [COUNT_INJECTED] = {"injected", "accesses that went wrong"},
};

VOLT_PLUGIN(VOLT_KIND_FILTER) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER),
    .name = "fault",
    .version = "0.1.0",
    .summary = "injects errors into the traffic of a device",
    .instance_size = sizeof(struct fault),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = fault_init,
    .get_ext = fault_get_ext,
};
