/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A note, but no descriptor.
 */
#include <volt/plugin.h>

__attribute__((section(".note.volt"), used, aligned(4))) static const struct volt_note note = {5,
    12, VOLT_NOTE_TYPE, VOLT_NOTE_NAME, VOLT_ABI_MAJOR, VOLT_ABI_MINOR, VOLT_KIND_DEVICE,
    sizeof(struct volt_plugin)};
