/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pvh - lets a 64-bit guest start under monitors that only know the PVH entry: from 32-bit
 * protected mode without paging to what the 64-bit Linux boot protocol promises.
 *
 * Sources: Xen docs/misc/pvh.pandoc (ebx: struct hvm_start_info, the command line's address
 * at 24); Linux Documentation/arch/x86/boot.rst; Intel SDM vol. 3, 9.8.5.
 */
	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long pvh_start

	.text
	.code32
pvh_start:
	mov 24(%ebx), %eax
	mov %eax, params + 0x228 /* boot_params.hdr.cmd_line_ptr */
	movl $pdpt + 3, pml4
	mov $pdpt, %edi
	mov $pages + 3, %eax
1:	mov %eax, (%edi)
	add $8, %edi
	add $4096, %eax
	cmp $pages + 4 * 4096, %eax
	jb 1b
	mov $pages, %edi
	mov $0x83, %eax /* 2 MiB, writable, present */
	mov $2048, %ecx
2:	mov %eax, (%edi)
	add $8, %edi
	add $0x200000, %eax
	dec %ecx
	jnz 2b
	mov $0x20, %eax /* CR4.PAE */
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx /* IA32_EFER.LME */
	rdmsr
	or $0x100, %eax
	wrmsr
	lgdt gdt_pointer
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	ljmp $0x10, $3f
	.code64
3:	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $params, %esi
	jmp _start

	.data
	.balign 8
gdt:
	.quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word . - gdt - 1
	.long gdt

	.bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pages:	.skip 4 * 4096
params:	.skip 4096

	.section .note.GNU-stack, "", @progbits
