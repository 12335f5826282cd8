/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "guest.h"

/* No TSC is slower than 0.5 GHz or faster than 8 GHz by much. */
#define PATIENCE 16000000000ull /* 2 to 30 s */
#define A_WHILE  100000000ull   /* 12 to 200 ms */

#define LSR      (COM1 + 5)
#define LSR_THRE 0x20

#define WORD_COUNT 200

static char text[4096];
static const char *words[WORD_COUNT];

void guest_start(const uint8_t *boot_params);

const char *word(unsigned n)
{
	return n < WORD_COUNT && words[n] ? words[n] : "";
}

bool same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint64_t hex_number(const char *from, const char **end)
{
	uint64_t value = 0;

	for (; digit(*from) >= 0; from++)
		value = value << 4 | (unsigned)digit(*from);
	if (end)
		*end = from;
	return value;
}

void put_byte(uint8_t byte)
{
	while (!(in8(LSR) & LSR_THRE))
		continue;
	out8(COM1, byte);
}

void put(const char *string)
{
	while (*string != '\0')
		put_byte((uint8_t)*string++);
}

void put_hex(uint64_t value)
{
	unsigned shift = 60;

	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	for (;; shift -= 4) {
		put_byte((uint8_t) "0123456789abcdef"[value >> shift & 15]);
		if (shift == 0)
			return;
	}
}

void ready(void)
{
	put("ready\n");
	out8(MARK_PORT, 'R');
}

void finish(uint8_t status)
{
	out8(EXIT_PORT, status);
	for (;;)
		__asm__ volatile("hlt");
}

void fail(const char *why)
{
	put("FAIL: ");
	put(why);
	put("\n");
	finish(99);
}

bool wait_for(const volatile uint32_t *flag)
{
	const uint64_t start = ticks();

	while (*flag == 0)
		if (ticks() - start > PATIENCE)
			return false;
	return true;
}

void pause_a_while(void)
{
	const uint64_t start = ticks();

	while (ticks() - start < A_WHILE)
		continue;
}

static void split_words(const char *from)
{
	size_t n = 0, count = 0;

	for (; *from != '\0' && n < sizeof(text) - 1 && count < WORD_COUNT; from++) {
		if (*from == ' ') {
			text[n++] = '\0';
			continue;
		}
		if (n == 0 || text[n - 1] == '\0')
			words[count++] = text + n;
		text[n++] = *from;
	}
}

/* The protocol's setup header: cmd_line_ptr is at 0x228 of the boot parameters. */
void guest_start(const uint8_t *boot_params)
{
	split_words((const char *)(uintptr_t) * (const uint32_t *)(boot_params + 0x228));
	for (const struct guest_case *c = guest_cases; c->name; c++)
		if (same(c->name, word(0))) {
			c->run();
			finish(0);
		}
	fail("no such case");
}
