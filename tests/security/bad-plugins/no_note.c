/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A descriptor, but no note.
 */
#include "plain.h"

__attribute__((visibility("default"))) extern const struct volt_plugin volt_plugin;
const struct volt_plugin volt_plugin = PLAIN_DESCRIPTOR;
