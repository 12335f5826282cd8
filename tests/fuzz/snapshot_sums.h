/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* snapshot_sums - makes the sums of a changed state file right, as an attacker would. */
#ifndef TESTS_FUZZ_SNAPSHOT_SUMS_H
#define TESTS_FUZZ_SNAPSHOT_SUMS_H

#include <stddef.h>
#include <stdint.h>

void snapshot_mend(uint8_t *bytes, size_t n);

#endif
