/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* outs - COUNT writes to a port where nothing is, each an exit, then exit status 0. */
	.code64
	.globl _start
_start:
	mov $COUNT, %ecx
	mov $0x700, %dx
	test %ecx, %ecx
	jz 2f
1:	out %al, %dx
	dec %ecx
	jnz 1b
2:	mov $0xf4, %dx
	xor %eax, %eax
	out %al, %dx
3:	hlt
	jmp 3b

	.section .note.GNU-stack, "", @progbits
