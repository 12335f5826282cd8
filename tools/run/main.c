/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/run.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sdk/common/params.h"
#include "tools/misuse.h"
#include "tools/run/back.h"
#include "tools/run/machine.h"
#include "tools/run/session.h"
#include "tools/run/terminal.h"
#include "tools/run/tool.h"
#include "tools/standard.h"

enum {
	OPT_KERNEL = MISUSE_VAL,
	OPT_INITRD,
	OPT_IMAGE,
	OPT_ROOT,
	OPT_SHARE,
	OPT_NO_SHARE,
	OPT_WRITABLE,
	OPT_ENV,
	OPT_FOLDER,
	OPT_NET,
	OPT_MEMORY,
	OPT_CPUS,
	OPT_VERBOSE,
	OPT_ANY_KVM,
	OPT_VOLT,
	OPT_VERSION,
	OPT_HELP
};

static const struct option longs[] = {
    {"kernel", required_argument, NULL, OPT_KERNEL},
    {"initrd", required_argument, NULL, OPT_INITRD},
    {"image", required_argument, NULL, OPT_IMAGE},
    {"root", required_argument, NULL, OPT_ROOT},
    {"share", required_argument, NULL, OPT_SHARE},
    {"no-share", no_argument, NULL, OPT_NO_SHARE},
    {"writable", no_argument, NULL, OPT_WRITABLE},
    {"env", required_argument, NULL, OPT_ENV},
    {"workdir", required_argument, NULL, OPT_FOLDER},
    {"net", no_argument, NULL, OPT_NET},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {"any-kvm", no_argument, NULL, OPT_ANY_KVM},
    {"volt", required_argument, NULL, OPT_VOLT},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

int run_say(const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* In raw mode a line feed alone does not return. */
	fprintf(stderr, "volt run: %s%s\n", line, isatty(STDERR_FILENO) ? "\r" : "");
	return RUN_FAILED;
}

static void print_help(void)
{
	puts("usage: volt run [OPTION...] [--] [COMMAND [ARGUMENT...]]\n\n"
	     "Runs a command in a new Linux VM, with this terminal or these streams and with its "
	     "status;\n"
	     "without a command, a shell. The VM ends with it, and nothing of it stays.\n\n"
	     "  --kernel FILE|NAME  the kernel (the default of the store; fetched if there is "
	     "none)\n"
	     "  --initrd FILE       the initramfs (made to fit a kernel of the store)\n"
	     "  --image FILE|NAME   the root: a disk image, which the run does not change\n"
	     "                      (the image named default if there is one; else volt-init "
	     "alone)\n"
	     "  --root DIR          the root: a copy of this folder\n"
	     "  --share DIR         the folder that is on /mnt, read-only (the current one)\n"
	     "  --no-share          nothing is on /mnt\n"
	     "  --writable          /mnt can be written; what is new there is in the folder "
	     "afterwards\n"
	     "  --env NAME[=VALUE]  set a variable, or hand this one on; may be repeated\n"
	     "  --workdir DIR       where the command starts (/mnt, or / with --no-share)\n"
	     "  --net               a network by passt\n"
	     "  --memory SIZE       the guest's memory (512M)\n"
	     "  --cpus COUNT        its processors (1)\n"
	     "  --verbose           show the console of the guest\n"
	     "  --any-kvm           go on where this host's KVM is known not to run Linux\n"
	     "  --volt FILE         the program volt\n"
	     "  --version           print version and exit\n"
	     "  --help              print this text and exit\n\n"
	     "Exit codes:\n"
	     "  125  volt run failed, and says why\n"
	     "  126  the command cannot be run\n"
	     "  127  the command is not there\n"
	     "  any other: the command's; 128 + N if signal N ended it");
}

static int add_variable(struct run_options *o, const char *text)
{
	const char *value = strchr(text, '=') ? text : NULL;
	char *pair;

	if (text[0] == '\0' || text[0] == '=')
		return run_say("--env %s: has no name", text);
	if (o->env_count == RUN_ENV_MAX)
		return run_say("--env: at most %d are possible", RUN_ENV_MAX);
	if (!value && !getenv(text))
		return 0; /* not set here, so not there */
	if (!value && asprintf(&pair, "%s=%s", text, getenv(text)) < 0)
		return run_say("--env: %s", strerror(ENOMEM));
	o->env[o->env_count++] = value ? value : pair;
	return 0;
}

static int take(struct run_options *o, int option)
{
	uint64_t n; /* volt knows the limits of it */

	switch (option) {
	case OPT_KERNEL:
		o->kernel = optarg;
		return 0;
	case OPT_INITRD:
		o->initrd = optarg;
		return 0;
	case OPT_IMAGE:
		o->image = optarg;
		return 0;
	case OPT_ROOT:
		o->root = optarg;
		return 0;
	case OPT_SHARE:
		o->share = optarg;
		return 0;
	case OPT_NO_SHARE:
		o->no_share = true;
		return 0;
	case OPT_WRITABLE:
		o->writable = true;
		return 0;
	case OPT_ENV:
		return add_variable(o, optarg);
	case OPT_FOLDER:
		o->folder = optarg;
		return 0;
	case OPT_NET:
		o->net = true;
		return 0;
	case OPT_MEMORY:
		o->memory = optarg;
		return parse_size(optarg, &n)
			   ? run_say("--memory %s: give a size, such as 512M", optarg)
			   : 0;
	case OPT_CPUS:
		o->cpus = optarg;
		return parse_uint(optarg, &n) ? run_say("--cpus %s: give a number", optarg) : 0;
	case OPT_VERBOSE:
		o->verbose = true;
		return 0;
	case OPT_ANY_KVM:
		o->any_kvm = true;
		return 0;
	default:
		o->volt = optarg;
		return 0;
	}
}

/* Those that say the opposite of each other. */
static int check(const struct run_options *o)
{
	if (o->image && o->root)
		return run_say("--image and --root: give one of them");
	if (o->share && o->no_share)
		return run_say("--share and --no-share: give one of them");
	if (o->writable && o->no_share)
		return run_say("--writable and --no-share: give one of them");
	return 0;
}

/* -1: go on; else the exit code. Stops at the command, whose options are its own. */
static int parse(struct run_options *o, int argc, char **argv)
{
	int c, err = 0;

	opterr = 0;
	while (!err && (c = misuse_next(argc, argv, "+", longs)) != -1) {
		if (c == OPT_VERSION) {
			puts("volt-run " RUN_VERSION);
			return 0;
		}
		if (c == OPT_HELP) {
			print_help();
			return 0;
		}
		if (c == '?') {
			misuse_option("volt run", longs, argv);
			return RUN_FAILED;
		}
		err = take(o, c);
	}
	o->command = argv[optind] ? argv + optind : NULL;
	err = err ? err : check(o);
	return err ? err : -1;
}

/* Without --volt: the one beside this program, or in its build folder. */
static void find_volt(struct run_options *o)
{
	static const char *const places[] = {"volt", "../../core/volt"};
	static char self[PATH_MAX / 2], path[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (o->volt)
		return;
	o->volt = "volt";
	self[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; n > 0 && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(self, '/') - self), self,
		    places[i]);
		if (access(path, X_OK) != 0)
			continue;
		o->volt = path;
		return;
	}
}

/* Everything but what must be undone. */
static int run_in(struct run_options *o, struct machine *m)
{
	static const char *const shell[] = {"/bin/sh", NULL};
	static struct session_request request;
	const char *term = getenv("TERM");
	char term_pair[128];

	int err = machine_prepare(m);
	if (err)
		return err;
	request.terminal = terminal_wanted();
	if (request.terminal && term && o->env_count < RUN_ENV_MAX) {
		snprintf(term_pair, sizeof(term_pair), "TERM=%s", term);
		memmove(o->env + 1, o->env, o->env_count++ * sizeof(o->env[0]));
		o->env[0] = term_pair; /* one of --env counts more */
	}
	const char *const *words = o->command ? (const char *const *)o->command : shell;
	const char *folder = o->folder ? o->folder : m->folder ? m->folder : "/";
	if (!session_set_command(&request, folder, words, o->env, o->env_count))
		return run_say("the command and its variables are longer than 512 words or 16 KiB");
	session_block_signals(); /* up to here they end this, and the helper tidies */
	err = machine_start(m);
	if (err)
		return err;
	request.socket = m->socket;
	request.volt = m->volt;
	request.console = m->console;
	request.verbose = o->verbose;
	request.place = m->place;
	int code = session_run(&request);
	if (o->writable && m->folder && !m->live && code != RUN_FAILED &&
	    back_copy(m, &request) != 0)
		code = RUN_FAILED;
	machine_stop(m);
	return code;
}

int main(int argc, char **argv)
{
	static struct run_options options = {.memory = "512M", .cpus = "1"};
	static struct machine machine;
	struct place place;

	standard_begin();
	int code = parse(&options, argc, argv);
	if (code >= 0)
		return code;
	find_volt(&options);
	tool_set_path();
	code = machine_check_host(&options);
	if (code)
		return code;
	int err = place_open(&place, NULL);
	if (!err && strlen(place.path) > PLACE_SOCKETS_PATH) {
		place_close(&place);
		err = -ENAMETOOLONG;
	}
	if (err)
		return run_say(
		    "cannot make a folder for files in $TMPDIR, or /tmp: %s", strerror(-err));
	machine.options = &options;
	machine.place = &place;
	code = run_in(&options, &machine);
	place_close(&place);
	return code;
}
