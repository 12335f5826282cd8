/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/doctor/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void found(struct findings *f, enum level level, const char *id, const char *fmt, ...)
{
	va_list ap;

	if (f->count == FINDINGS_MAX)
		return;
	struct finding *n = &f->list[f->count++];
	*n = (struct finding){.level = level, .id = id};
	va_start(ap, fmt);
	vsnprintf(n->found, sizeof(n->found), fmt, ap);
	va_end(ap);
}

void because(struct findings *f, const char *fmt, ...)
{
	struct finding *n = &f->list[f->count - 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(n->why, sizeof(n->why), fmt, ap);
	va_end(ap);
}

void mend(struct findings *f, const char *fmt, ...)
{
	struct finding *n = &f->list[f->count - 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(n->mend, sizeof(n->mend), fmt, ap);
	va_end(ap);
}

const struct finding *findings_get(const struct findings *f, const char *id)
{
	for (unsigned i = 0; i < f->count; i++)
		if (strcmp(f->list[i].id, id) == 0)
			return &f->list[i];
	return NULL;
}

unsigned findings_count(const struct findings *f, enum level level)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->count; i++)
		n += f->list[i].level == level;
	return n;
}

static void print_one(const struct finding *n)
{
	static const char *const names[] = {
	    [LEVEL_OK] = "ok", [LEVEL_WARNING] = "warning", [LEVEL_FAIL] = "fail"};

	printf("%-8s %-14s %s", names[n->level], n->id, n->found);
	if (n->why[0] != '\0')
		printf(": %s", n->why);
	if (n->mend[0] != '\0')
		printf(" | mend: %s", n->mend);
	putchar('\n');
}

bool findings_print(const struct findings *f)
{
	unsigned fails = findings_count(f, LEVEL_FAIL), warnings = findings_count(f, LEVEL_WARNING);
	const char *between = " because of";

	for (unsigned i = 0; i < f->count; i++)
		print_one(&f->list[i]);
	printf("this host %s", fails == 0 ? "runs Linux guests" : "cannot run Linux guests,");
	for (unsigned i = 0; fails > 0 && i < f->count; i++) {
		if (f->list[i].level != LEVEL_FAIL)
			continue;
		printf("%s %s", between, f->list[i].id);
		between = ",";
	}
	printf("; %u warning%s\n", warnings, warnings == 1 ? "" : "s");
	return fflush(stdout) == 0 && !ferror(stdout);
}
