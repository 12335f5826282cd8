/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * start - from the 64-bit boot protocol (Linux Documentation/arch/x86/boot.rst: rsi holds
 * the boot parameters, memory below 4 GiB is mapped one to one, interrupts are off) to C;
 * the entries of all 256 vectors; and where a second vCPU starts.
 */
	.code64
	.section .text.start, "ax"
	.globl _start
_start:
	mov $stack_end, %rsp
	xor %ebp, %ebp
	mov %rsi, %rdi
	call guest_start
1:	hlt
	jmp 1b

/* Each stub leaves an error code, pushed by the CPU or 0, and the vector: 16 bytes apart. */
	.text
	.globl stubs
	.balign 16
stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21
	push $0
	.endif
	push $vector
	jmp enter
	.set vector, vector + 1
	.endr

enter:
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	mov 72(%rsp), %rdi /* vector */
	mov 80(%rsp), %rsi /* error code */
	mov 88(%rsp), %rdx /* rip */
	call irq_dispatch
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

/* Copied to a page below 1 MiB, whose number a start-up IPI carries (Intel SDM vol. 3,
 * 9.4.4): real mode, cs = page << 8, ip = 0. smp.c says what lies at 0x800 of the page. */
	.globl trampoline, trampoline_end
	.balign 16
	.code16
trampoline:
	cli
	mov %cs, %ax
	mov %ax, %ds
	movw $1, %ds:0x800
	movw %ds:0x804, %dx
	movw %ds:0x806, %cx
	test %cx, %cx
	jz 2f
1:	inb %dx, %al
	dec %cx
	jnz 1b
2:	movw $1, %ds:0x802
3:	hlt
	jmp 3b
trampoline_end:

/* The same, to C in long mode: pausing.c says what lies at 0x800 of the page at 0x10000. */
	.globl long_trampoline, long_trampoline_entry, long_trampoline_end
	.balign 16
long_trampoline:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl 0x800
	mov $0x20, %eax /* PAE */
	mov %eax, %cr4
	movl 0x808, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx /* EFER: LME */
	rdmsr
	or $0x100, %eax
	wrmsr
	mov $0x80050033, %eax
	mov %eax, %cr0
	ljmpl *0x80c
	.code64
long_trampoline_entry:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov 0x10814, %rsp
	call *0x1081c
long_trampoline_end:

	.bss
	.balign 16
	.skip 16384
stack_end:

	.section .note.GNU-stack, "", @progbits
