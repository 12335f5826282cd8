/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * cover - one parser and one input: the targets of coverage-guided fuzzing (libFuzzer).
 *
 * Each target is built twice. corpus_NAME runs the inputs that were kept, in every build;
 * cover_NAME looks for new ones, in a build that docs/fuzzing.md describes.
 */
#ifndef TESTS_FUZZ_COVER_H
#define TESTS_FUZZ_COVER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's own name. Returns 0; what must not be aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(int fact, const char *what)
{
	if (fact)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* The input as a text, in a block of exactly its size. The caller frees it. */
static inline char *text_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	must(text != NULL, "no memory");
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
