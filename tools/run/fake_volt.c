/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_volt - a volt whose guest is this machine: the socket of the plugin virtio-vsock, and behind
 * it the agent of volt-init, compiled for the host. So volt-run's tests need no KVM.
 *
 * FAKE_VOLT in the environment:
 *	end STATUS   print a line and end
 *	deaf         accept nothing
 *	odd          an agent of another version
 *	bye          lose the connection when the command begins
 *
 * The share's files are taken out of its image, and stand for /mnt.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "volt-init/agent.h"

/* What the agent calls by the name kill. Process 1 is the guest's: it is this program, and not this
 * machine's. */
int kill(pid_t pid, int sig)
{
	return (int)syscall(SYS_kill, pid == 1 ? getppid() : pid, pid == 1 ? SIGTERM : sig);
}

static char share[4096];

/* What the agent calls by the name chdir. */
int chdir(const char *path)
{
	return (int)syscall(SYS_chdir, share[0] && !strcmp(path, "/mnt") ? share : path);
}

int command_status(int wait_status);

/* As volt-init's command.c, which brings the shell along. */
int command_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static const char *find_path(char **argv)
{
	static const char plugin[] = "virtio-vsock,path=";

	for (; *argv; argv++)
		if (!strncmp(*argv, plugin, strlen(plugin)))
			return *argv + strlen(plugin);
	return NULL;
}

static void take_share(char **argv)
{
	static const char plugin[] = "virtio-blk,disk=";
	char image[4096], request[8300];

	for (; *argv; argv++) {
		const char *option = strstr(*argv, ",readonly=");

		if (!option || strncmp(*argv, plugin, strlen(plugin)) != 0)
			continue;
		snprintf(image, sizeof(image), "%.*s",
		    (int)(option - *argv - (ptrdiff_t)strlen(plugin)), *argv + strlen(plugin));
		snprintf(share, sizeof(share), "%.4000s.files", image);
		snprintf(request, sizeof(request), "rdump / %s", share);
		if (mkdir(share, 0700) == 0 && fork() == 0) {
			execlp("debugfs", "debugfs", "-R", request, image, NULL);
			_exit(127);
		}
		wait(NULL);
	}
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, 16))
		return -1;
	return fd;
}

static bool read_line(int fd)
{
	char c;

	while (read(fd, &c, 1) == 1)
		if (c == '\n')
			return true;
	return false;
}

static void serve_oddly(int fd, const char *how)
{
	uint8_t hello[12] = {4, 0, 0, 0, AGENT_HELLO, 0, 0, 0, AGENT_VERSION};
	char bytes[256];

	if (!strcmp(how, "odd"))
		hello[8] = 99;
	if (write(fd, hello, sizeof(hello)) < 0 || read(fd, bytes, sizeof(bytes)) < 0)
		_exit(1);
	_exit(0);
}

static void serve(int fd, const char *how)
{
	static const char ok[] = "OK 1024\n";

	if (!read_line(fd) || write(fd, ok, strlen(ok)) < 0)
		_exit(1);
	if (!strcmp(how, "odd") || !strcmp(how, "bye"))
		serve_oddly(fd, how);
	agent_serve(fd);
}

int main(int argc, char **argv)
{
	const char *path = find_path(argv), *how = getenv("FAKE_VOLT");
	const int listener = path ? listen_at(path) : -1;

	how = how ? how : "";
	take_share(argv);
	for (int i = 1; i < argc; i++)
		printf("fake volt: %s\n", argv[i]);
	if (!strncmp(how, "end ", 4)) {
		puts("fake volt: it is over");
		return (int)strtol(how + 4, NULL, 10);
	}
	if (listener < 0) {
		perror("fake volt");
		return 102;
	}
	puts("VOLT VM READY uptime 0.001 s");
	fflush(stdout);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		const int fd = strcmp(how, "deaf") ? accept(listener, NULL, NULL) : pause();

		if (fd < 0)
			continue;
		if (fork() == 0) {
			signal(SIGCHLD, SIG_DFL);
			serve(fd, how);
		}
		close(fd);
	}
}
