/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Two notes, of which a reader may take either.
 */
#include "plain.h"

__attribute__((section(".note.volt"), used, aligned(4))) static const struct volt_note second = {5,
    12, VOLT_NOTE_TYPE, VOLT_NOTE_NAME, VOLT_ABI_MAJOR, VOLT_ABI_MINOR, KIND,
    sizeof(struct volt_plugin)};

VOLT_PLUGIN(KIND) = PLAIN_DESCRIPTOR;
