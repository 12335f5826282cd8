# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Reads a snapshot's state file, by docs/snapshot-format.md alone."""

import struct

HEADER = struct.Struct("<8sHHIQQI16sIII")
ROW = struct.Struct("<4sHHIIQQ32s")
BLOCK = struct.Struct("<4sI")
SECTION = struct.Struct("<4sIHBBI")
FIELD = struct.Struct("<BBHI")
SIZES = {1: 1, 2: 2, 3: 4, 4: 8, 5: 1}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Section:
    def __init__(self, row, data):
        kind, self.version, self.flags, self.crc, self.index, self.offset, self.length, name = row
        self.kind = kind.decode().strip()
        self.name = name.rstrip(b"\0").decode()
        self.bytes = data[self.offset:self.offset + self.length]
        assert crc32c(self.bytes) == self.crc, f"section {self.kind} {self.index} is damaged"

    def lines(self):
        return self.bytes.decode().splitlines()

    def blocks(self):
        """Of `cpu ` and `kvm `: tag to bytes."""
        found, at = {}, 0
        while at < len(self.bytes):
            tag, length = BLOCK.unpack_from(self.bytes, at)
            found[tag.decode()] = self.bytes[at + 8:at + 8 + length]
            at += 8 + (length + 7) // 8 * 8
        return found

    def fields(self):
        """Of `dev `: name to a list of numbers."""
        tag, size, _, id_length, name_length, count = SECTION.unpack_from(self.bytes)
        assert tag == b"VSEC" and size == self.length
        found, at = {}, SECTION.size + id_length + name_length
        for _ in range(count):
            length, kind, _, elements = FIELD.unpack_from(self.bytes, at)
            at += FIELD.size
            name, at = self.bytes[at:at + length].decode(), at + length
            found[name] = [int.from_bytes(self.bytes[at + i * SIZES[kind]:at + (i + 1) * SIZES[kind]],
                                          "little") for i in range(elements)]
            at += elements * SIZES[kind]
        return found

    def ranges(self):
        """Of `ram `: offset and length of what is not a hole."""
        count = struct.unpack_from("<Q", self.bytes, 24)[0]
        return [struct.unpack_from("<QQ", self.bytes, 32 + 16 * i) for i in range(count)]

    def working_set(self):
        """Of `wset`: offset and length, in the order of the first touch."""
        count = struct.unpack_from("<Q", self.bytes)[0]
        assert self.length == 8 + 16 * count
        return [struct.unpack_from("<QQ", self.bytes, 8 + 16 * i) for i in range(count)]


class Snapshot:
    def __init__(self, folder):
        data = (folder / "state").read_bytes()
        (magic, version, row_size, rows, table, self.ram, page, self.uuid, flags, table_crc,
         crc) = HEADER.unpack_from(data)
        assert (magic, version, row_size, page, flags) == (b"VOLTSNAP", 1, 64, 4096, 0)
        assert crc == crc32c(data[:60]) and table_crc == crc32c(data[table:table + rows * row_size])
        self.sections = [Section(ROW.unpack_from(data, table + i * row_size), data)
                         for i in range(rows)]

    def find(self, kind, index=0, name=None):
        return next(s for s in self.sections if s.kind == kind and
                    (s.name == name if name is not None else s.index == index))
