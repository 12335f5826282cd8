/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A note that says MAJOR, NOTE_KIND, SIZE.
 */
#include "plain.h"

#ifndef MAJOR
#define MAJOR VOLT_ABI_MAJOR
#endif
#ifndef NOTE_KIND
#define NOTE_KIND KIND
#endif
#ifndef SIZE
#define SIZE sizeof(struct volt_plugin)
#endif

__attribute__((section(".note.volt"), used, aligned(4))) static const struct volt_note note = {
    5, 12, VOLT_NOTE_TYPE, VOLT_NOTE_NAME, MAJOR, 9, NOTE_KIND, SIZE};
__attribute__((visibility("default"))) extern const struct volt_plugin volt_plugin;
const struct volt_plugin volt_plugin = PLAIN_DESCRIPTOR;
