/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/run/tool.h"

/* -------------------------------------------------------------- the command line */

void machine_add(struct machine *m, const char *word)
{
	if (m->count < MACHINE_WORDS - 1)
		m->words[m->count++] = word;
}

const char *machine_text(struct machine *m, const char *fmt, ...)
{
	char *text = m->text + m->used;
	const size_t room = sizeof(m->text) - m->used;
	va_list ap;

	va_start(ap, fmt);
	const int n = vsnprintf(text, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		run_say("the names of files are too long");
		place_close(m->place);
		exit(RUN_FAILED);
	}
	m->used += (size_t)n + 1;
	return text;
}

void machine_append(struct machine *m, const char *text)
{
	const size_t n = strlen(m->cmdline);

	snprintf(m->cmdline + n, sizeof(m->cmdline) - n, "%s%s", n ? " " : "", text);
}

const char *machine_value(struct machine *m, const char *path)
{
	char twice[2 * PATH_MAX];
	size_t n = 0;

	for (; *path && n < sizeof(twice) - 2; path++) {
		twice[n++] = *path;
		if (*path == ',')
			twice[n++] = ',';
	}
	twice[n] = '\0';
	return machine_text(m, "%s", twice);
}

/* ------------------------------------------------------------------------ steps */

/* The module that stands behind /dev/kvm there: volt doctor tells more. A guest of it does not end,
 * so nothing later would tell. */
#define CANNOT_RUN_LINUX "kvm_pvm"

int machine_check_host(const struct run_options *o)
{
	const int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	const int err = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	if (err == ENOENT || err == ENODEV || err == ENXIO)
		return run_say(
		    "this host has no KVM (/dev/kvm: %s), and a VM needs it; volt doctor "
		    "tells how to get it",
		    strerror(err));
	if (err == EACCES || err == EPERM)
		return run_say(
		    "no right to use /dev/kvm: the user must be in its group, mostly kvm; "
		    "volt doctor tells more");
	if (err)
		return run_say("/dev/kvm: cannot be opened: %s", strerror(err));
	if (access("/sys/module/" CANNOT_RUN_LINUX, F_OK) != 0 || o->any_kvm)
		return 0;
	return run_say(
	    "this host's KVM (" CANNOT_RUN_LINUX ") cannot run Linux; --any-kvm tries it "
	    "anyway, and volt doctor tells more");
}

static void begin(struct machine *m)
{
	const struct run_options *o = m->options;

	machine_add(m, o->volt);
	machine_add(m, "--memory");
	machine_add(m, o->memory);
	machine_add(m, "--cpus");
	machine_add(m, o->cpus);
	machine_add(m, "--plugin");
	machine_add(m, "default");
	snprintf(m->socket, sizeof(m->socket), "%s/vsock", m->place->path);
	machine_add(m, "--plugin");
	machine_add(m, machine_text(m, "virtio-vsock,path=%s", machine_value(m, m->socket)));
	machine_append(
	    m, o->verbose ? "volt.agent=1024,only" : "quiet loglevel=3 volt.agent=1024,only");
}

int machine_prepare(struct machine *m)
{
	begin(m);
	/* Before anything is fetched or copied, which takes time. */
	int err = root_check(m);
	if (err)
		return err;
	err = network_check(m);
	if (err)
		return err;
	err = kernel_prepare(m);
	if (err)
		return err;
	err = root_prepare(m);
	if (err)
		return err;
	err = share_prepare(m);
	if (err)
		return err;
	err = network_prepare(m);
	if (err)
		return err;
	machine_add(m, "--append");
	machine_add(m, m->cmdline);
	m->words[m->count] = NULL;
	return 0;
}

int machine_start(struct machine *m)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return run_say("cannot make a pipe: %s", strerror(errno));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	m->volt = tool_start(m->words, ends[1]);
	close(ends[1]);
	m->console = ends[0];
	if (m->volt < 0)
		return run_say("%s: cannot be started: %s", m->words[0], strerror(-m->volt));
	place_note_child(m->place, m->volt);
	return 0;
}

/* Nothing of the guest is kept, so nothing has to be written out. */
void machine_stop(struct machine *m)
{
	kill(m->volt, SIGKILL);
	while (waitpid(m->volt, NULL, 0) < 0 && errno == EINTR)
		continue;
}
