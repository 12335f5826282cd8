/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * start - one program with two ways in: by its Multiboot 1 header, and by a PVH note
 * (XEN_ELFNOTE_PHYS32_ENTRY). Each keeps what the CPU held and goes on to C.
 *
 * MULTIBOOT_FLAGS are those of the header; with bit 16 its addresses count.
 */
	.code32
	.section .text.start, "ax"
	.balign 4
header:
	.long 0x1badb002
	.long MULTIBOOT_FLAGS
	.long -(0x1badb002 + MULTIBOOT_FLAGS)
	.long header
	.long image_start
	.long image_data_end
	.long image_end
	.long multiboot_start

	.globl multiboot_start
multiboot_start:
	movl $1, entered_by
	jmp common

	.globl pvh_start
pvh_start:
	movl $2, entered_by
common:
	mov %eax, entry_eax
	mov %ebx, entry_ebx
	mov %cr0, %eax
	mov %eax, entry_cr0
	mov %cr4, %eax
	mov %eax, entry_cr4
	pushf
	pop %eax
	mov %eax, entry_eflags
	mov $stack_end, %esp
	xor %ebp, %ebp
	call guest_main
1:	hlt
	jmp 1b

#ifdef PVH_NOTE
	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18
	.asciz "Xen"
	.long pvh_start
#endif

	.bss
	.balign 16
	.skip 16384
stack_end:

	.section .note.GNU-stack, "", @progbits
