/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jail/libraries.h"
#include "jail/namespaces.h"
#include "jail/privileges.h"
#include "jail/reaper.h"
#include "jail/root.h"
#include "jail/say.h"

#define SEARCH_NAME "LD_LIBRARY_PATH="

/* Order: the list needs the old root; opening fixes each file; then the old root goes. */
static int make_root(const struct options *o, const struct command *c, struct entries *es,
    char search[LIBRARIES_PATH_SIZE])
{
	struct root root = {.fd = -1, .dev_fd = -1};
	char cwd[PATH_MAX];
	int code = root_detach();

	if (!getcwd(cwd, sizeof(cwd)) || cwd[0] != '/')
		snprintf(cwd, sizeof(cwd), "/");
	if (code == 0)
		code = libraries_plan(c, o, es, search);
	if (code == 0)
		code = entries_order(es);
	if (code == 0)
		code = entries_open(es, o->uid, o->gid);
	if (code == 0)
		code = root_build(&root, o, es, cwd);
	return code != 0 ? code : root_enter(&root, cwd);
}

/* With the launcher killed nobody would hand signals on: so die too. Set again after the change
 * of user, which clears it; the launcher may have died before. The reaper watches the link as
 * well, since a launcher without CAP_KILL sends no such signal. */
static int die_with_launcher(int link)
{
	char byte;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return complain(
		    JAIL_STEP, "cannot tie the jail to its launcher: %s", strerror(errno));
	if (recv(link, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
		return JAIL_STEP;
	return 0;
}

static int give_up_rights(const struct options *o, int link)
{
	int code = namespaces_finish();

	if (code == 0)
		code = privileges_limit(o);
	if (code == 0 && setgroups(0, NULL) != 0)
		code = complain(JAIL_STEP, "cannot leave root's groups: %s", strerror(errno));
	if (code == 0 && o->user_namespace)
		code = namespaces_enter_user(link);
	if (code == 0)
		code = privileges_renounce();
	if (code == 0)
		code = privileges_drop(o->uid, o->gid);
	return code != 0 ? code : die_with_launcher(link);
}

/* As the user, before volt would fail with less to say. */
static int check_inside(const struct options *o, const struct entries *es)
{
	int code = entries_check(es, o->uid);
	int fd = code == 0 ? open("/dev/kvm", O_RDWR | O_CLOEXEC) : -1;

	if (code == 0 && fd < 0)
		return complain(complain_code(JAIL_HOST),
		    "user %u cannot open /dev/kvm inside: %s; under systemd it needs "
		    "DeviceAllow=/dev/kvm rwm",
		    o->uid, strerror(errno));
	if (fd >= 0)
		close(fd);
	return code;
}

/* Where no terminal is in use, a session of its own keeps the caller's out of reach. */
static void leave_session(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (isatty(fd))
			return;
	setsid();
}

int inside_run(const struct options *o, const struct command *c, struct entries *es, int link)
{
	static char environment[sizeof(SEARCH_NAME) + LIBRARIES_PATH_SIZE] = SEARCH_NAME;
	char *search = environment + strlen(SEARCH_NAME);
	char *envp[] = {environment, NULL};

	prctl(PR_SET_NAME, "volt-jail-init");
	int code = die_with_launcher(link);
	if (code == 0)
		code = make_root(o, c, es, search);
	if (code == 0)
		code = give_up_rights(o, link);
	if (code == 0)
		code = check_inside(o, es);
	if (code != 0)
		return code;
	leave_session();
	if (search[0] == '\0')
		envp[0] = NULL;
	return reaper_run(c->program, o->command, envp, link);
}
