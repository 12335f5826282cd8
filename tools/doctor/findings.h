/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * findings - what the doctor found: one line each, with the reason and the remedy.
 */
#ifndef TOOLS_DOCTOR_FINDINGS_H
#define TOOLS_DOCTOR_FINDINGS_H

#include <stdbool.h>

enum level {
	LEVEL_OK,
	LEVEL_WARNING, /* guests run, but slower, or less protected, or with a limit */
	LEVEL_FAIL,    /* Linux guests cannot run */
};

struct finding {
	enum level level;
	const char *id;
	char found[320], why[384], mend[256]; /* the last two may be empty */
};

#define FINDINGS_MAX 64

struct findings {
	struct finding list[FINDINGS_MAX];
	unsigned count;
};

/* Adds one; those below tell more of the newest. */
void found(struct findings *f, enum level level, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void because(struct findings *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void mend(struct findings *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const struct finding *findings_get(const struct findings *f, const char *id);
unsigned findings_count(const struct findings *f, enum level level);

/* To standard output. False: it could not be written. */
bool findings_print(const struct findings *f);

struct host;
bool findings_print_json(const struct findings *f, const struct host *h);

#endif
