/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * seed_fuzz [SEEDS] - runs the target LLVMFuzzerTestOneInput() that it is linked with: first on
 * each input that is kept, then on changed ones; without SEEDS on random ones. With libFuzzer this
 * file is left out:
 *
 *   clang -fsanitize=fuzzer,address,undefined ... fuzz_NAME.c
 *
 *   VOLT_FUZZ_SECONDS  how long (4)
 *   VOLT_FUZZ_ROUNDS   how many inputs, however long they take
 *   VOLT_FUZZ_SEED     replays: input n of a seed is always the same
 *
 * SEEDS has an input in each line, in hexadecimal, of at most 512 bytes.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX 512u
#define SEEDS_MAX 1024u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct {
	uint8_t bytes[INPUT_MAX];
	size_t n;
} seeds[SEEDS_MAX];
static size_t seed_count;
static uint64_t random_state;

static uint64_t rnd(uint64_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (random_state >> 33) % below;
}

/* Two digits. */
static bool is_byte(const char *p)
{
	return isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]);
}

static void read_seeds(const char *name)
{
	char line[4 * INPUT_MAX];
	FILE *in = fopen(name, "re");

	if (!in)
		abort();
	while (seed_count < SEEDS_MAX && fgets(line, sizeof(line), in)) {
		size_t n = 0;

		for (const char *p = line; is_byte(p) && n < INPUT_MAX; p += 2) {
			const char digits[3] = {p[0], p[1], '\0'};

			seeds[seed_count].bytes[n++] = (uint8_t)strtoul(digits, NULL, 16);
		}
		seeds[seed_count].n = n;
		seed_count += n > 0;
	}
	fclose(in);
}

/* A kept input with a few changes, perhaps with the end of another one; or anything. */
static size_t mutate(uint8_t *to)
{
	if (seed_count == 0 || rnd(8) == 0) {
		const size_t n = 1 + rnd(INPUT_MAX);

		for (size_t i = 0; i < n; i++)
			to[i] = (uint8_t)rnd(256);
		return n;
	}
	const size_t a = rnd(seed_count), b = rnd(seed_count);

	size_t n = seeds[a].n;

	memcpy(to, seeds[a].bytes, n);
	if (rnd(2)) {
		const size_t from = rnd(seeds[b].n), at = rnd(n), len = seeds[b].n - from;
		const size_t fits = len < INPUT_MAX - at ? len : INPUT_MAX - at;

		memcpy(to + at, seeds[b].bytes + from, fits);
		n = at + fits;
	}
	for (uint64_t i = rnd(6); i; i--)
		to[rnd(n)] = (uint8_t)rnd(256);
	return n ? n : 1;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	uint8_t bytes[INPUT_MAX];
	const time_t begin = time(NULL);
	const uint64_t seed =
	    from_environment("VOLT_FUZZ_SEED", (uint64_t)begin ^ (uint64_t)getpid());
	const uint64_t seconds = from_environment("VOLT_FUZZ_SECONDS", 4);
	const uint64_t rounds = from_environment("VOLT_FUZZ_ROUNDS", 0);
	uint64_t done = 0;

	if (argc > 2)
		return 2;
	if (argc == 2)
		read_seeds(argv[1]);
	printf("VOLT_FUZZ_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	for (size_t i = 0; i < seed_count; i++)
		LLVMFuzzerTestOneInput(seeds[i].bytes, seeds[i].n);
	for (; rounds ? done < rounds : time(NULL) - begin < (time_t)seconds; done++) {
		random_state = seed + done;
		LLVMFuzzerTestOneInput(bytes, mutate(bytes));
	}
	printf("%zu kept inputs, %llu others\n", seed_count, (unsigned long long)done);
	return 0;
}
