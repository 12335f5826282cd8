/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* What the doctor makes of hosts of many kinds: folders in place of /, facts in place of answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/kvm/kvm.h"
#include "tools/doctor/checks.h"
#include "tools/doctor/sealed.h"

static char root[64];
static struct host host;
static struct findings findings;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

/* A host with every feature, and an empty root: tests write the files that they need. */
static int setup(void **state)
{
	snprintf(root, sizeof(root), "/tmp/volt-doctor-XXXXXX");
	assert_non_null(mkdtemp(root));
	findings.count = 0;
	host = (struct host){
	    .root = root,
	    .kvm = {.version = 12, .max_cpus = 8, .most_cpus = 1024, .tsc_khz = 2600000},
	    .guest = {.tried = true,
		.counted = true,
		.computed = true,
		.popcnt = true,
		.vm_ns = 500000,
		.exit_ns = 1500,
		.loop_ps = 300},
	    .sealed = {.tried = true, .status = SEALED_STATUS, .ns = 12000000},
	    .seal = {.landlock = 7, .seccomp = true, .mdwe = true, .mseal = true},
	};
	memset(host.kvm.caps, 1, sizeof(host.kvm.caps));
	memset(host.kvm.wants, 1, sizeof(host.kvm.wants));
	return 0;
}

static int teardown(void **state)
{
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	FILE *file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A finding of this level whose text, reason or remedy has `word`. */
static void expect(const char *id, enum level level, const char *word)
{
	const struct finding *n = findings_get(&findings, id);

	if (!n) {
		fail_msg("no finding %s", id);
		return;
	}
	if (n->level != level)
		fail_msg("%s has level %d: %s", id, (int)n->level, n->found);
	if (!strstr(n->found, word) && !strstr(n->why, word) && !strstr(n->mend, word))
		fail_msg("no \"%s\" in: %s: %s: %s", word, n->found, n->why, n->mend);
	if ((level != LEVEL_OK && n->why[0] == '\0') || (level == LEVEL_OK) != (n->mend[0] == '\0'))
		fail_msg("%s lacks a reason or a remedy, or mends what is well", id);
}

static void expect_none(const char *id)
{
	const struct finding *n = findings_get(&findings, id);

	if (n)
		fail_msg("%s: %s", id, n->found);
}

/* ------------------------------------------------------------------------- backends */

static void intel_with_ept_is_fine(void **state)
{
	put("/sys/module/kvm_intel/parameters/ept", "Y\n");
	put("/sys/module/kvm_intel/parameters/nested", "N\n");
	put("/sys/module/kvm_intel/parameters/unrestricted_guest", "Y\n");
	put("/sys/module/kvm_intel/parameters/vmentry_l1d_flush", "cond\n");
	check_backend(&findings, &host);
	expect("kvm-backend", LEVEL_OK, "VMX");
	expect("nested-paging", LEVEL_OK, "EPT is on");
	expect("nested", LEVEL_OK, "cannot run guests of their own");
	assert_int_equal(findings_count(&findings, LEVEL_OK), findings.count);
}

static void intel_without_its_helpers_is_slow(void **state)
{
	put("/sys/module/kvm_intel/parameters/ept", "N\n");
	put("/sys/module/kvm_intel/parameters/unrestricted_guest", "N\n");
	put("/sys/module/kvm_intel/parameters/vmentry_l1d_flush", "always\n");
	check_backend(&findings, &host);
	expect("nested-paging", LEVEL_WARNING, "modprobe kvm_intel ept=1");
	expect("unrestricted", LEVEL_WARNING, "unrestricted_guest=1");
	expect("l1d-flush", LEVEL_WARNING, "echo cond");
}

static void amd_with_npt_off_is_slow(void **state)
{
	put("/sys/module/kvm_amd/parameters/npt", "0\n");
	put("/sys/module/kvm_amd/parameters/nested", "1\n");
	check_backend(&findings, &host);
	expect("kvm-backend", LEVEL_OK, "SVM");
	expect("nested-paging", LEVEL_WARNING, "modprobe kvm_amd npt=1");
	expect("nested", LEVEL_OK, "could run guests of their own");
}

static void pvm_cannot_boot_linux(void **state)
{
	put("/sys/module/kvm_pvm/parameters/force", "N\n");
	check_backend(&findings, &host);
	expect("kvm-backend", LEVEL_FAIL, "an unmodified Linux stops early");
	expect("kvm-backend", LEVEL_FAIL, "scripts/lab");
	expect_none("nested-paging");
}

static void a_hidden_sys_leaves_proc_modules(void **state)
{
	put("/proc/modules", "kvm_amd 180224 0 - Live 0x0\nkvm 1100000 1 kvm_amd, Live 0x0\n");
	check_backend(&findings, &host);
	expect("kvm-backend", LEVEL_OK, "known from /proc/modules");
}

static void no_module_is_a_failure_only_without_the_device(void **state)
{
	check_backend(&findings, &host);
	expect("kvm-backend", LEVEL_WARNING, "unknown");
	findings.count = 0;
	host.kvm.open_error = ENOENT;
	check_backend(&findings, &host);
	expect("kvm-backend", LEVEL_FAIL, "modprobe kvm_intel");
}

/* ------------------------------------------------------------------- huge pages of NX */

static void nx(const char *value, const char *bug, const char *release, const char *options)
{
	char mounts[128];

	put("/sys/module/kvm_intel/parameters/ept", "Y\n");
	put("/sys/module/kvm/parameters/nx_huge_pages", value);
	put("/sys/devices/system/cpu/vulnerabilities/itlb_multihit", bug);
	put("/proc/sys/kernel/osrelease", release);
	snprintf(mounts, sizeof(mounts), "cgroup2 /sys/fs/cgroup cgroup2 rw,%s 0 0\n", options);
	put("/proc/self/mounts", mounts);
	findings.count = 0;
	check_backend(&findings, &host);
}

static void the_recovery_thread_makes_new_vms_wait(void **state)
{
	nx("Y\n", "Not affected\n", "6.1.0-40-amd64\n", "relatime");
	expect("nx-huge-pages", LEVEL_WARNING, "kvm.nx_huge_pages=never");
	nx("N\n", "Not affected\n", "6.12.1\n", "relatime");
	expect("nx-huge-pages", LEVEL_WARNING, "favordynmods");
}

static void a_cpu_that_needs_the_mitigation_keeps_it(void **state)
{
	nx("Y\n", "KVM: Mitigation: Split huge pages\n", "6.1.0\n", "relatime");
	expect("nx-huge-pages", LEVEL_WARNING, "mount -o remount,favordynmods");
	assert_null(strstr(findings_get(&findings, "nx-huge-pages")->mend, "never"));
	nx("Y\n", "KVM: Mitigation: Split huge pages\n", "6.14.0\n", "relatime");
	expect("nx-huge-pages", LEVEL_OK, "is Y");
}

static void what_does_not_wait_is_fine(void **state)
{
	nx("never\n", "Not affected\n", "6.1.0\n", "relatime");
	expect("nx-huge-pages", LEVEL_OK, "never");
	nx("N\n", "Not affected\n", "6.1.0\n", "relatime,favordynmods");
	expect("nx-huge-pages", LEVEL_OK, "is N");
	nx("N\n", "Not affected\n", "5.15.0\n", "relatime");
	expect("nx-huge-pages", LEVEL_OK, "is N");
	nx("N\n", "Not affected\n", "6.13.0\n", "relatime");
	expect("nx-huge-pages", LEVEL_OK, "is N");
}

static void splitting_without_need_is_told(void **state)
{
	nx("Y\n", "Not affected\n", "6.18.0\n", "relatime");
	expect("nx-huge-pages", LEVEL_WARNING, "echo off");
}

/* --------------------------------------------------------------------------- /dev/kvm */

static void an_absent_device_names_the_modules(void **state)
{
	host.kvm = (struct host_kvm){.open_error = ENOENT};
	check_kvm(&findings, &host);
	expect("kvm-device", LEVEL_FAIL, "modprobe kvm_intel");
	assert_int_equal(findings.count, 1);
}

static void a_refused_device_names_its_group(void **state)
{
	host.kvm =
	    (struct host_kvm){.open_error = EACCES, .group = "kvm", .user = "ada", .mode = 0100660};
	check_kvm(&findings, &host);
	expect("kvm-device", LEVEL_FAIL, "usermod -aG kvm ada");
	expect("kvm-device", LEVEL_FAIL, "mode 660");
}

static void a_device_of_roots_group_needs_one_of_its_own(void **state)
{
	host.kvm = (struct host_kvm){.open_error = EACCES, .group = "root", .mode = 0100600};
	check_kvm(&findings, &host);
	expect("kvm-device", LEVEL_FAIL, "chgrp kvm /dev/kvm");
	expect("kvm-device", LEVEL_FAIL, "usermod -aG kvm USER");
	expect("kvm-device", LEVEL_FAIL, "once its mode allows it");
}

static void other_errors_of_the_device_are_told(void **state)
{
	host.kvm = (struct host_kvm){.open_error = ENODEV};
	check_kvm(&findings, &host);
	expect("kvm-device", LEVEL_FAIL, "the module behind it is not");
	findings.count = 0;
	host.kvm.open_error = EBUSY;
	check_kvm(&findings, &host);
	expect("kvm-device", LEVEL_FAIL, "another hypervisor");
}

static void another_api_version_is_a_failure(void **state)
{
	host.kvm.version = 11;
	check_kvm(&findings, &host);
	expect("kvm-device", LEVEL_FAIL, "version 11");
	expect_none("kvm-needs");
}

static void missing_capabilities_are_named(void **state)
{
	host.kvm.caps[1] = false;
	host.kvm.wants[0] = false;
	check_kvm(&findings, &host);
	expect("kvm-device", LEVEL_OK, "version 12");
	expect("kvm-needs", LEVEL_FAIL, kvm_needs[1].name);
	expect("kvm-wants", LEVEL_WARNING, wants[0].name);
}

static void a_good_device_is_told_in_full(void **state)
{
	check_kvm(&findings, &host);
	expect("kvm-needs", LEVEL_OK, "all");
	expect("kvm-wants", LEVEL_OK, "all");
	expect("kvm-cpus", LEVEL_OK, "1024");
	assert_true(kvm_need_count <= HOST_CAPS_MAX && want_count <= HOST_CAPS_MAX);
}

/* ----------------------------------------------------------------------------- trials */

static void a_guest_that_runs_is_measured(void **state)
{
	check_guest(&findings, &host);
	expect("trial-kvm", LEVEL_OK, "runs");
	expect("exit-cost", LEVEL_OK, "1.5 us");
	expect("vm-creation", LEVEL_OK, "0.5 ms");
	expect("guest-cpu", LEVEL_OK, "0.30 ns");
	expect("trial-volt", LEVEL_OK, "12 ms");
}

static void slow_hosts_are_warned_of(void **state)
{
	host.guest.exit_ns = 35000;
	host.guest.vm_ns = 56000000;
	check_guest(&findings, &host);
	expect("exit-cost", LEVEL_WARNING, "35.0 us");
	expect("vm-creation", LEVEL_WARNING, "favordynmods");
}

static void emulated_guests_are_a_failure(void **state)
{
	host.guest.loop_ps = 600000;
	host.guest.popcnt = false;
	check_guest(&findings, &host);
	expect("guest-cpu", LEVEL_FAIL, "without popcnt: 600 ns");
	findings.count = 0;
	host.guest.popcnt = true;
	check_guest(&findings, &host);
	expect("guest-cpu", LEVEL_FAIL, "emulated: 600 ns");
}

static void a_broken_kvm_is_not_blamed_on_volt(void **state)
{
	host.guest = (struct host_guest){.tried = true, .error = "KVM_RUN: Input/output error"};
	host.sealed = (struct host_run){.tried = true, .status = 106, .line = "KVM gave up"};
	check_guest(&findings, &host);
	expect("trial-kvm", LEVEL_FAIL, "Input/output error");
	expect("trial-volt", LEVEL_FAIL, "see trial-kvm");
	expect_none("exit-cost");
}

static void a_guest_that_stops_early_is_a_failure(void **state)
{
	host.guest = (struct host_guest){.tried = true};
	check_guest(&findings, &host);
	expect("trial-kvm", LEVEL_FAIL, "too early");
}

static void a_seal_that_fails_is_told_from_volt(void **state)
{
	host.sealed = (struct host_run){.tried = true, .status = 105, .line = "no Landlock"};
	host.unsealed = (struct host_run){.tried = true, .status = SEALED_STATUS};
	check_guest(&findings, &host);
	expect("trial-volt", LEVEL_FAIL, "status 105: no Landlock");
	expect("trial-volt", LEVEL_FAIL, "the fault lies with the seal");
	findings.count = 0;
	host.unsealed.status = 105;
	check_guest(&findings, &host);
	expect("trial-volt", LEVEL_FAIL, "the fault lies with volt or its plugins");
}

static void a_volt_without_plugins_says_nothing_of_the_host(void **state)
{
	host.sealed = (struct host_run){.tried = true, .status = 102, .line = "no plugin exitport"};
	check_guest(&findings, &host);
	expect("trial-volt", LEVEL_WARNING, "install volt's plugins");
}

static void a_volt_that_hangs_or_is_absent_is_told(void **state)
{
	host.sealed = (struct host_run){.tried = true, .status = SEALED_TIMEOUT};
	check_guest(&findings, &host);
	expect("trial-volt", LEVEL_FAIL, "did not end within");
	findings.count = 0;
	host.sealed.status = -ENOENT;
	check_guest(&findings, &host);
	expect("trial-volt", LEVEL_FAIL, "cannot be started: No such file");
	findings.count = 0;
	host.sealed.status = 1;
	check_guest(&findings, &host);
	expect("trial-volt", LEVEL_FAIL, "status 1: no message");
}

static void nothing_is_said_of_trials_not_made(void **state)
{
	host.guest = (struct host_guest){0};
	host.sealed = (struct host_run){0};
	check_guest(&findings, &host);
	assert_int_equal(findings.count, 0);
}

/* ------------------------------------------------------------------------------- seal */

static void every_reason_for_no_landlock_has_its_remedy(void **state)
{
	static const struct {
		int err;
		const char *word;
	} cases[] = {{ENOSYS, "CONFIG_SECURITY_LANDLOCK"}, {EOPNOTSUPP, "lsm="},
	    {EPERM, "landlock_create_ruleset"}};

	for (unsigned i = 0; i < 3; i++) {
		findings.count = 0;
		host.seal.landlock = -cases[i].err;
		check_seal(&findings, &host);
		expect("landlock", LEVEL_FAIL, cases[i].word);
	}
}

static void an_old_landlock_names_what_it_lacks(void **state)
{
	host.seal.landlock = 3;
	check_seal(&findings, &host);
	expect("landlock", LEVEL_WARNING,
	    "does not cover: TCP ports, ioctl on devices, abstract sockets and signals");
	expect("landlock", LEVEL_WARNING, "Linux 6.12");
	findings.count = 0;
	host.seal.landlock = 6;
	check_seal(&findings, &host);
	expect("landlock", LEVEL_OK, "every right");
}

static void seccomp_must_filter_and_kill(void **state)
{
	put("/proc/sys/kernel/seccomp/actions_avail", "kill_thread trap errno trace allow\n");
	check_seal(&findings, &host);
	expect("seccomp", LEVEL_FAIL, "cannot kill a process");
	findings.count = 0;
	host.seal.seccomp = false;
	check_seal(&findings, &host);
	expect("seccomp", LEVEL_FAIL, "CONFIG_SECCOMP_FILTER");
}

static void a_kernel_that_does_not_log_kills_has_no_reporter(void **state)
{
	put("/proc/sys/kernel/seccomp/actions_avail", "kill_process kill_thread log allow\n");
	put("/proc/sys/kernel/seccomp/actions_logged", "kill_thread log\n");
	check_seal(&findings, &host);
	expect("seccomp", LEVEL_OK, "kill_process");
	expect("seccomp-report", LEVEL_WARNING, "actions_logged='kill_process kill_thread log'");
}

static void memory_that_cannot_be_sealed_is_told(void **state)
{
	host.seal.mseal = false;
	check_seal(&findings, &host);
	expect("memory-seal", LEVEL_WARNING, "lacks mseal (Linux 6.10)");
	findings.count = 0;
	host.seal.mdwe = false;
	check_seal(&findings, &host);
	expect("memory-seal", LEVEL_WARNING, "mseal (Linux 6.10) and PR_SET_MDWE");
}

static void user_namespaces_matter_to_the_jail_alone(void **state)
{
	check_seal(&findings, &host);
	expect("user-ns", LEVEL_WARNING, "volt-jail --user-namespace");
	findings.count = 0;
	put("/proc/self/ns/user", "");
	put("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
	put("/proc/sys/kernel/yama/ptrace_scope", "1\n");
	check_seal(&findings, &host);
	expect("user-ns", LEVEL_OK, "by root");
	expect("yama", LEVEL_OK, "ptrace_scope is 1");
	findings.count = 0;
	put("/proc/sys/user/max_user_namespaces", "0\n");
	check_seal(&findings, &host);
	expect("user-ns", LEVEL_WARNING, "sysctl -w user.max_user_namespaces");
}

/* ----------------------------------------------------------------- CPU, memory, limits */

static void cpu(const char *flags, const char *source)
{
	char text[512];

	snprintf(
	    text, sizeof(text), "processor\t: 0\nmodel name\t: x\nflags\t\t: fpu %s de\n\n", flags);
	put("/proc/cpuinfo", text);
	put("/sys/devices/system/clocksource/clocksource0/current_clocksource", source);
	findings.count = 0;
	check_cpu(&findings, &host);
}

static void flags_say_which_virtualisation_there_is(void **state)
{
	cpu("vmx constant_tsc nonstop_tsc", "tsc\n");
	expect("cpu-flags", LEVEL_OK, "VMX");
	expect("machine", LEVEL_OK, "no hypervisor");
	expect("tsc", LEVEL_OK, "2600.000 MHz");
	cpu("svm constant_tsc nonstop_tsc", "tsc\n");
	expect("cpu-flags", LEVEL_OK, "SVM");
	cpu("avx", "tsc\n");
	expect("cpu-flags", LEVEL_WARNING, "firmware");
	expect("tsc", LEVEL_WARNING, "not invariant");
}

static void in_a_vm_the_remedy_is_nested_virtualisation(void **state)
{
	put("/sys/class/dmi/id/sys_vendor", "QEMU\n");
	put("/sys/class/dmi/id/product_name", "Standard PC\n");
	cpu("hypervisor constant_tsc nonstop_tsc", "hpet\n");
	expect("cpu-flags", LEVEL_WARNING, "nested virtualisation");
	expect("machine", LEVEL_OK, "(QEMU, Standard PC)");
	expect("tsc", LEVEL_WARNING, "echo tsc >");
	expect("tsc", LEVEL_WARNING, "hpet");
}

static void weaknesses_that_are_not_covered_are_named(void **state)
{
	put("/sys/devices/system/cpu/vulnerabilities/l1tf", "Mitigation: x; VMX: SMT vulnerable\n");
	put("/sys/devices/system/cpu/vulnerabilities/mds", "Not affected\n");
	cpu("vmx", "tsc\n");
	expect("cpu-bugs", LEVEL_WARNING, "not covered: l1tf");
	put("/sys/devices/system/cpu/vulnerabilities/l1tf", "Not affected\n");
	cpu("vmx", "tsc\n");
	expect("cpu-bugs", LEVEL_OK, "covers");
}

static void memory_settings_are_judged(void **state)
{
	put("/proc/meminfo", "MemTotal:  500000 kB\nMemAvailable:   102400 kB\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "64\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "60\n");
	put("/sys/kernel/mm/ksm/run", "1\n");
	put("/proc/sys/vm/overcommit_memory", "2\n");
	put("/proc/sys/vm/max_map_count", "200\n");
	check_memory(&findings, &host);
	expect("memory", LEVEL_WARNING, "volt --memory 64M");
	expect("thp", LEVEL_WARNING, "echo madvise >");
	expect("hugetlb", LEVEL_OK, "60 of 64");
	expect("ksm", LEVEL_WARNING, "echo 2 >");
	expect("overcommit", LEVEL_WARNING, "vm.overcommit_memory=0");
	expect("map-count", LEVEL_WARNING, "sysctl -w vm.max_map_count");
}

static void usual_memory_settings_are_fine(void **state)
{
	put("/proc/meminfo", "MemAvailable:   8102400 kB\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
	put("/sys/kernel/mm/ksm/run", "0\n");
	put("/proc/sys/vm/overcommit_memory", "0\n");
	check_memory(&findings, &host);
	assert_int_equal(findings.count, 5);
	assert_int_equal(findings_count(&findings, LEVEL_OK), 5);
	expect("hugetlb", LEVEL_OK, "vm.nr_hugepages=64");
}

static void low_limits_are_told_one_by_one(void **state)
{
	put("/proc/self/limits",
	    "Limit                     Soft Limit           Hard Limit           Units\n"
	    "Max file size             unlimited            unlimited            bytes\n"
	    "Max processes             20                   20                   processes\n"
	    "Max open files            64                   4096                 files\n"
	    "Max address space         unlimited            unlimited            bytes\n");
	check_limits(&findings, &host);
	expect("nofile", LEVEL_WARNING, "ulimit -n");
	expect("nproc", LEVEL_WARNING, "is 20");
	assert_int_equal(findings.count, 2);
}

static void enough_limits_are_one_line(void **state)
{
	put("/proc/self/limits", "Max processes  500 500 p\nMax open files  1024 4096 files\n");
	check_limits(&findings, &host);
	expect("limits", LEVEL_OK, "enough");
}

/* ---------------------------------------------------------------------------- cgroups */

/* What of the tree is mounted, and the caller's /proc/self/cgroup. */
static void mounted(const char *part, const char *own)
{
	char line[128];

	snprintf(
	    line, sizeof(line), "30 22 0:26 %s /cg rw,nosuid shared:9 - cgroup2 none rw\n", part);
	put("/proc/self/mountinfo", line);
	put("/proc/self/cgroup", own);
	put("/cg/cgroup.controllers", "cpu io memory pids\n");
}

static void without_cgroup_v2_the_jail_sets_no_limits(void **state)
{
	put("/proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
	check_cgroups(&findings, &host);
	expect("cgroups", LEVEL_WARNING, "mount -t cgroup2");
}

static void controllers_of_version_1_are_named(void **state)
{
	put("/proc/self/mountinfo", "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
				    "30 22 0:26 / /cg rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
	put("/cg/cgroup.controllers", "cpuset io memory\n");
	check_cgroups(&findings, &host);
	expect("cgroups", LEVEL_WARNING, "lacks the controllers: cpu, pids");
}

static void a_container_that_was_given_no_controllers_is_told_so(void **state)
{
	mounted("/", "0::/\n");
	put("/cg/cgroup.controllers", "cpu\n");
	put("/cg/cgroup.type", "domain\n");
	check_cgroups(&findings, &host);
	expect("cgroups", LEVEL_WARNING, "cgroup.subtree_control where the container was started");
}

static void limits_of_a_container_with_a_namespace_lie_in_the_root_of_its_mount(void **state)
{
	mounted("/", "0::/\n");
	put("/cg/memory.max", "67108864\n");
	put("/cg/cpu.max", "50000 100000\n");
	put("/cg/pids.max", "12\n");
	check_cgroups(&findings, &host);
	expect("cgroup-memory", LEVEL_WARNING, "/cg/memory.max is 64 MiB");
	expect("cgroup-memory", LEVEL_WARNING, "where it was started");
	expect("cgroup-cpu", LEVEL_WARNING, "/cg/cpu.max is 50 % of a CPU");
	expect("cgroup-pids", LEVEL_WARNING, "/cg/pids.max is 12 tasks");
}

static void limits_below_the_root_of_a_container_count_with_it(void **state)
{
	mounted("/", "0::/a\n");
	put("/cg/memory.max", "67108864\n");
	put("/cg/a/memory.max", "33554432\n");
	put("/cg/cpu.max", "50000 100000\n");
	put("/cg/a/cpu.max", "max 100000\n");
	check_cgroups(&findings, &host);
	expect("cgroup-memory", LEVEL_WARNING, "/cg/a/memory.max is 32 MiB");
	expect("cgroup-memory", LEVEL_WARNING, "echo max > /cg/a/memory.max");
	expect("cgroup-cpu", LEVEL_WARNING, "/cg/cpu.max is 50 % of a CPU");
}

static void a_container_without_a_namespace_sees_its_part_of_the_tree(void **state)
{
	mounted("/docker/abc", "0::/docker/abc/x\n");
	put("/cg/memory.max", "67108864\n");
	put("/cg/x/pids.max", "3\n");
	put("/cg/docker/abc/cpu.max", "1 100\n");
	check_cgroups(&findings, &host);
	expect("cgroup-memory", LEVEL_WARNING, "/cg/memory.max is 64 MiB");
	expect("cgroup-pids", LEVEL_WARNING, "/cg/x/pids.max is 3");
	expect_none("cgroup-cpu");
}

static void the_mount_that_has_the_own_cgroup_is_taken(void **state)
{
	put("/proc/self/mountinfo", "30 22 0:26 /other /o rw - cgroup2 cgroup2 rw\n31 22 0:26 /a "
				    "/cg rw - cgroup2 none rw\n");
	put("/proc/self/cgroup", "0::/a\n");
	put("/o/memory.max", "1\n");
	put("/cg/memory.max", "67108864\n");
	check_cgroups(&findings, &host);
	expect("cgroup-memory", LEVEL_WARNING, "/cg/memory.max is 64 MiB");
}

static void limits_of_a_tree_that_is_not_the_own_one_are_not_told(void **state)
{
	mounted("/other", "0::/a\n");
	put("/cg/memory.max", "1\n");
	check_cgroups(&findings, &host);
	expect_none("cgroup-memory");
}

static void a_mount_from_above_the_namespace_still_limits(void **state)
{
	mounted("/../..", "0::/\n");
	put("/cg/memory.max", "67108864\n");
	check_cgroups(&findings, &host);
	expect("cgroup-memory", LEVEL_WARNING, "/cg/memory.max is 64 MiB");
}

static void the_lowest_limit_on_the_way_counts(void **state)
{
	mounted("/", "1:name=systemd:/x\n0::/a/b\n");
	put("/cg/a/b/memory.max", "max\n");
	put("/cg/a/memory.max", "67108864\n");
	put("/cg/a/b/cpu.max", "50000 100000\n");
	put("/cg/a/cpu.max", "max 100000\n");
	put("/cg/a/b/pids.max", "1000\n");
	check_cgroups(&findings, &host);
	expect("cgroups", LEVEL_OK, "cpu, memory and pids");
	expect("cgroup-memory", LEVEL_WARNING, "/cg/a/memory.max is 64 MiB");
	expect("cgroup-cpu", LEVEL_WARNING, "/cg/a/b/cpu.max is 50 % of a CPU");
	expect_none("cgroup-pids");
}

/* ------------------------------------------------------------------------------ whole */

static void an_empty_host_is_survived(void **state)
{
	host.kvm = (struct host_kvm){.open_error = ENOENT};
	host.guest = (struct host_guest){0};
	host.sealed = (struct host_run){0};
	check_cpu(&findings, &host);
	check_backend(&findings, &host);
	check_kvm(&findings, &host);
	check_guest(&findings, &host);
	check_seal(&findings, &host);
	check_memory(&findings, &host);
	check_limits(&findings, &host);
	check_cgroups(&findings, &host);
	assert_int_equal(findings_count(&findings, LEVEL_FAIL), 2);
}

static void more_findings_than_room_are_dropped(void **state)
{
	for (unsigned i = 0; i < FINDINGS_MAX + 3; i++) {
		found(&findings, LEVEL_OK, "x", "%0400u", i);
		because(&findings, "%0500u", i);
		mend(&findings, "%0300u", i);
	}
	assert_int_equal(findings.count, FINDINGS_MAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(intel_with_ept_is_fine),
	    CASE(intel_without_its_helpers_is_slow),
	    CASE(amd_with_npt_off_is_slow),
	    CASE(pvm_cannot_boot_linux),
	    CASE(a_hidden_sys_leaves_proc_modules),
	    CASE(no_module_is_a_failure_only_without_the_device),
	    CASE(the_recovery_thread_makes_new_vms_wait),
	    CASE(a_cpu_that_needs_the_mitigation_keeps_it),
	    CASE(what_does_not_wait_is_fine),
	    CASE(splitting_without_need_is_told),
	    CASE(an_absent_device_names_the_modules),
	    CASE(a_refused_device_names_its_group),
	    CASE(a_device_of_roots_group_needs_one_of_its_own),
	    CASE(other_errors_of_the_device_are_told),
	    CASE(another_api_version_is_a_failure),
	    CASE(missing_capabilities_are_named),
	    CASE(a_good_device_is_told_in_full),
	    CASE(a_guest_that_runs_is_measured),
	    CASE(slow_hosts_are_warned_of),
	    CASE(emulated_guests_are_a_failure),
	    CASE(a_broken_kvm_is_not_blamed_on_volt),
	    CASE(a_guest_that_stops_early_is_a_failure),
	    CASE(a_seal_that_fails_is_told_from_volt),
	    CASE(a_volt_without_plugins_says_nothing_of_the_host),
	    CASE(a_volt_that_hangs_or_is_absent_is_told),
	    CASE(nothing_is_said_of_trials_not_made),
	    CASE(every_reason_for_no_landlock_has_its_remedy),
	    CASE(an_old_landlock_names_what_it_lacks),
	    CASE(seccomp_must_filter_and_kill),
	    CASE(a_kernel_that_does_not_log_kills_has_no_reporter),
	    CASE(memory_that_cannot_be_sealed_is_told),
	    CASE(user_namespaces_matter_to_the_jail_alone),
	    CASE(flags_say_which_virtualisation_there_is),
	    CASE(in_a_vm_the_remedy_is_nested_virtualisation),
	    CASE(weaknesses_that_are_not_covered_are_named),
	    CASE(memory_settings_are_judged),
	    CASE(usual_memory_settings_are_fine),
	    CASE(low_limits_are_told_one_by_one),
	    CASE(enough_limits_are_one_line),
	    CASE(without_cgroup_v2_the_jail_sets_no_limits),
	    CASE(controllers_of_version_1_are_named),
	    CASE(a_container_that_was_given_no_controllers_is_told_so),
	    CASE(limits_of_a_container_with_a_namespace_lie_in_the_root_of_its_mount),
	    CASE(limits_below_the_root_of_a_container_count_with_it),
	    CASE(a_container_without_a_namespace_sees_its_part_of_the_tree),
	    CASE(the_mount_that_has_the_own_cgroup_is_taken),
	    CASE(limits_of_a_tree_that_is_not_the_own_one_are_not_told),
	    CASE(a_mount_from_above_the_namespace_still_limits),
	    CASE(the_lowest_limit_on_the_way_counts),
	    CASE(an_empty_host_is_survived),
	    CASE(more_findings_than_room_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
