/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt-doctor: says whether this host runs guests, and how well. A program of its own, run by
 * `volt doctor`, so that none of this code is part of the monitor.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/doctor/checks.h"
#include "tools/doctor/cpu_file.h"
#include "tools/doctor/gather.h"
#include "tools/doctor/guest.h"
#include "tools/doctor/sealed.h"
#include "tools/misuse.h"
#include "tools/standard.h"

enum {
	DOCTOR_RUNS = 0,
	DOCTOR_CANNOT = 1,
	DOCTOR_USAGE = 2,
	DOCTOR_OUTPUT = 3,
};

struct options {
	bool json, no_trial, cpu;
	char **files; /* of --cpu; ends with NULL */
	const char *volt;
	char found_volt[PATH_MAX];
};

enum { OPT_JSON = MISUSE_VAL, OPT_NO_TRIAL, OPT_CPU, OPT_VOLT, OPT_VERSION, OPT_HELP };

static const struct option longs[] = {
    {"json", no_argument, NULL, OPT_JSON},
    {"no-trial", no_argument, NULL, OPT_NO_TRIAL},
    {"cpu", no_argument, NULL, OPT_CPU},
    {"volt", required_argument, NULL, OPT_VOLT},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static void print_help(void)
{
	puts("usage: volt doctor [--json] [--no-trial]\n"
	     "       volt doctor --cpu [FILE...]\n"
	     "       volt-doctor [--json] [--no-trial] [--volt FILE]\n\n"
	     "Says whether this host runs guests and how well: a line for each finding, with the\n"
	     "reason and the command that mends it.\n\n"
	     "  --json       print JSON\n"
	     "  --no-trial   look only, run no guest\n"
	     "  --cpu        print the CPU features of this host, or those that the hosts of all\n"
	     "               FILEs have, for volt --cpu\n"
	     "  --volt FILE  the volt to try, in place of the one beside this program\n"
	     "  --version    print version and exit\n"
	     "  --help       print this text and exit\n\n"
	     "Exit codes:\n"
	     "  0  Linux guests run; there may be warnings\n"
	     "  1  Linux guests cannot run\n"
	     "  2  an option is wrong\n"
	     "  3  the findings could not be written");
}

/* Beside this program when installed, where meson puts it in a build folder. */
static const char *find_volt(struct options *o)
{
	static const char *const places[] = {"volt", "../../core/volt"};
	char self[PATH_MAX / 2];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return NULL;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(o->found_volt, sizeof(o->found_volt), "%s/%s", self, places[i]);
		if (access(o->found_volt, X_OK) == 0)
			return o->found_volt;
	}
	return NULL;
}

/* -1 to go on, or an exit status. */
static int parse(struct options *o, int argc, char **argv)
{
	int c;

	opterr = 0;
	while ((c = misuse_next(argc, argv, "", longs)) != -1) {
		switch (c) {
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_NO_TRIAL:
			o->no_trial = true;
			break;
		case OPT_CPU:
			o->cpu = true;
			break;
		case OPT_VOLT:
			o->volt = optarg;
			break;
		case OPT_VERSION:
			puts("volt-doctor " DOCTOR_VERSION);
			return DOCTOR_RUNS;
		case OPT_HELP:
			print_help();
			return DOCTOR_RUNS;
		default:
			misuse_option("volt-doctor", longs, argv);
			return DOCTOR_USAGE;
		}
	}
	o->files = argv + optind;
	if (optind < argc && !o->cpu) {
		fprintf(stderr, "volt-doctor: \"%s\" is not an option; see volt-doctor --help\n",
		    argv[optind]);
		return DOCTOR_USAGE;
	}
	return -1;
}

static void try_guests(struct host *h, const char *volt)
{
	static const char *const none[] = {NULL}, *const open[] = {"--no-sandbox", NULL};

	if (h->kvm.open_error == 0)
		guest_try(&h->guest, &h->kvm.tsc_khz, "/dev/kvm");
	if (h->kvm.open_error != 0 || !volt)
		return;
	sealed_try(&h->sealed, volt, none);
	if (h->sealed.status != SEALED_STATUS)
		sealed_try(&h->unsealed, volt, open);
}

int main(int argc, char **argv)
{
	static struct options o;
	static struct host h = {.root = ""};
	static struct findings f;

	standard_begin();
	int code = parse(&o, argc, argv);
	if (code >= 0)
		return code;
	if (o.cpu)
		return cpu_file_print("/dev/kvm", o.files) ? DOCTOR_RUNS : DOCTOR_CANNOT;
	gather_kvm(&h.kvm, "/dev/kvm");
	gather_seal(&h.seal);
	if (!o.no_trial)
		try_guests(&h, o.volt ? o.volt : find_volt(&o));
	check_cpu(&f, &h);
	check_backend(&f, &h);
	check_kvm(&f, &h);
	check_guest(&f, &h);
	check_seal(&f, &h);
	check_memory(&f, &h);
	check_limits(&f, &h);
	check_cgroups(&f, &h);
	if (!(o.json ? findings_print_json(&f, &h) : findings_print(&f))) {
		fprintf(
		    stderr, "volt-doctor: the findings cannot be written: %s\n", strerror(errno));
		return DOCTOR_OUTPUT;
	}
	return findings_count(&f, LEVEL_FAIL) == 0 ? DOCTOR_RUNS : DOCTOR_CANNOT;
}
