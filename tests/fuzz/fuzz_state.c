/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_state - saved devices that are nearly right.
 *
 * Each round saves a device with a field of every kind, corrupts the section and loads it.
 * Either it is refused with a line, and the device is as it was to the byte; or it is taken,
 * every element is within its limits, and saving again gives the state that was loaded.
 * The section lies in memory of exactly its size, for the sanitizers.
 *
 *   VOLT_FUZZ_SECONDS  how long (5)
 *   VOLT_FUZZ_SEED     replays: round n of a seed is always the same
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sdk/common/state.h"
#include "tests/fuzz/state_device.h"

#define MORE 64 /* bytes by which a section may grow */

static uint64_t seed, round_number, random_state, taken;

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "round %llu of VOLT_FUZZ_SEED=%llu: %s\n", (unsigned long long)round_number,
	    (unsigned long long)seed, what);
	abort();
}

static void check_taken(const struct state_target *t, const uint8_t *bytes, size_t n)
{
	const struct device *d = t->self;
	uint8_t again[1024];
	char why[200];

	if (d->small < 3 || d->small > 9 || d->index > 6 || *(const uint8_t *)&d->flag > 1)
		wrong("a value outside of its limits was taken");
	if (validate(d) != 0)
		wrong("validate was not asked");
	/* Fields may have come in another order: the same again makes the same state. */
	const size_t m = state_save(t, again, sizeof(again));
	if (m == 0 || m != n || state_load(t, again, m, why, sizeof(why)) != 0)
		wrong("what was taken cannot be saved and loaded again");
}

static void play(void)
{
	struct device d = {.guard = 1,
	    .small = 5,
	    .flag = true,
	    .words = {1, 2, 3},
	    .index = 6,
	    .pins = {{1, 10}, {2, 20}, {3, 30}, {4, 40}, {5, 50}},
	    .tail = 2};
	struct device scratch, before = d;
	const struct state_target t = {.id = "d",
	    .plugin = "fuzz",
	    .table = &table,
	    .self = &d,
	    .scratch = &scratch,
	    .instance_size = sizeof(d)};
	uint8_t room[1024];
	char why[200] = "";
	size_t n = state_save(&t, room, sizeof(room));

	n = state_corrupt(room, n, n + MORE, &random_state);
	uint8_t *bytes = malloc(n > 0 ? n : 1);
	if (!bytes)
		wrong("no memory");
	memcpy(bytes, room, n);
	const int err = state_load(&t, bytes, n, why, sizeof(why));
	if (d.guard != before.guard || d.tail != before.tail)
		wrong("something outside of the fields changed");
	if (!err)
		check_taken(&t, bytes, n);
	else if (err > 0 || why[0] == '\0' || memcmp(&d, &before, sizeof(d)) != 0)
		wrong("refused without a message, or the instance changed");
	taken += err == 0;
	free(bytes);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int main(void)
{
	const uint64_t end = now_ms() + 1000 * setting("VOLT_FUZZ_SECONDS", 5);
	char why[200];

	seed = setting("VOLT_FUZZ_SEED", now_ms() ^ (uint64_t)getpid() << 32);
	printf("VOLT_FUZZ_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	if (state_check_table(&table, sizeof(struct device), why, sizeof(why)) != 0)
		wrong(why);
	do {
		random_state = (seed ^ round_number * 0x9e3779b97f4a7c15ull) | 1;
		play();
		round_number++;
	} while (round_number % 64 != 0 || now_ms() < end);
	printf("%llu rounds, %llu taken, %llu refused\n", (unsigned long long)round_number,
	    (unsigned long long)taken, (unsigned long long)(round_number - taken));
	return taken == 0 || taken == round_number;
}
