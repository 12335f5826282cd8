/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Random parameters for a budget of time. Texts that were built from known values must
 * give those values back; texts that were then damaged must be taken or refused whole.
 *
 *   VOLT_TEST_SEED=N          the same texts again; the seed is printed by every run
 *   VOLT_TEST_BUDGET_MS=N     longer or shorter than one second
 */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sdk/common/params.h>

#include <cmocka.h> /* last: it defines fail() */

#define TEXT_MAX 1024

enum { PORT, BYTES, ECHO, MODE, LABEL, NOTE, ROM, CONSOLE, ROWS };

static const struct volt_param rows[ROWS] = {
    {"port", "1", "a number", .type = VOLT_PARAM_UINT, .min = 1, .max = 0xffff},
    {"bytes", "4K", "a size", .type = VOLT_PARAM_SIZE},
    {"echo", "off", "a switch", .type = VOLT_PARAM_BOOL},
    {"mode", "b", "a choice", .type = VOLT_PARAM_ENUM, .choices = "a|b|long-one"},
    {"label", "xy", "a short text", .type = VOLT_PARAM_STRING, .min = 1, .max = 8},
    {"note", "", "any text", .type = VOLT_PARAM_STRING},
    {"rom", "", "a file", .type = VOLT_PARAM_FILE_RO},
    {"console", "null", "a stream", .type = VOLT_PARAM_STREAM},
};
static const char *const choices[] = {"a", "b", "long-one"};
static const struct volt_plugin toy = {
    .name = "toy",
    .param_stride = sizeof(rows[0]),
    .param_count = ROWS,
    .params = rows,
};

/* What one text was built from. */
struct wanted {
	bool given[ROWS];
	uint64_t number[ROWS];
	char text[ROWS][16];
};

/* xorshift64*: the same on every machine, unlike rand(). */
static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1dull >> 16) % below;
}

static uint64_t draw_64(void)
{
	return draw(1ull << 32) << 32 | draw(1ull << 32);
}

/* ---------------------------------------------------------------- building */

static void append(char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void append(char *text, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + used, TEXT_MAX - used, fmt, ap);
	va_end(ap);
}

static void append_number(char *text, uint64_t n)
{
	switch (draw(4)) {
	case 0:
		append(text, "%llu", (unsigned long long)n);
		break;
	case 1:
		append(text, "0x%llx", (unsigned long long)n);
		break;
	case 2:
		append(text, "0%llo", (unsigned long long)n);
		break;
	default:
		append(text, "0X%llX", (unsigned long long)n);
	}
}

static void build_size(char *text, struct wanted *w)
{
	unsigned unit = (unsigned)draw(4);
	uint64_t n = draw_64() >> (10 * unit + draw(34));

	append_number(text, n);
	if (unit)
		append(text, "%c", (draw(2) ? "KMG" : "kmg")[unit - 1]);
	w->number[BYTES] = n << (10 * unit);
}

/* Any bytes but NUL, with many commas, which are doubled on their way. */
static void build_text(char *text, char *want, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		want[i] = draw(3) ? (char)(1 + draw(255)) : ',';
		append(text, want[i] == ',' ? ",," : "%c", want[i]);
	}
	want[len] = '\0';
}

static void build_value(char *text, unsigned row, struct wanted *w)
{
	append(text, "%s=", rows[row].name);
	switch (row) {
	case PORT:
		w->number[row] = 1 + draw(0xffff);
		append_number(text, w->number[row]);
		break;
	case BYTES:
		build_size(text, w);
		break;
	case ECHO:
		w->number[row] = draw(2);
		append(text, "%s", w->number[row] ? "yes" : "no");
		break;
	case MODE:
		w->number[row] = draw(3);
		append(text, "%s", choices[w->number[row]]);
		strcpy(w->text[row], choices[w->number[row]]);
		break;
	default:
		build_text(text, w->text[row], (row != NOTE) + draw(8));
	}
}

static void build(char *text, struct wanted *w)
{
	unsigned order = (unsigned)draw(ROWS);

	memset(w, 0, sizeof(*w));
	text[0] = '\0';
	for (unsigned i = 0; i < ROWS; i++) {
		unsigned row = (i * 3 + order) % ROWS; /* 3 and ROWS share no factor */

		if (draw(2))
			continue;
		w->given[row] = true;
		append(text, "%s", *text ? "," : "");
		build_value(text, row, w);
	}
}

static void damage(char *text)
{
	size_t len = strlen(text);

	for (uint64_t i = 1 + draw(3); i && len; i--) {
		size_t at = draw(len);

		switch (draw(4)) {
		case 0:
			text[at] = (char)(1 + draw(255));
			break;
		case 1:
			text[at] = ",=0xKid-\n"[draw(9)];
			break;
		case 2:
			memmove(text + at, text + at + 1, len - at);
			len--;
			break;
		default:
			text[at] = '\0';
			len = at;
		}
	}
}

/* ---------------------------------------------------------------- checking */

static unsigned streams;

static int opener_open(void *arg, const struct volt_param *param, const char *text,
    struct volt_value *value, char *why, size_t why_size)
{
	assert_true(*text);
	if (param->type == VOLT_PARAM_STREAM)
		value->u = streams++;
	return 0; /* files stay closed, with fd -1 */
}

/* Parses a copy that ends where its memory does, so that ASan sees a read beyond. */
static int parse(struct params *out, const char *text, char *why, size_t why_size)
{
	const struct params_opener opener = {opener_open, NULL};
	char *exact = strdup(text);

	assert_non_null(exact);
	int err = params_parse(out, &toy, exact, &opener, why, why_size);

	assert_string_equal(exact, text);
	free(exact);
	return err;
}

static void assert_within_limits(const struct params *p)
{
	assert_in_range(p->values[PORT].u, 1, 0xffff);
	assert_in_range(p->values[ECHO].u, 0, 1);
	assert_in_range(p->values[MODE].u, 0, 2);
	assert_string_equal(p->values[MODE].s, choices[p->values[MODE].u]);
	assert_in_range(strlen(p->values[LABEL].s), 1, 8);
	assert_int_equal(p->values[ROM].fd, -1);
	if (p->id)
		assert_in_range(strlen(p->id), 1, 32);
}

static void assert_wanted(const struct params *p, const struct wanted *w)
{
	for (unsigned row = 0; row < ROWS; row++) {
		assert_int_equal(p->values[row].given, w->given[row]);
		if (w->given[row] && row <= MODE)
			assert_true(p->values[row].u == w->number[row]);
		if (w->given[row] && (row == MODE || row == LABEL || row == NOTE || row == ROM))
			assert_string_equal(p->values[row].s, w->text[row]);
	}
	assert_null(p->id);
}

static void assert_refused_whole(const struct params *p, const char *why, size_t why_size)
{
	static const struct params nothing;

	assert_memory_equal(p, &nothing, sizeof(nothing));
	assert_true(strnlen(why, why_size) < why_size);
	assert_true(*why || why_size == 1);
	for (; *why; why++)
		assert_false(iscntrl((unsigned char)*why));
}

static void one_round(void)
{
	char text[TEXT_MAX], why[64];
	size_t why_size = 1 + draw(sizeof(why));
	struct wanted w;
	struct params p;

	build(text, &w);
	assert_int_equal(parse(&p, text, why, sizeof(why)), 0);
	assert_wanted(&p, &w);
	assert_within_limits(&p);
	params_finish(&p);
	damage(text);
	if (parse(&p, text, why, why_size) == 0)
		assert_within_limits(&p);
	else
		assert_refused_whole(&p, why, why_size);
	params_finish(&p);
}

/* A name never is nearer to another than to itself, whatever was typed. */
static void one_name(void)
{
	const char *names[ROWS + 1] = {NULL};
	char typed[80] = "";

	for (unsigned i = 0; i < ROWS; i++)
		names[i] = rows[i].name;
	const char *name = names[draw(ROWS)];

	assert_ptr_equal(nearest_name(name, names), name);
	for (size_t i = draw(sizeof(typed)); i; i--)
		typed[i - 1] = (char)(1 + draw(255));
	nearest_name(typed, names);
	strcpy(typed, name);
	damage(typed);
	nearest_name(typed, names);
}

/* ----------------------------------------------------------------- running */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	uint64_t value;

	if (!text || !*text)
		return otherwise;
	if (parse_uint(text, &value)) {
		fprintf(stderr, "%s=%s: must be a number\n", name, text);
		exit(2);
	}
	return value;
}

static void built_texts_come_back_and_damaged_ones_do_no_harm(void **state)
{
	uint64_t end = now_ms() + from_environment("VOLT_TEST_BUDGET_MS", 1000);
	unsigned rounds = 0;

	while (now_ms() < end || !rounds) {
		for (unsigned i = 0; i < 64; i++, rounds++) {
			one_round();
			one_name();
		}
	}
	print_message("%u texts\n", rounds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(built_texts_come_back_and_damaged_ones_do_no_harm),
	};
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	uint64_t seed = from_environment(
	    "VOLT_TEST_SEED", (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);

	print_message("VOLT_TEST_SEED=%llu\n", (unsigned long long)seed);
	random_state = seed ? seed : 1; /* the generator has no state 0 */
	return cmocka_run_group_tests_name("params_fuzz", tests, NULL, NULL);
}
