/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/attention.h - the operator wants the guest's attention: "volt.attention/1".
 *
 * Stability: candidate. Offered by plugins that can tell a guest to shut down or restart
 * in an orderly way, as a keyboard does with Ctrl-Alt-Del. The core calls it for
 * SIGUSR1 and for VOLT_REQUEST_ATTENTION.
 */
#ifndef VOLT_ATTENTION_H
#define VOLT_ATTENTION_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_ATTENTION "volt.attention/1"

/* What the plugin offers. */
struct volt_attention {
	uint32_t size, reserved;
	/* [loop] Delivered if the guest is ready for it, else dropped. Required. */
	void (*attention)(void *self);
};

#ifdef __cplusplus
}
#endif

#endif
