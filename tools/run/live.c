/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/live.h"

#include <string.h>

#include "tools/run/tool.h"
#include "tools/share/backend.h"

/* The state of virtio-fs in what volt-kernel tells of the kernel: "yes", "module" or "no". */
static bool has_state(const char *json, const char *state)
{
	const char *at = strstr(json, "\"virtio-fs\"");
	const char *key = at ? strstr(at, "\"state\"") : NULL;
	const char *value = key ? strchr(key + strlen("\"state\""), '"') : NULL;

	return value && strncmp(value + 1, state, strlen(state)) == 0;
}

/* A module is in the initramfs that volt-kernel makes for a kernel of the store, and may not be in
 * any other. */
static bool kernel_has(struct machine *m)
{
	static struct tool_result result;
	const char *kernel = m->options->kernel ? m->options->kernel : "default";
	const char *const words[] = {kernel_tool(m), "inspect", "--json", kernel, NULL};

	if (tool_run(&result, words, false) != 0)
		return false;
	return has_state(result.out, "yes") ||
	       (m->stored && !m->options->initrd && has_state(result.out, "module"));
}

const char *live_lacks(struct machine *m)
{
	static struct backend backend;

	if (!backend_find(&backend))
		return "virtiofsd is not installed";
	return kernel_has(m) ? NULL : "nothing tells that the kernel has virtio-fs";
}

void live_add(struct machine *m, const char *folder, const char *at)
{
	machine_add(m, "--share");
	machine_add(m, machine_text(m, "%s%s%s,at=%s", folder[0] == '/' ? "" : "./",
			   machine_value(m, folder), m->options->writable ? "" : ",ro", at));
}
