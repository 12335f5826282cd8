/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A descriptor that is a variable.
 */
#include "plain.h"

__attribute__((section(".note.volt"), used, aligned(4))) static const struct volt_note note = {5,
    12, VOLT_NOTE_TYPE, VOLT_NOTE_NAME, VOLT_ABI_MAJOR, VOLT_ABI_MINOR, KIND,
    sizeof(struct volt_plugin)};
__attribute__((visibility("default"))) extern struct volt_plugin volt_plugin;
struct volt_plugin volt_plugin = PLAIN_DESCRIPTOR;
