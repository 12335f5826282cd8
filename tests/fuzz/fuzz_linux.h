/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* fuzz_linux - what the fuzzers of Linux's two kinds of kernel share. */
#ifndef TESTS_FUZZ_FUZZ_LINUX_H
#define TESTS_FUZZ_FUZZ_LINUX_H

#include "tests/fuzz/fuzz_kit.h"

/* Boots what `make` made, with initrds and command lines that are nearly right, and checks what the
 * guest is told. True if it was accepted. */
bool fuzz_linux(int (*make)(void));

#endif
