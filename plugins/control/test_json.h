/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The cases of json.c; returns how many failed. */
#ifndef TEST_JSON_H
#define TEST_JSON_H

int test_json(void);

#endif
