/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt-jail: starts volt as an unprivileged user behind namespaces, an empty root and limits.
 *
 *	launcher (root, outside)     reads the options, makes the cgroup, hands signals on,
 *	    |                        removes the cgroup, exits with volt's status
 *	process 1 (inside)           makes the root, gives up all rights, collects the dead
 *	    |
 *	volt                         seals itself further
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jail/cgroup.h"
#include "jail/command.h"
#include "jail/entries.h"
#include "jail/inside.h"
#include "jail/namespaces.h"
#include "jail/options.h"
#include "jail/privileges.h"
#include "jail/reaper.h"
#include "jail/say.h"
#include "sdk/common/compat.h"

static int to_code(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return complain(JAIL_SIGNAL + WTERMSIG(status), "the jail was killed by SIG%s",
	    sigabbrev_np(WTERMSIG(status)));
}

static int guard(pid_t child)
{
	siginfo_t info;
	sigset_t set;
	int status;

	reaper_signals(&set);
	for (;;) {
		if (waitpid(child, &status, WNOHANG) == child)
			return to_code(status);
		if (sigwaitinfo(&set, &info) <= 0 ||
		    !reaper_should_pass(info.si_signo, info.si_code))
			continue;
		if (kill(child, info.si_signo) != 0 && errno == EPERM)
			complain(JAIL_STEP, "cannot hand SIG%s on: CAP_KILL is needed",
			    sigabbrev_np(info.si_signo));
	}
}

static int launch(
    const struct options *o, const struct command *c, struct entries *es, int cgroup_fd)
{
	int link[2];
	sigset_t set;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) != 0)
		return complain(
		    complain_code(JAIL_STEP), "cannot make a socket pair: %s", strerror(errno));
	reaper_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid_t child = namespaces_fork(cgroup_fd);
	if (child == 0) {
		close(link[0]); /* the launcher alone has it, for as long as it lives */
		_exit(inside_run(o, c, es, link[1]));
	}
	close(link[1]);
	if (child < 0)
		return JAIL_STEP;
	int code = o->user_namespace ? namespaces_serve_user(link[0], child, o) : 0;
	if (code != 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		return code;
	}
	return guard(child);
}

int main(int argc, char **argv)
{
	static struct options options;
	static struct entries entries;
	static struct command command;
	struct cgroup cgroup;
	int code = privileges_clean_inheritance();

	if (code != 0)
		return code;
	code = options_parse(&options, argc, argv);
	if (code != OPTIONS_GO_ON)
		return code;
	if (geteuid() != 0)
		return complain(
		    JAIL_HOST, "must be started as root; without root, start volt itself");
	code = command_plan(&command, &options, &entries);
	if (code == 0)
		code = cgroup_make(&cgroup, &options);
	if (code != 0)
		return code;
	code = launch(&options, &command, &entries, cgroup.fd);
	cgroup_remove(&cgroup);
	return code;
}
