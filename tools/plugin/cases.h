/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * cases - what is asked of a plugin, in this order; see volt-plugin(1).
 */
#ifndef TOOLS_PLUGIN_CASES_H
#define TOOLS_PLUGIN_CASES_H

#include "check.h"

void case_file(struct check *c);
void case_statics(struct check *c);
void case_load(struct check *c);
void case_descriptor(struct check *c);
void case_init(struct check *c);
void case_parameters(struct check *c);
void case_leaks(struct check *c);
void case_failures(struct check *c);
void case_random(struct check *c);
void case_seal(struct check *c);
void case_needs(struct check *c);
void case_repeat(struct check *c);
void case_reset(struct check *c);
void case_instances(struct check *c);
void case_state(struct check *c);
void case_sandbox(struct check *c);

#endif
