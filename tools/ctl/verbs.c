/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/ctl/verbs.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/connection.h"
#include "tools/misuse.h"

enum { OPT_JSON = MISUSE_VAL, OPT_ALL, OPT_FOLLOW, OPT_TIMEOUT, OPT_VERSION, OPT_HELP };

#define ALLOW(option) (1u << ((option)-MISUSE_VAL))
#define TIMEOUT_S     10u
#define GRACE_S       2u /* for the answer, where the VM itself has the time */

static const struct verb {
	const char *name, *args, *help;
	unsigned options;
	int least, most; /* names */
	int (*run)(const struct verb_request *r);
} verbs[] = {
    {"ps", "", "List the VMs with a name.", ALLOW(OPT_JSON) | ALLOW(OPT_ALL), 0, 0, verb_ps},
    {"stop", " NAME...", "Ask guests to shut down, and end the VMs that have not in time.",
	ALLOW(OPT_TIMEOUT), 1, INT_MAX, verb_stop},
    {"kill", " NAME...", "Kill VMs (SIGKILL).", 0, 1, INT_MAX, verb_kill},
    {"pause", " NAME...", "Pause VMs: their guests and devices stop until a resume.",
	ALLOW(OPT_TIMEOUT), 1, INT_MAX, verb_pause},
    {"resume", " NAME...", "Let paused VMs continue.", ALLOW(OPT_TIMEOUT), 1, INT_MAX, verb_resume},
    {"wait", " NAME", "Wait until a VM ends; the exit code is the VM's.", ALLOW(OPT_JSON), 1, 1,
	verb_wait},
    {"logs", " NAME", "Print the log of a VM.", ALLOW(OPT_FOLLOW), 1, 1, verb_logs},
    {"console", " NAME", "Attach to the console of a VM; Ctrl-] detaches.", 0, 1, 1, verb_console},
    {"metrics", " NAME", "Print the counters of a VM in the format of Prometheus.",
	ALLOW(OPT_JSON) | ALLOW(OPT_TIMEOUT), 1, 1, verb_metrics},
};

static const struct {
	struct option row;
	const char *typed, *help;
} options[] = {
    {{"json", no_argument, NULL, OPT_JSON}, "--json", "print JSON"},
    {{"all", no_argument, NULL, OPT_ALL}, "--all", "also those that have ended, and why"},
    {{"follow", no_argument, NULL, OPT_FOLLOW}, "--follow", "go on until the VM ends"},
    {{"timeout", required_argument, NULL, OPT_TIMEOUT}, "--timeout SECONDS",
	"how long to wait for the VM (default 10)"},
    {{"version", no_argument, NULL, OPT_VERSION}, "--version", "print version and exit"},
    {{"help", no_argument, NULL, OPT_HELP}, "--help", "print this text and exit"},
};

#define VERBS   (sizeof(verbs) / sizeof(verbs[0]))
#define OPTIONS (sizeof(options) / sizeof(options[0]))

static const struct verb *find(const char *word)
{
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(verbs[i].name, word) == 0)
			return &verbs[i];
	return NULL;
}

bool verb_knows(const char *word)
{
	return find(word) != NULL;
}

static bool is_allowed(const struct verb *v, int option)
{
	return option >= OPT_VERSION || v->options & ALLOW(option);
}

static void print_help(const struct verb *v)
{
	printf("usage: volt %s [OPTION...]%s\n\n%s\n\n", v->name, v->args, v->help);
	for (size_t i = 0; i < OPTIONS; i++)
		if (is_allowed(v, options[i].row.val))
			printf("  %-18s  %s\n", options[i].typed, options[i].help);
	puts(v->run == verb_wait ? "\nExit codes: the VM's, 128 + N for signal N; 125 if there is "
				   "no such VM"
				 : "\nExit codes:\n"
				   "  0  done\n"
				   "  1  the VM refused the command, or does not end\n"
				   "  2  an option or argument is wrong\n"
				   "  3  there is no such VM, or it cannot be reached\n"
				   "  4  the output could not be written");
}

static int take_timeout(struct verb_request *r, const char *text)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || *text == '-' || n < 1 || n > 86400) {
		fprintf(
		    stderr, "volt %s: --timeout %s: must be 1 to 86400 seconds\n", r->verb, text);
		return -EINVAL;
	}
	r->timeout = (unsigned)n;
	return 0;
}

static int take(const struct verb *v, struct verb_request *r, int option)
{
	switch (option) {
	case OPT_JSON:
		r->json = true;
		return -1;
	case OPT_ALL:
		r->all = true;
		return -1;
	case OPT_FOLLOW:
		r->follow = true;
		return -1;
	case OPT_TIMEOUT:
		return take_timeout(r, optarg) ? CTL_USAGE : -1;
	case OPT_VERSION:
		puts("volt-ctl " CTL_VERSION);
		return CTL_DONE;
	default:
		print_help(v);
		return CTL_DONE;
	}
}

/* -1: go on; else the exit code. Names and options in any order. */
static int parse(const struct verb *v, struct verb_request *r, int argc, char **argv)
{
	struct option longs[OPTIONS + 1] = {0};
	char program[32];
	size_t count = 0;
	int option;

	snprintf(program, sizeof(program), "volt %s", v->name);
	for (size_t i = 0; i < OPTIONS; i++)
		if (is_allowed(v, options[i].row.val))
			longs[count++] = options[i].row;
	opterr = 0;
	while ((option = misuse_next(argc, argv, "", longs)) != -1) {
		if (option == '?') {
			misuse_option(program, longs, argv);
			return CTL_USAGE;
		}
		const int code = take(v, r, option);
		if (code >= 0)
			return code;
	}
	r->names = argv + optind;
	r->count = argc - optind;
	if (r->count >= v->least && r->count <= v->most)
		return -1;
	fprintf(stderr, "%s: %s; usage: volt %s%s\n", program,
	    r->count < v->least ? "no name given" : "too many arguments", v->name, v->args);
	return CTL_USAGE;
}

int verb_run(int argc, char **argv)
{
	const struct verb *v = find(argv[0]);
	struct verb_request r = {.verb = argv[0], .timeout = TIMEOUT_S};

	if (!v)
		return CTL_USAGE;
	const int code = parse(v, &r, argc, argv);
	return code >= 0 ? code : v->run(&r);
}

/* ------------------------------------------------------------------- for the verbs */

void verb_print_safely(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

int verb_open(const struct verb_request *r, struct vm *v, const char *name)
{
	const int err = vm_open(v, name);

	if (!err)
		return CTL_DONE;
	if (err == -ENOENT)
		fprintf(stderr, "volt %s: %s: there is no VM of that name; see volt ps --all\n",
		    r->verb, name);
	else
		fprintf(stderr, "volt %s: %s: cannot read its entry: %s\n", r->verb, name,
		    strerror(-err));
	vm_close(v);
	return CTL_UNREACHED;
}

int verb_open_running(const struct verb_request *r, struct vm *v, const char *name)
{
	const int code = verb_open(r, v, name);

	if (code != CTL_DONE || v->life == VM_ALIVE)
		return code;
	fprintf(stderr, "volt %s: %s: the VM has ended; see volt ps --all\n", r->verb, name);
	vm_close(v);
	return CTL_UNREACHED;
}

static int take_answer(
    struct json_object *answer, struct json_object **result, char *why, size_t size)
{
	struct json_object *o = NULL, *message = NULL;

	if (json_object_object_get_ex(answer, "result", &o)) {
		if (result)
			*result = json_object_get(o);
		return 0;
	}
	json_object_object_get_ex(answer, "error", &o);
	json_object_object_get_ex(o, "message", &message);
	snprintf(why, size, "%s",
	    message ? json_object_get_string(message) : "the answer has neither result nor error");
	return -EREMOTEIO;
}

static int exchange(struct connection *c, const char *method, struct json_object *params,
    struct json_object **answer)
{
	const int err = connection_send(c, method, params);

	return err ? err : connection_read(c, answer);
}

int verb_call(const struct vm *v, const char *method, struct json_object *params, unsigned seconds,
    struct json_object **result, char *why, size_t size)
{
	struct json_object *answer = NULL;
	struct connection c;

	int err = connection_open(&c, vm_text(v, "socket"), seconds);
	if (err)
		return err;
	err = exchange(&c, method, params, &answer);
	err = err ? err : take_answer(answer, result, why, size);
	json_object_put(answer);
	connection_close(&c);
	return err;
}

int verb_call_aloud(const struct verb_request *r, const struct vm *v, const char *method,
    struct json_object *params, struct json_object **result)
{
	char why[256];
	const int err =
	    verb_call(v, method, params, r->timeout + GRACE_S, result, why, sizeof(why));

	if (!err)
		return CTL_DONE;
	fprintf(stderr, "volt %s: %s: %s%s\n", r->verb, v->name,
	    err == -EREMOTEIO ? "" : "cannot reach the VM: ",
	    err == -EREMOTEIO ? why : strerror(-err));
	return err == -EREMOTEIO ? CTL_FAILED : CTL_UNREACHED;
}
