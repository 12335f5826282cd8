/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/config.h"
#include "core/event/end_record.h"
#include "core/event/listen.h"
#include "core/event/notify.h"
#include "core/event/reopen.h"
#include "core/event/reporter.h"
#include "core/plugin/device_file.h"
#include "core/vm/allowlist.h"
#include "core/vm/host_caller.h"
#include "core/vm/registry.h"
#include "core/vm/store.h"
#include "core/vm/vm.h"
#include "sdk/common/compat.h"

/* The folder of the user's kernels, found while the environment is still there. */
static char store_path[PATH_MAX];

#ifdef VOLT_SANITIZED

/* Sanitizers are loaded by the environment, and keep their settings in it. */
static void clean_environment(char **argv)
{
}

#else

/* These variables stay: store_locate(), registry_locate() and notify_locate() read them. */
static bool is_read(const char *e)
{
	if (VOLT_HAS_KERNELS &&
	    (strncmp(e, "HOME=", 5) == 0 || strncmp(e, "XDG_DATA_HOME=", 14) == 0))
		return true;
	return VOLT_HAS_OPERATE &&
	       (strncmp(e, "XDG_RUNTIME_DIR=", 16) == 0 || strncmp(e, "NOTIFY_SOCKET=", 14) == 0);
}

/* The dynamic linker has followed LD_PRELOAD and its like before main() began, so volt starts anew
 * without them: the libraries of plugins must come from the system's own folders. */
static void clean_environment(char **argv)
{
	char *kept[5] = {NULL};
	size_t count = 0;
	bool linker = false;

	for (char **e = environ; *e; e++) {
		linker =
		    linker || strncmp(*e, "LD_", 3) == 0 || strncmp(*e, "GLIBC_TUNABLES=", 15) == 0;
		if (count < 4 && is_read(*e))
			kept[count++] = *e;
	}
	if (linker && argv[0])
		execve("/proc/self/exe", argv, kept);
	if (linker)
		log_warn(
		    "the environment changes how programs are loaded (LD_...): cannot start anew");
	clearenv();
	prctl(PR_SET_NAME, "volt"); /* starting anew made it "exe" */
}

#endif

/* A VM's descriptor must never become number 0, 1 or 2: a stray print would go there. */
static int hold_standard_files(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return log_host_error(errno,
			    "/dev/null: cannot open it in the place of a standard file that is "
			    "closed: %s",
			    strerror(errno));
	return 0;
}

int inherit_clean(char **argv)
{
	struct sigaction defaults = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
	sigset_t none;

	if (hold_standard_files() != 0)
		return -EBADF;
	/* nohup ignores SIGHUP and a shell ignores SIGINT for its background jobs: that stays. */
	for (int s = 1; s < NSIG; s++)
		if (s != SIGHUP && s != SIGINT && s != SIGQUIT)
			sigaction(s, &defaults, NULL); /* refused for SIGKILL and SIGSTOP */
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	store_locate(
	    store_path, sizeof(store_path)); /* if it fails, the user of the path logs it */
	registry_locate();
	notify_locate();
	clean_environment(argv);
	return 0;
}

static int open_input(const char *option, const char *path, int *fd)
{
	struct stat st;

	/* O_NONBLOCK: the open of a FIFO without a writer would wait; it is refused instead. */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return log_error(
		    errno, "--%s %s: cannot be opened: %s", option, path, strerror(errno));
	if (fstat(*fd, &st) != 0)
		return log_error(
		    errno, "--%s %s: cannot be examined: %s", option, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return log_error(EINVAL, "--%s %s: is not a regular file", option, path);
	return 0;
}

/* Opens the file `word` if there is one, else the kernel of that name in the store. */
static int open_kernel(const char *word, int *fd)
{
	char name[STORE_NAME_MAX], why[PATH_MAX + 512];

	if (access(word, F_OK) == 0 || errno != ENOENT || !store_may_name(word))
		return open_input("kernel", word, fd);
	if (store_path[0] == '\0')
		return log_error(ENOENT,
		    "--kernel %s: no such file, and no store to look in: neither XDG_DATA_HOME nor "
		    "HOME is an absolute path",
		    word);
	*fd = store_open(store_path, word, name, why, sizeof(why));
	if (*fd < 0)
		return log_error(-*fd, "--kernel %s: no such file here, and %s", word, why);
	log_debug("--kernel %s is %s of %s", word, name, store_path);
	struct stat st;
	if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode))
		return log_error(EINVAL, "--kernel %s: %s/%s holds what is not a regular file",
		    word, store_path, name);
	return 0;
}

static int open_output(const char *option, const char *path, int flags, int *fd)
{
	*fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0644);
	if (*fd < 0)
		return log_error(errno, "--%s %s: cannot be opened for writing: %s", option, path,
		    strerror(errno));
	return 0;
}

/* Closes every descriptor but those of the ledger. */
static int close_between(struct ledger *l)
{
	unsigned first = 3;
	int err = ledger_check(l);

	if (err)
		return err;
	ledger_sort(l);
	for (uint32_t i = 0; i < l->file_count; i++) {
		const unsigned fd = (unsigned)l->files[i].fd;

		if (fd < first)
			continue;
		if (fd > first)
			err = open_files_close(first, fd - 1);
		if (err)
			return err;
		first = fd + 1;
	}
	return open_files_close(first, UINT_MAX);
}

static int close_others(struct ledger *l)
{
	const int err = close_between(l);

	if (err)
		return log_error(
		    -err, "cannot close the files that volt was started with: %s", strerror(-err));
	return 0;
}

#define NAMED_MAX 16u

/* The descriptors that parameters name as `fd:N`. A path that happens to begin with "fd:" keeps one
 * too many open, until inherit_close_rest(). */
static size_t named_by_parameters(const struct options *o, int *fds)
{
	size_t n = 0;

	for (uint32_t i = 0; i < o->plugin_count; i++)
		n += device_file_list_numbers(o->plugins[i], fds + n, NAMED_MAX - n);
	for (uint32_t i = 0; VOLT_HAS_OPERATE && i < o->share_count; i++)
		n += device_file_list_numbers(o->shares[i].plugin, fds + n, NAMED_MAX - n);
	return n;
}

static bool is_parameters(const struct machine *m, int fd)
{
	for (uint32_t i = 0; i < m->instance_count; i++)
		if (host_is_parameter(m->instances[i], fd))
			return true;
	return false;
}

/* A descriptor without close-on-exec was inherited and not taken by a plugin: volt opens its own
 * with it. */
void inherit_close_rest(const struct machine *m)
{
	int fds[NAMED_MAX];
	const size_t n = named_by_parameters(m->options, fds);

	for (size_t i = 0; i < n; i++) {
		const int flags = fcntl(fds[i], F_GETFD);

		if (flags >= 0 && !(flags & FD_CLOEXEC) && !is_parameters(m, fds[i]))
			close(fds[i]);
	}
}

static int open_notify(const struct options *o)
{
	char why[256];
	int fd = -1;

	const int err = VOLT_HAS_OPERATE && o->ready_socket
			    ? listen_unix(o->ready_socket, o->explain, &fd, why, sizeof(why))
			    : 0;
	if (err)
		return log_error(-err, "--ready-socket: %s", why);
	notify_open(fd, o->restore != NULL, o->explain);
	return 0;
}

int inherit_open_outputs(struct machine *m)
{
	const struct options *o = m->options;
	int log = -1, err = 0;

	if (o->log_file)
		err = open_output("log-file", o->log_file, O_APPEND, &log);
	else
		log = reopen_nonblocking(
		    STDERR_FILENO, O_WRONLY); /* a reader that is stuck must not stop the VM */
	if (err)
		return err;
	if (log >= 0)
		log_set_fd(log);
	err = registry_enter(o);
	if (err)
		return err;
	err = open_notify(o);
	if (err)
		return err;
	if (o->allowlist)
		err = allowlist_load(o->allowlist);
	if (err)
		return err;
	if (o->trace_file)
		err = open_output(
		    "trace-file", o->explain ? "/dev/null" : o->trace_file, O_TRUNC, &m->trace_fd);
	if (err)
		return err;
	/* Where a clean-up helper runs anyway, for a terminal or a record of the end, its word
	 * costs nothing. */
	if (VOLT_HAS_AUDIT &&
	    (o->seccomp_report || o->seccomp_log || end_record_wanted() || isatty(STDIN_FILENO)))
		return reporter_open(o->seccomp_report) != 0 && o->seccomp_report ? -EACCES : 0;
	return 0;
}

int inherit_open_inputs(struct machine *m)
{
	const struct options *o = m->options;
	int err = 0;

	if (o->kernel)
		err = open_kernel(o->kernel, &m->kernel_fd);
	if (err)
		return err;
	if (o->initrd)
		err = open_input("initrd", o->initrd, &m->initrd_fd);
	if (err)
		return err;
	for (uint32_t i = 0; i < o->module_count; i++) {
		err = open_input("module", o->modules[i].file, &m->module_fds[i]);
		if (err)
			return err;
	}
	struct ledger keep = {0};
	int named[NAMED_MAX];
	const size_t count = named_by_parameters(o, named);
	inherit_declare(m, &keep);
	for (size_t i = 0; i < count; i++)
		ledger_file(&keep, named[i], "core", "named by a parameter");
	err = close_others(&keep);
	ledger_finish(&keep);
	return err;
}

void inherit_declare(const struct machine *m, struct ledger *l)
{
	ledger_file(l, STDIN_FILENO, "core", "standard input");
	ledger_file(l, STDOUT_FILENO, "core", "standard output");
	ledger_file(l, STDERR_FILENO, "core", "standard error");
	log_declare(l);
	registry_declare(l);
	notify_declare(l);
	reporter_declare(l);
	ledger_allow(l, ledger_file(l, m->trace_fd, "core", "trace"), LEDGER_LOOP, "write", NULL,
	    "writes the trace");
	if (m->options->restore_wait)
		ledger_file(l, m->options->restore_wait, "core", "socket of --restore-wait");
	ledger_file(l, m->kernel_fd, "core", "kernel");
	ledger_file(l, m->initrd_fd, "core", "initrd");
	for (uint32_t i = 0; i < BOOT_MODULE_MAX; i++)
		ledger_file(l, m->module_fds[i], "core", "module");
}
