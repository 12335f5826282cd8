/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * network - passt(1), which needs no root: it stands for the network until volt leaves it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/run/machine.h"
#include "tools/run/tool.h"

#define TICK_MS 5
#define WAIT_MS 10000
#define NOBODY  65534

/* The end of what it printed. */
static int tell_failure(const char *log)
{
	char text[512];
	const int fd = open(log, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n > 0 ? n : 0] = '\0';
	return run_say("--net: passt did not start: %s", tool_last_line(text));
}

static int wait_for_socket(const char *path, pid_t passt, const char *log)
{
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000000};
	struct stat st;

	for (int waited = 0; waited < WAIT_MS; waited += TICK_MS) {
		if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode))
			return 0;
		if (waitpid(passt, NULL, WNOHANG) != 0)
			return tell_failure(log);
		nanosleep(&tick, NULL);
	}
	return run_say("--net: passt did not start within %d s", WAIT_MS / 1000);
}

/* Started by root it becomes nobody before it makes its socket. */
static int make_room(struct machine *m, const char *folder)
{
	if (mkdir(folder, 0700) != 0)
		return -errno;
	if (geteuid() != 0)
		return 0;
	return chown(folder, NOBODY, NOBODY) != 0 || chmod(m->place->path, 0711) != 0 ? -errno : 0;
}

/* volt has no capabilities by the time: as root it opens what root owns. */
static int take_back(struct machine *m, const char *folder, const char *socket)
{
	if (geteuid() != 0)
		return 0;
	if (chown(socket, 0, 0) != 0 || chown(folder, 0, 0) != 0 ||
	    chmod(m->place->path, 0700) != 0)
		return run_say("--net: passt's socket: %s", strerror(errno));
	return 0;
}

int network_check(struct machine *m)
{
	if (!m->options->net || tool_is_there("passt"))
		return 0;
	return run_say("--net: passt: it is not installed; Debian has it in the package passt");
}

int network_prepare(struct machine *m)
{
	if (!m->options->net)
		return 0;
	const char *folder = machine_text(m, "%s/net", m->place->path);
	const char *path = machine_text(m, "%s/sock", folder);
	const char *log = machine_text(m, "%s/passt", m->place->path);
	const char *const words[] = {
	    "passt", "--foreground", "--one-off", "--quiet", "--socket", path, NULL};
	const int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	const int err = out < 0 ? -errno : make_room(m, folder);

	if (err)
		return run_say("--net: %s", strerror(-err));
	const pid_t passt = tool_start(words, out);
	close(out);
	if (passt < 0)
		return run_say("--net: passt: %s", strerror(-passt));
	place_note_child(m->place, passt);
	machine_add(m, "--plugin");
	machine_add(m, machine_text(m, "virtio-net,socket=unix:%s", machine_value(m, path)));
	machine_append(m, "ip=dhcp");
	const int failed = wait_for_socket(path, passt, log);
	return failed ? failed : take_back(m, folder, path);
}
