/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * kernel - which kernel runs, and the initramfs that fits it.
 *
 * One of the store comes with its modules, and volt-kernel makes the initramfs. A file has its
 * drivers built in, or an --initrd beside it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/run/machine.h"
#include "tools/run/tool.h"

/* Beside volt: as installed, and in a build folder. */
static const char *find_beside(struct machine *m, const char *const places[], int mode)
{
	const char *end = strrchr(m->options->volt, '/');
	const int folder = end ? (int)(end - m->options->volt) : 1;
	const char *from = end ? m->options->volt : ".";
	const char *path = NULL;

	for (; *places; places++) {
		path = machine_text(m, "%.*s/%s", folder, from, *places);
		if (access(path, mode) == 0)
			return path;
	}
	return NULL;
}

const char *kernel_tool(struct machine *m)
{
	static const char *const places[] = {"volt-kernel", "../tools/kernel/volt-kernel", NULL};
	const char *found = find_beside(m, places, X_OK);

	return found ? found : "volt-kernel";
}

/* Debian's, by apt, with its progress on standard error: once, however many runs wait for it. */
static int fetch_default(struct machine *m, const char *tool)
{
	static const char *const places[] = {
	    RUN_FETCH_FROM_BIN, "../../tools/run/kernel-fetch", NULL};
	static struct tool_result result;
	const char *script = find_beside(m, places, R_OK);

	if (!script)
		return run_say(
		    "there is no kernel yet: volt-kernel import --default FILE takes one, "
		    "--kernel names one");
	run_say("there is no kernel yet: fetching Debian's, once");
	const char *const words[] = {"sh", script, tool, NULL};
	const int err = tool_run(&result, words, true);
	if (err)
		return run_say(
		    "no kernel could be fetched: volt-kernel import --default FILE takes "
		    "one, --kernel names one");
	return 0;
}

static int take_default(struct machine *m, const char *tool)
{
	static struct tool_result result;
	const char *const words[] = {tool, "default", NULL};
	const int err = tool_run(&result, words, false);

	if (err == -ENOENT)
		return run_say("%s: is not installed, and --kernel names no file", tool);
	return err ? fetch_default(m, tool) : 0;
}

static int take_from_store(struct machine *m, const char *name)
{
	static struct tool_result result;
	const char *tool = kernel_tool(m);
	const char *initrd = machine_text(m, "%s/initramfs", m->place->path);
	const char *const words[] = {tool, "initramfs", "--quiet", "--output", initrd, name, NULL};
	int err = strcmp(name, "default") == 0 ? take_default(m, tool) : 0;

	if (err)
		return err;
	machine_add(m, "--kernel");
	machine_add(m, name);
	machine_add(m, "--initrd");
	machine_add(m, m->options->initrd ? m->options->initrd : initrd);
	if (m->options->initrd)
		return 0;
	err = tool_run(&result, words, false);
	return err ? run_say("--kernel %s: %s", name, tool_reason(&result, err)) : 0;
}

static int take_file(struct machine *m, const char *path)
{
	static const char *const places[] = {
	    RUN_INITRAMFS_FROM_BIN, "../volt-init/initramfs.cpio.gz", NULL};
	const char *initrd = m->options->initrd;

	if (!initrd)
		initrd = find_beside(m, places, R_OK);
	if (!initrd)
		return run_say("volt-init's initramfs is not installed beside volt: name one by "
			       "--initrd");
	machine_add(m, "--kernel");
	machine_add(m, path);
	machine_add(m, "--initrd");
	machine_add(m, initrd);
	return 0;
}

int kernel_prepare(struct machine *m)
{
	const char *kernel = m->options->kernel;

	/* The same rule as volt's. */
	if (kernel && (strchr(kernel, '/') || access(kernel, F_OK) == 0))
		return take_file(m, kernel);
	m->stored = true;
	return take_from_store(m, kernel ? kernel : "default");
}
