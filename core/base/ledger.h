/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * ledger - which files the sealed VM has open, and which system calls its threads make on them.
 *
 * A part of the core that opens a file, or needs a call under the seal, writes that in its
 * X_declare() and nowhere else: the number, whose the file is, for what, which thread may do what
 * with it, and why. vm/declare.c asks every part once, when all files are open and only one thread
 * runs. The policy, `volt explain`, and the list of files that stay open at the start are loops
 * over the ledger.
 */
#ifndef CORE_LEDGER_H
#define CORE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/sandbox.h>

/* Files with consecutive numbers; one, most of the time. */
struct ledger_block {
	int fd;            /* the first number; negative: there is no such file */
	uint32_t count;    /* 1..: numbers from there on */
	const char *owner; /* "core" or an instance's id */
};

struct ledger_file {
	int fd;
	uint32_t count;
	const char *owner, *use; /* of one of the block; a few words */
};

/* Which threads a call is for: all of a role or of several, or one of a role by its index. */
#define LEDGER_LOOP    VOLT_ROLE_BIT(VOLT_ROLE_LOOP)
#define LEDGER_VCPUS   VOLT_ROLE_BIT(VOLT_ROLE_VCPU)
#define LEDGER_WORKERS VOLT_ROLE_BIT(VOLT_ROLE_WORKER)
/* The process of volt.peers/1. It is no thread of volt: what is for all is not for it. */
#define LEDGER_ROLE_BROKER VOLT_ROLE_COUNT
#define LEDGER_BROKER      VOLT_ROLE_BIT(LEDGER_ROLE_BROKER)
#define LEDGER_ALL         (LEDGER_LOOP | LEDGER_VCPUS | LEDGER_WORKERS)
#define LEDGER_VCPU(n)     (LEDGER_VCPUS | ((n) + 1u) << 16)
#define LEDGER_WORKER(n)   (LEDGER_WORKERS | ((n) + 1u) << 16)

struct ledger_call {
	uint32_t threads; /* LEDGER_* */
	struct volt_rule rule;
};

/* Zeroed, it is empty. */
struct ledger {
	struct ledger_file *files;
	struct ledger_call *calls;
	uint32_t file_count, file_room, call_count, call_room;
	int highest; /* number of a file in it, open or named by a call; 0: none */
	bool failed; /* out of memory: some rows are missing */
};

/* Adds files of one owner and use, if `fd` is not negative. Returns them, for ledger_allow(). */
struct ledger_block ledger_files(
    struct ledger *l, int fd, uint32_t count, const char *owner, const char *use);
struct ledger_block ledger_file(struct ledger *l, int fd, const char *owner, const char *use);
/* A file that is in the ledger already, or will be open later: for a call that `asked_by` needs. */
struct ledger_block ledger_on(int fd, const char *asked_by);

/* The threads may make `syscall` on those files, as the owner asked; `also` is one more test, or
 * NULL. Nothing if there is no such file. As few rules as masks can say exactly: one for each
 * aligned block of a power of two. */
void ledger_allow(struct ledger *l, struct ledger_block files, uint32_t threads,
    const char *syscall, const struct volt_arg_test *also, const char *reason);
/* A call that is not about files of the core. The rule is copied, its strings are not. */
void ledger_call(struct ledger *l, uint32_t threads, const struct volt_rule *rule);

/* Files that are opened under the seal get the lowest free numbers. */
struct ledger_later {
	uint32_t count; /* at a time, of all parts of the core together */
	int closing[2]; /* numbers that are open now, and free by then; -1: none */
	int next;       /* 0 */
	int highest; /* number that is open now, with VOLT_HAS_PEERS: those above are not looked at
		      */
};
/* The next of their numbers that follow each other; false: there are no more. */
bool ledger_next_free(struct ledger_later *later, struct ledger_block *numbers);

/* Tests for `also`: argument `arg` is `value`; the same for its lower 32 bits, all that an ioctl
 * looks at. */
struct volt_arg_test ledger_is(uint8_t arg, uint64_t value);
struct volt_arg_test ledger_request(uint32_t value);

/* Is the call for the thread with this role and index? */
bool ledger_is_for(const struct ledger_call *c, uint32_t role, uint32_t index);

/* Sorts the files by number. */
void ledger_sort(struct ledger *l);
/* 0, or -ENOMEM if rows are missing. */
int ledger_check(const struct ledger *l);
void ledger_finish(struct ledger *l);

#endif
