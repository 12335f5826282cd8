/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * poke - writes once to the probe plugin's port, then sleeps until the VM is ended. Linked
 * at 16 MiB, where it is entered in 64-bit mode.
 */
	.code64
	.globl _start
_start:
	mov $0x700, %dx
	mov $1, %al
	out %al, %dx
	cli
1:	hlt
	jmp 1b

	.section .note.GNU-stack, "", @progbits
