/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * state_fuzz - fake_state_fuzz() on the plugin that this is linked with, once for each line of
 * parameters in argv.
 *
 *   VOLT_FUZZ_SECONDS  how long each (1)
 *   VOLT_FUZZ_SEED     the same rounds again; printed by every run
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <volt/fake_host.h>

#define BATCH 8u

extern const struct volt_plugin FUZZED;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

static void fuzz_state(const char *params, uint64_t seed)
{
	const uint64_t end = now_ms() + 1000 * setting("VOLT_FUZZ_SECONDS", 1);
	uint64_t rounds = 0, taken = 0;

	do {
		taken += fake_state_fuzz(&FUZZED, params[0] ? params : NULL, seed + rounds, BATCH);
		rounds += BATCH;
	} while (now_ms() < end);
	printf("%s %s: %llu rounds, %llu of %llu corrupted states were taken\n", FUZZED.name,
	    params, (unsigned long long)rounds, (unsigned long long)taken,
	    (unsigned long long)rounds * 8);
}

int main(int argc, char **argv)
{
	const uint64_t seed = setting("VOLT_FUZZ_SEED", now_ms() ^ (uint64_t)getpid() << 32);

	printf("VOLT_FUZZ_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	if (argc < 2)
		fuzz_state("", seed);
	for (int i = 1; i < argc; i++)
		fuzz_state(argv[i], seed);
	return 0;
}
