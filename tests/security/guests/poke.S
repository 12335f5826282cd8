/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * poke - writes to the probe plugin's port, which acts on the first write; the second is an
 * exit for a KVM_RUN of the probe's own to come back with. Then it sleeps until the VM is
 * ended. Linked at 16 MiB, where it is entered in 64-bit mode.
 */
	.code64
	.globl _start
_start:
	mov $0x700, %dx
	mov $1, %al
	out %al, %dx
	out %al, %dx
	cli
1:	hlt
	jmp 1b

	.section .note.GNU-stack, "", @progbits
