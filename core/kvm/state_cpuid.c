/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/kvm/state.h"

enum reg { EAX, EBX, ECX, EDX };

static const char *const reg_names[] = {"EAX", "EBX", "ECX", "EDX"};

/*
 * Registers whose bits are features: a guest that saw one may use it at any time. Names of the bits
 * from 0 on, "-" where there is none. Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E; Linux,
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
static const struct features {
	uint32_t leaf, subleaf;
	enum reg reg;
	uint32_t ignored; /* bits that say what the guest set, or how many vCPUs there are */
	const char *names;
} features[] = {
    {0x1, 0, ECX, 1u << 27,
	"SSE3 PCLMULQDQ - MONITOR - VMX SMX - - SSSE3 - SDBG FMA CX16 - - - PCID DCA SSE4.1 SSE4.2 "
	"X2APIC MOVBE POPCNT TSC_DEADLINE AES XSAVE OSXSAVE AVX F16C RDRAND HYPERVISOR"},
    {0x1, 0, EDX, 1u << 28,
	"FPU VME DE PSE TSC MSR PAE MCE CX8 APIC - SEP MTRR PGE MCA CMOV PAT PSE36 PSN CLFSH - DS "
	"ACPI MMX FXSR SSE SSE2 SS HTT TM - PBE"},
    {0x6, 0, EAX, 0, "- - ARAT"},
    {0x7, 0, EBX, 0,
	"FSGSBASE TSC_ADJUST SGX BMI1 HLE AVX2 - SMEP BMI2 ERMS INVPCID RTM - - MPX - AVX512F "
	"AVX512DQ RDSEED ADX SMAP AVX512_IFMA - CLFLUSHOPT CLWB PT AVX512PF AVX512ER AVX512CD SHA "
	"AVX512BW AVX512VL"},
    {0x7, 0, ECX, 1u << 4,
	"PREFETCHWT1 AVX512_VBMI UMIP PKU OSPKE WAITPKG AVX512_VBMI2 CET_SS GFNI VAES VPCLMULQDQ "
	"AVX512_VNNI AVX512_BITALG TME AVX512_VPOPCNTDQ - LA57 - - - - - RDPID KL BUS_LOCK_DETECT "
	"CLDEMOTE - MOVDIRI MOVDIR64B ENQCMD SGX_LC PKS"},
    {0x7, 0, EDX, 0,
	"- SGX_KEYS AVX512_4VNNIW AVX512_4FMAPS FSRM UINTR - - AVX512_VP2INTERSECT SRBDS_CTRL "
	"MD_CLEAR RTM_ALWAYS_ABORT - - SERIALIZE HYBRID TSXLDTRK - PCONFIG ARCH_LBR CET_IBT - "
	"AMX_BF16 AVX512_FP16 AMX_TILE AMX_INT8 SPEC_CTRL STIBP L1D_FLUSH ARCH_CAPABILITIES "
	"CORE_CAPABILITIES SSBD"},
    {0x7, 1, EAX, 0,
	"SHA512 SM3 SM4 - AVX_VNNI AVX512_BF16 - CMPCCXADD - - FZRM FSRS FSRC - - - - FRED LKGS - "
	"- "
	"AMX_FP16 HRESET AVX_IFMA - - LAM"},
    {0x7, 1, EDX, 0,
	"- - - - AVX_VNNI_INT8 AVX_NE_CONVERT - - AMX_COMPLEX - AVX_VNNI_INT16 - - - PREFETCHI"},
    {0x7, 2, EDX, 0, "PSFD IPRED_CTRL RRSBA_CTRL DDPD_U BHI_CTRL MCDT_NO"},
    {0xd, 0, EAX, 0,
	"X87 SSE AVX BNDREGS BNDCSR OPMASK ZMM_HI256 HI16_ZMM PT PKRU - - - - - - - TILECFG "
	"TILEDATA"},
    {0xd, 1, EAX, 0, "XSAVEOPT XSAVEC XGETBV1 XSAVES XFD"},
    {0xd, 1, ECX, 0, "- - - - - - - - PT - PASID CET_U CET_S"},
    {0x14, 0, EBX, 0, "PT_CR3 PT_PSB PT_IP PT_MTC"},
    {0x80000001, 0, ECX, 1u << 1,
	"LAHF CMP_LEGACY SVM EXTAPIC CR8_LEGACY ABM SSE4A MISALIGNSSE PREFETCHW OSVW IBS XOP "
	"SKINIT "
	"WDT - LWP FMA4 TCE - - TBM TOPOEXT PERFCTR_CORE PERFCTR_NB - - - - PERFCTR_LLC MWAITX"},
    {0x80000001, 0, EDX, 0,
	"FPU VME DE PSE TSC MSR PAE MCE CX8 APIC - SYSCALL MTRR PGE MCA CMOV PAT PSE36 - - NX - "
	"MMXEXT MMX FXSR FFXSR PDPE1GB RDTSCP - LM 3DNOWEXT 3DNOW"},
    {0x80000007, 0, EDX, 0, "- - - - - - - - INVARIANT_TSC"},
    {0x80000008, 0, EBX, 0,
	"CLZERO - XSAVEERPTR - - - - - - WBNOINVD - - IBPB - IBRS STIBP - STIBP_ALWAYS_ON - - - - "
	"- - "
	"SSBD VIRT_SSBD SSB_NO - PSFD"},
    {0x80000021, 0, EAX, 0,
	"NO_NESTED_DATA_BP - LFENCE_SERIALIZING - - - NULL_SEL_CLEARS_BASE - AUTO_IBRS"},
    {0x40000001, 0, EAX, 0,
	"KVM_CLOCKSOURCE KVM_NOP_IO_DELAY KVM_MMU_OP KVM_CLOCKSOURCE2 KVM_ASYNC_PF KVM_STEAL_TIME "
	"KVM_PV_EOI KVM_PV_UNHALT - KVM_PV_TLB_FLUSH KVM_ASYNC_PF_VMEXIT KVM_PV_SEND_IPI "
	"KVM_POLL_CONTROL KVM_PV_SCHED_YIELD KVM_ASYNC_PF_INT KVM_MSI_EXT_DEST_ID "
	"KVM_HC_MAP_GPA_RANGE KVM_MIGRATION_CONTROL - - - - - - KVM_CLOCKSOURCE_STABLE"},
};

static const struct kvm_cpuid_entry2 *find(const struct cpuid *c, uint32_t leaf, uint32_t subleaf)
{
	for (uint32_t i = 0; i < c->head.nent && i < CPUID_MAX; i++)
		if (c->entries[i].function == leaf && c->entries[i].index == subleaf)
			return &c->entries[i];
	return NULL;
}

static uint32_t value_of(const struct cpuid *c, uint32_t leaf, uint32_t subleaf, enum reg reg)
{
	const struct kvm_cpuid_entry2 *e = find(c, leaf, subleaf);

	if (!e)
		return 0;
	return reg == EAX ? e->eax : reg == EBX ? e->ebx : reg == ECX ? e->ecx : e->edx;
}

/* The text that grows in `why`. */
struct words {
	char *text;
	size_t size, room;
	uint32_t more; /* things that did not fit */
};

VOLT_PRINTF(2, 3)
static void add(struct words *w, const char *fmt, ...)
{
	char one[128];
	va_list ap;

	va_start(ap, fmt);
	const int n = vsnprintf(one, sizeof(one), fmt, ap);
	va_end(ap);
	/* Room stays for "and N more". */
	if (n < 0 || w->size + (size_t)n + 24 >= w->room) {
		w->more++;
		return;
	}
	memcpy(w->text + w->size, one, (size_t)n + 1);
	w->size += (size_t)n;
}

static void name_bit(const char *names, unsigned bit, char *name, size_t size)
{
	for (unsigned i = 0; i < bit && names; i++) {
		names = strchr(names, ' ');
		names = names ? names + 1 : NULL;
	}
	const int n = names ? (int)strcspn(names, " ") : 0;
	snprintf(name, size, "%.*s", n, n > 0 ? names : "");
	if (n == 0 || strcmp(name, "-") == 0)
		snprintf(name, size, "a feature without a name");
}

static void compare_features(
    const struct features *f, uint32_t has, uint32_t needs, struct words *w)
{
	uint32_t missing = needs & ~has & ~f->ignored;

	for (unsigned bit = 0; bit < 32; bit++) {
		char name[32];

		if (!(missing & 1u << bit))
			continue;
		name_bit(f->names, bit, name, sizeof(name));
		add(w, "%s%s (CPUID 0x%x.%u %s bit %u)", w->size ? ", " : "this host lacks ", name,
		    f->leaf, f->subleaf, reg_names[f->reg], bit);
	}
}

/* How a component lies in XSAVE's area: what the guest saved by it must still be there. */
static bool compare_areas(const struct cpuid *host, const struct cpuid *guest, struct words *w)
{
	const uint64_t components = value_of(guest, 0xd, 0, EAX);

	for (uint32_t i = 2; i < 32; i++) {
		if (!(components & 1u << i))
			continue;
		for (enum reg reg = EAX; reg <= EBX; reg++) {
			const uint32_t is = value_of(host, 0xd, i, reg);
			const uint32_t must = value_of(guest, 0xd, i, reg);

			if (is == must)
				continue;
			add(w, "component %u of XSAVE has %s %u here, and %u in the snapshot", i,
			    reg == EAX ? "the size" : "the offset", is, must);
			return false;
		}
	}
	return true;
}

static bool same_vendor(const struct cpuid *a, const struct cpuid *b)
{
	return value_of(a, 0, 0, EBX) == value_of(b, 0, 0, EBX) &&
	       value_of(a, 0, 0, ECX) == value_of(b, 0, 0, ECX) &&
	       value_of(a, 0, 0, EDX) == value_of(b, 0, 0, EDX);
}

static void put_vendor(const struct cpuid *c, char name[13])
{
	const uint32_t words[] = {
	    value_of(c, 0, 0, EBX), value_of(c, 0, 0, EDX), value_of(c, 0, 0, ECX)};

	memcpy(name, words, sizeof(words));
	name[12] = '\0';
	for (unsigned i = 0; i < 12; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			name[i] = '?';
}

/* Adds the names of all that `host` lacks; true: nothing. */
static bool compare_all(const struct cpuid *host, const struct cpuid *guest, struct words *w)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		const struct features *f = &features[i];

		compare_features(f, value_of(host, f->leaf, f->subleaf, f->reg),
		    value_of(guest, f->leaf, f->subleaf, f->reg), w);
	}
	if (w->more > 0)
		snprintf(w->text + w->size, w->room - w->size, " and %u more", w->more);
	return w->size == 0 && w->more == 0;
}

bool state_feature_register(uint32_t number, struct state_register *r)
{
	if (number >= sizeof(features) / sizeof(features[0]))
		return false;
	*r = (struct state_register){
	    features[number].leaf, features[number].subleaf, (uint8_t)features[number].reg};
	return true;
}

bool state_compare_features(
    const struct cpuid *host, const struct cpuid *guest, char *why, size_t why_size)
{
	struct words w = {.text = why, .room = why_size};

	why[0] = '\0';
	return compare_all(host, guest, &w);
}

bool state_compare_cpuid(
    const struct cpuid *host, const struct cpuid *guest, char *why, size_t why_size)
{
	struct words w = {.text = why, .room = why_size};
	const uint32_t width = value_of(host, 0x80000008, 0, EAX) & 0xff;
	const uint32_t guest_width = value_of(guest, 0x80000008, 0, EAX) & 0xff;

	why[0] = '\0';
	if (!same_vendor(host, guest)) {
		char here[13], there[13];

		put_vendor(host, here);
		put_vendor(guest, there);
		add(&w, "this host's CPU is a %s, and the saver's was a %s", here, there);
		return false;
	}
	if (!compare_all(host, guest, &w))
		return false;
	if (guest_width > width) {
		add(&w, "physical addresses have %u bits here, and %u in the snapshot", width,
		    guest_width);
		return false;
	}
	return compare_areas(host, guest, &w);
}
