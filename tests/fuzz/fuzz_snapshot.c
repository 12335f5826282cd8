/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_snapshot - state files that are nearly right.
 *
 * Each round builds a file with every kind of section, changes some of its bytes, mostly makes the
 * sums right again, as an attacker would, and reads it as volt does before the seal: header,
 * rows, ranges of memory, blocks, CPUID. The file lies in memory of exactly its size, for
 * the sanitizers. What is taken must lie where it may.
 *
 *   VOLT_FUZZ_SECONDS  how long (5)
 *   VOLT_FUZZ_SEED     replays: round n of a seed is always the same
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/kvm/state.h"
#include "sdk/common/snapshot.h"
#include "sdk/common/state.h"
#include "tests/fuzz/snapshot_sums.h"

#define RAM  (64u << 20)
#define ROOM 4096u

static uint64_t seed, round_number, random_state, taken;

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "round %llu of VOLT_FUZZ_SEED=%llu: %s\n", (unsigned long long)round_number,
	    (unsigned long long)seed, what);
	abort();
}

/* xorshift64* (Vigna 2014). */
static uint64_t draw(uint64_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1dull >> 16) % below;
}

/* ------------------------------------------------------------------ a right one */

static void put_blocks(struct snapshot_out *out, uint32_t kind, uint32_t index)
{
	struct kvm_cpuid_entry2 cpuid[2] = {{.function = 0}, {.function = 1, .ecx = 1}};
	struct blocks_out blocks = {0};

	blocks.bytes = snapshot_next(out, &blocks.room);
	void *to = blocks_put(&blocks, BLOCK_TAG('C', 'P', 'I', 'D'), sizeof(cpuid));
	if (to)
		memcpy(to, cpuid, sizeof(cpuid));
	to = blocks_put(&blocks, BLOCK_TAG('T', 'S', 'C', 'O'), 16);
	if (to)
		memset(to, 1, 16);
	snapshot_put(out, kind, 1, index, "", blocks.size);
}

static size_t build(uint8_t *bytes)
{
	const uint64_t ram[] = {SNAPSHOT_RAM_FULL, 0, 0, 2, 0, 4096, 1 << 20, 8192};
	const uint64_t wset[] = {2, 1 << 20, 8192, 0, 4096};
	const uint8_t uuid[16] = {1};
	struct snapshot_out out;
	size_t room;

	snapshot_begin(&out, bytes, ROOM, 6);
	memcpy(snapshot_next(&out, &room), "memory 1\n", 9);
	snapshot_put(&out, SNAPSHOT_CONF, 1, 0, "", 9);
	put_blocks(&out, SNAPSHOT_KVM, 0);
	put_blocks(&out, SNAPSHOT_CPU, 0);
	memcpy(snapshot_next(&out, &room), "device", 6);
	snapshot_put(&out, SNAPSHOT_DEV, 2, 0, "serial", 6);
	memcpy(snapshot_next(&out, &room), ram, sizeof(ram));
	snapshot_put(&out, SNAPSHOT_RAM, 1, 0, "", sizeof(ram));
	memcpy(snapshot_next(&out, &room), wset, sizeof(wset));
	snapshot_put(&out, SNAPSHOT_WSET, 1, 0, "", sizeof(wset));
	return snapshot_end(&out, RAM, uuid);
}

/* ------------------------------------------------------------------ a wrong one */

static void change(uint8_t *bytes, size_t n)
{
	static const uint64_t edges[] = {0, 1, 7, 8, 63, 64, 4095, 4096, RAM, RAM - 4096,
	    UINT32_MAX, 1ull << 32, 1ull << 60, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 4095};
	const unsigned width = 1u << draw(4);
	const size_t at = draw(n);
	uint64_t value =
	    draw(3) == 0 ? draw(UINT64_MAX) : edges[draw(sizeof(edges) / sizeof(edges[0]))];

	if (draw(3) == 0 && at + 8 <= n) { /* a little more or less than what is there */
		memcpy(&value, bytes + at, 8);
		value += draw(33) - 16;
	}
	memcpy(bytes + at, &value, at + width <= n ? width : 1);
}

/* --------------------------------------------------------------------- reading */

static void read_cpu(const uint8_t *bytes, size_t n)
{
	static struct cpuid host, guest;
	struct blocks blocks;
	char why[256];

	if (blocks_read(&blocks, bytes, n))
		return;
	for (uint32_t i = 0; i < blocks.count; i++)
		if (blocks.list[i].bytes < bytes ||
		    blocks.list[i].bytes + blocks.list[i].length > bytes + n)
			wrong("a block lies outside of its section");
	host.head.nent = 0;
	if (state_set_cpuid(&blocks, &host, 0, 1, &guest) == 0 && guest.head.nent > CPUID_MAX)
		wrong("a CPUID of too many leaves was taken");
	state_compare_cpuid(&host, &guest, why, sizeof(why));
	if (strlen(why) >= sizeof(why))
		wrong("the reason is too long");
}

static void read_ranges(const struct snapshot *s)
{
	struct snapshot_ram ram;
	uint64_t at = 0;
	char why[128];

	if (!snapshot_read_ram(s, &ram, why, sizeof(why)))
		return;
	for (uint64_t i = 0; i < ram.ranges; i++) {
		const struct snapshot_range r = snapshot_range(&ram, i);

		if (r.offset < at || r.offset + r.length < r.offset || r.offset + r.length > s->ram)
			wrong("a range outside of the memory was taken");
		at = r.offset + r.length;
	}
}

static void read_wset(const struct snapshot *s)
{
	struct snapshot_ram wset;
	uint64_t sum = 0;
	char why[128];

	if (!snapshot_read_wset(s, &wset, why, sizeof(why)))
		return;
	for (uint64_t i = 0; i < wset.ranges; i++) {
		const struct snapshot_range r = snapshot_range(&wset, i);

		sum += r.length;
		if (r.offset + r.length < r.offset || r.offset + r.length > s->ram || sum > s->ram)
			wrong("a range to read ahead lies outside of the memory");
	}
}

static void read_all(const uint8_t *bytes, size_t n)
{
	struct snapshot s;
	char why[128] = "";

	if (!snapshot_read(&s, bytes, n, why, sizeof(why))) {
		if (why[0] == '\0')
			wrong("refused without a message");
		return;
	}
	taken++;
	for (uint32_t i = 0; i < s.rows; i++) {
		struct snapshot_row row;

		snapshot_row(&s, i, &row);
		const uint8_t *section = snapshot_section(&s, &row);
		if (section && (section < bytes || section + row.length > bytes + n))
			wrong("a section outside of the file was taken");
		if (section && (row.kind == SNAPSHOT_CPU || row.kind == SNAPSHOT_KVM))
			read_cpu(section, row.length);
	}
	read_ranges(&s);
	read_wset(&s);
}

static void play(void)
{
	static _Alignas(8) uint8_t room[ROOM];
	size_t n = build(room);

	if (n == 0)
		wrong("nothing was built");
	for (uint64_t i = draw(4); i > 0; i--)
		change(room, n);
	if (draw(8) == 0)
		n = draw(n + 1);
	if (draw(8) > 0)
		snapshot_mend(room, n);
	uint8_t *bytes = malloc(n > 0 ? n : 1); /* aligned for any type */
	if (!bytes)
		wrong("no memory");
	memcpy(bytes, room, n);
	read_all(bytes, n);
	free(bytes);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
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

	seed = setting("VOLT_FUZZ_SEED", now_ms() ^ (uint64_t)getpid() << 32);
	printf("VOLT_FUZZ_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	log_set_fd(-1);
	do {
		random_state = (seed ^ round_number * 0x9e3779b97f4a7c15ull) | 1;
		play();
		round_number++;
	} while (round_number % 64 != 0 || now_ms() < end);
	printf("%llu rounds, %llu read\n", (unsigned long long)round_number,
	    (unsigned long long)taken);
	return taken == 0 || taken == round_number;
}
