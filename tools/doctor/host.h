/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host - what the doctor looks at: files under a root, and facts that no file tells.
 *
 * Gathering and judging are apart. gather.c, guest.c and sealed.c ask the kernel and fill in
 * `struct host`; the check_*.c read files through it and judge. A test gives them a folder in
 * place of / and facts of its own.
 */
#ifndef TOOLS_DOCTOR_HOST_H
#define TOOLS_DOCTOR_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_CAPS_MAX 32

/* What /dev/kvm said. */
struct host_kvm {
	int open_error;            /* errno of open, 0: it is open */
	int version;               /* KVM_GET_API_VERSION */
	bool caps[HOST_CAPS_MAX];  /* of kvm_needs[], in its order */
	bool wants[HOST_CAPS_MAX]; /* of the table in check_kvm.c */
	int max_cpus, most_cpus;   /* recommended, and the limit */
	int tsc_khz;               /* of a new virtual CPU, or 0 */
	char group[32], user[32];  /* owner of the file, who asks; or "" */
	uint32_t mode;             /* of the file */
};

/* How far a few instructions got in a guest of the doctor's own. */
struct host_guest {
	bool tried;
	char error[128];  /* which step failed, or "" */
	bool counted;     /* all port writes came */
	bool computed;    /* the loop ended */
	bool popcnt;      /* and so did an instruction of this century */
	uint64_t vm_ns;   /* KVM_CREATE_VM to a virtual CPU that has run */
	uint64_t exit_ns; /* median of a port write */
	uint64_t loop_ps; /* picoseconds of a `dec` or a `jnz` */
};

/* The same through volt itself. */
struct host_run {
	bool tried;
	int status; /* exit status, 128 + signal, or -errno of starting it */
	uint64_t ns;
	char line[256]; /* its last message */
};

struct host_seal {
	int landlock; /* ABI, or -errno */
	bool seccomp; /* filters can be had */
	bool mdwe, mseal;
};

struct host {
	const char *root; /* before every path; "" outside tests */
	struct host_kvm kvm;
	struct host_guest guest;
	struct host_run sealed, unsealed;
	struct host_seal seal;
};

/* The first line of a file, its end cut off. False: it cannot be read. */
bool host_line(const struct host *h, const char *path, char *to, size_t size);
/* Much of a file, with its lines. */
bool host_text(const struct host *h, const char *path, char *to, size_t size);
bool host_number(const struct host *h, const char *path, uint64_t *out);
bool host_has(const struct host *h, const char *path);
/* True if `word` stands in `text` between blanks, brackets or commas. */
bool host_word(const char *text, const char *word);
/* What stands in brackets, as in "always [madvise] never"; else the text itself. */
void host_chosen(const char *text, char *to, size_t size);
/* The number after `name` at the start of a line, as in /proc/meminfo. */
bool host_field(const char *text, const char *name, uint64_t *out);
/* 601 for Linux 6.1; 0 if unknown. */
unsigned host_release(const struct host *h);

#endif
