/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "cmdline.h"
#include "identity.h"
#include "network.h"
#include "root.h"
#include "small.h"
#include "text.h"

struct settings {
	struct cmdline_port mark, exit;
	bool has_mark, has_exit, has_run;
	bool serves_only; /* the agent's host gives the commands */
	uint32_t agent;   /* its port; 0: none */
	uint32_t ready;   /* the host's port that hears of it; 0: none */
	char cmdline[CMDLINE_MAX], run[CMDLINE_MAX], modules[CMDLINE_MAX];
};

static bool get_port(const char *cmdline, const char *key, struct cmdline_port *port)
{
	char text[32];

	if (!cmdline_get(cmdline, key, text, sizeof(text)))
		return false;
	if (cmdline_port(text, port))
		return true;
	complain("%s=%s is not a port such as 0xf4", key, text);
	return false;
}

/* A vsock port, and what follows it; NULL: there is none. */
static const char *get_vsock_port(
    const char *cmdline, const char *key, char *text, size_t size, uint32_t *port)
{
	unsigned long number;

	if (!cmdline_get(cmdline, key, text, size))
		return NULL;
	const char *end = scan_number(text, 10, &number);
	if (end)
		*port = (uint32_t)number;
	return end;
}

static void read_agent(struct settings *s)
{
	char text[24];
	const char *end = get_vsock_port(s->cmdline, "volt.agent", text, sizeof(text), &s->agent);

	s->serves_only = end && !strcmp(end, ",only");
	get_vsock_port(s->cmdline, "volt.ready", text, sizeof(text), &s->ready);
}

static void read_settings(struct settings *s)
{
	long len = read_file("/proc/cmdline", s->cmdline, sizeof(s->cmdline));

	if (len < 0) {
		complain("cannot read /proc/cmdline: %s", strerror((int)-len));
		return;
	}
	s->mark.value = 'R'; /* ready */
	s->has_mark = get_port(s->cmdline, "volt.mark", &s->mark);
	s->has_exit = get_port(s->cmdline, "volt.exit", &s->exit);
	s->has_run = cmdline_get(s->cmdline, "volt.run", s->run, sizeof(s->run));
	cmdline_get(s->cmdline, "volt.modules", s->modules, sizeof(s->modules));
	read_agent(s);
}

static void set_environment(void)
{
	const char *term = getenv("TERM");

	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	/* The kernel says "linux", which is its own screen: a guest's console is a serial line. */
	if (!term || !strcmp(term, "linux"))
		setenv("TERM", "vt220", 1);
}

static int open_port(const char *what, const struct cmdline_port *port)
{
	int handle = port_open(port->port);

	if (handle < 0)
		complain("cannot use port 0x%x (%s): %s", port->port, what, strerror(-handle));
	return handle;
}

static void announce(const struct settings *s)
{
	int handle = s->has_mark ? open_port("volt.mark", &s->mark) : -1;

	if (handle >= 0)
		port_write(handle, s->mark.port, s->mark.value);
	if (s->ready && !agent_tell_ready(s->ready))
		complain("volt.ready: cannot tell the host at vsock port %u: %s", s->ready,
		    strerror(errno));
	const unsigned long up = uptime_ms();
	print("VOLT VM READY uptime %lu.%03lu s\n", up / 1000, up % 1000);
}

/* For a host that asks over vsock: before the banner, so that who has seen it may connect. */
static void start_agent(const struct settings *s)
{
	if (s->agent && !agent_start(s->agent))
		complain(
		    "volt.agent: cannot listen on vsock port %u: %s", s->agent, strerror(errno));
}

/* Ends the VM with a status: by the exit port, else by power-off. */
static void end_with(struct settings *s, int status)
{
	const struct timespec moment = {.tv_nsec = 200000000};

	int handle = s->has_exit ? open_port("volt.exit", &s->exit) : -1;

	if (handle < 0) {
		complain("exit status %d", status);
		power_end(POWER_OFF);
	}
	power_prepare();
	port_write(handle, s->exit.port, (unsigned char)status);
	nanosleep(&moment, NULL);
	complain("exit status %d: nothing ended the VM at port 0x%x", status, s->exit.port);
	power_end(POWER_OFF);
}

static void act_on_signal(int signal)
{
	if (signal == SIGTERM)
		power_end(POWER_REBOOT);
	/* Ctrl-Alt-Del is how a host asks a guest to stop. */
	if (signal == SIGINT || signal == SIGUSR2 || signal == SIGPWR)
		power_end(POWER_OFF);
	if (signal == SIGUSR1)
		power_end(POWER_HALT);
}

/* Waits for a child while acting on signals and reaping orphans; returns its wait status. */
static int wait_for(pid_t child, const sigset_t *signals)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid == child && child > 0)
			return status;
		if (pid > 0)
			continue;
		int signal = sigwaitinfo(signals, NULL);
		if (signal > 0)
			act_on_signal(signal);
	}
}

static void run_shell(struct settings *s, const sigset_t *signals)
{
	const struct timespec pause_1s = {.tv_sec = 1};

	for (;;) {
		pid_t pid = command_start_shell();
		if (pid > 0) {
			int status = wait_for(pid, signals);
			if (WIFEXITED(status))
				end_with(s, WEXITSTATUS(status));
			complain("the shell was killed by signal %d; starting another",
			    WTERMSIG(status));
		} else {
			complain("cannot start a shell: %s", strerror(errno));
		}
		/* A shell that dies at once must not fill the console. */
		nanosleep(&pause_1s, NULL);
	}
}

static void run_command(struct settings *s, char **args, const sigset_t *signals)
{
	pid_t pid = command_start(s->run, args);

	if (pid < 0) {
		complain("cannot start '%s': %s", s->run, strerror(errno));
		end_with(s, 126);
	}
	end_with(s, command_status(wait_for(pid, signals)));
}

static void block_signals(sigset_t *set)
{
	static const int signals[] = {SIGCHLD, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPWR};

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(set, signals[i]);
	sigprocmask(SIG_BLOCK, set, NULL);
}

__attribute__((noreturn)) static void run_init(char **args)
{
	static struct settings s;
	sigset_t signals;

	block_signals(&signals);
	reboot(RB_DISABLE_CAD);
	mounts_setup();
	bool console = console_open();
	set_environment();
	read_settings(&s);
	modules_load(s.modules);
	if (!console)
		console = console_open(); /* of a driver that was one of the modules */
	network_setup(s.cmdline);
	enum root_result root = root_switch(s.cmdline);
	if (root != ROOT_FAILED && !root_mount_shares(s.cmdline))
		root = ROOT_FAILED;
	network_write_resolver();
	if (s.serves_only && root == ROOT_FAILED)
		end_with(&s, 126);
	identity_watch();
	start_agent(&s);
	announce(&s);
	if (s.has_run && root == ROOT_FAILED)
		end_with(&s, 126);
	if (s.has_run)
		run_command(&s, args, &signals);
	while (s.serves_only)
		wait_for(-1, &signals);
	if (root == ROOT_READY)
		root_run_init(s.cmdline, args);
	if (root != ROOT_NONE)
		complain("here is a shell to look around; exit ends the VM");
	if (console)
		run_shell(&s, &signals);
	for (;;)
		wait_for(-1, &signals);
}

int main(int argc, char **argv)
{
	/* Under any other PID it is the little shell, for tests and for use inside a guest. */
	if (getpid() != 1)
		return shell_main(argc, argv);
	run_init(argv + 1);
}
