# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Which calls a device gets for a guest's accesses to ports and memory.

Two probe plugins, a and b, note their calls; each byte of theirs reads as its offset
plus 0x00 (a) or 0x40 (b). What must happen is in volt/plugin.h, at struct volt_range.
"""

import re

import vm
from vm import Case

ONES = {1: 0xFF, 2: 0xFFFF, 4: 0xFFFFFFFF, 8: 0xFFFFFFFFFFFFFFFF}


def join(*values):
    """Bytes as a little-endian number."""
    return int.from_bytes(bytes(values), "little")


class Probes(Case):
    """Runs accesses; parses what guests/bus.c prints of each."""

    def probe(self, name, **parameters):
        words = [self.own_plugin("probe"), f"id={name}"]
        defaults = {"a": {}, "b": {"pio": 0x690, "mmio": 0xD0002000, "report": 0x6B0, "fill": 0x40}}
        for key, value in {**defaults[name], **parameters}.items():
            words.append(f"{key.replace('_', '-')}={value}")
        return ",".join(words)

    def accesses(self, *ops, plugins=None):
        """[(value, [calls])] for each of ops; a call is text like "apr2@e=f0e"."""
        if plugins is None:
            plugins = (self.probe("a"),)
        run = self.run_guest("bus", "script " + " ".join(ops), plugins=plugins)
        lines = [line.split() for line in run.text().splitlines()]
        self.assertEqual([line[0] for line in lines], list(ops), run.story())
        return [(int(line[1], 16), line[2:]) for line in lines]

    def check(self, expected, plugins=None):
        """`expected`: {op: (value, calls)}; for writes the value is ignored."""
        found = self.accesses(*expected, plugins=plugins)
        for (op, (value, calls)), (got, got_calls) in zip(expected.items(), found):
            with self.subTest(op=op):
                if op[1] == "r":
                    self.assertEqual(hex(got), hex(value))
                self.assertEqual(got_calls, calls.split())

    def bytes_of(self, access):
        """{offset: byte} that all calls together touched; none twice."""
        touched = {}
        for call in access[1]:
            match = re.fullmatch(r"[ab]m[rw]([1248])@([0-9a-f]+)=([0-9a-f]+)", call)
            size, offset, value = int(match[1]), int(match[2], 16), int(match[3], 16)
            for i, byte in enumerate(value.to_bytes(size, "little")):
                self.assertNotIn(offset + i, touched)
                touched[offset + i] = byte
        return touched


class Ports(Probes):
    def test_each_size_arrives_as_it_is_at_the_first_and_last_bytes(self):
        self.check({
            "pr1:680": (0x00, "apr1@0=0"),
            "pr2:680": (0x0100, "apr2@0=100"),
            "pr4:680": (0x03020100, "apr4@0=3020100"),
            "pr1:68f": (0x0F, "apr1@f=f"),
            "pr2:68e": (0x0F0E, "apr2@e=f0e"),
            "pr4:68c": (0x0F0E0D0C, "apr4@c=f0e0d0c"),
            "pr2:681": (0x0201, "apr2@1=201"),
            "pr4:683": (0x06050403, "apr4@3=6050403"),
            "pw1:680:ab": (0, "apw1@0=ab"),
            "pw2:68e:abcd": (0, "apw2@e=abcd"),
            "pw4:68c:89abcdef": (0, "apw4@c=89abcdef"),
            "pw4:681:89abcdef": (0, "apw4@1=89abcdef"),
        })

    # HOLDS(D2)
    def test_access_that_leaves_a_range_is_split_there(self):
        """What no range answers reads as all ones and is dropped."""
        self.check({
            "pr2:68f": (0xFF0F, "apr1@f=f"),
            "pr4:68d": (0xFF0F0E0D, "apr2@d=e0d apr1@f=f"),
            "pr4:68e": (0xFFFF0F0E, "apr2@e=f0e"),
            "pr4:68f": (0xFFFFFF0F, "apr1@f=f"),
            "pw4:68e:11223344": (0, "apw2@e=3344"),
            "pw4:68f:11223344": (0, "apw1@f=44"),
            "pw4:68d:11223344": (0, "apw2@d=3344 apw1@f=22"),
        })

    def test_access_that_enters_a_range_is_split_there(self):
        self.check({
            "pr2:67f": (0x00FF, "apr1@0=0"),
            "pr4:67e": (0x0100FFFF, "apr2@0=100"),
            "pr4:67d": (0x00FFFFFF, "apr1@0=0"),
            "pr4:67f": (0x020100FF, "apr2@0=100 apr1@2=2"),
            "pw4:67e:11223344": (0, "apw2@0=1122"),
            "pw4:67d:11223344": (0, "apw1@0=11"),
            "pw2:67f:1122": (0, "apw1@0=11"),
        })

    def test_access_across_two_devices_gives_each_its_own_bytes(self):
        self.check({
            "pr2:68f": (0x400F, "apr1@f=f bpr1@0=40"),
            "pr4:68e": (0x41400F0E, "apr2@e=f0e bpr2@0=4140"),
            "pr4:68d": (0x400F0E0D, "apr2@d=e0d apr1@f=f bpr1@0=40"),
            "pr4:68f": (0x4241400F, "apr1@f=f bpr2@0=4140 bpr1@2=42"),
            "pw4:68e:11223344": (0, "apw2@e=3344 bpw2@0=1122"),
            "pw4:68f:11223344": (0, "apw1@f=44 bpw2@0=2233 bpw1@2=11"),
        }, plugins=(self.probe("a"), self.probe("b")))

    def test_access_over_a_one_port_device_between_two_misses(self):
        self.check({
            "pr4:67f": (0xFFFF00FF, "apr1@0=0"),
            "pw4:67e:11223344": (0, "apw1@0=22"),
        }, plugins=(self.probe("a", pio_len=1),))

    def test_port_ffff_does_not_wrap_to_port_0(self):
        """KVM may already do the wrap; volt must not."""
        probes = (self.probe("a", pio=0), self.probe("b", pio=0xFFF0))
        found = self.accesses("pr1:ffff", "pr4:ffff", "pr2:ffff", "pw4:ffff:11223344",
                              "pr4:fffe", plugins=probes)
        for value, calls in found:
            self.assertTrue(calls)
            self.assertFalse([call for call in calls if call.startswith("a")], calls)
        self.assertEqual(found[1], (0xFFFFFF4F, ["bpr1@f=4f"]))

    def test_size_that_a_device_does_not_take_misses(self):
        self.check({
            "pr1:680": (0xFF, ""),
            "pr2:680": (0x0100, "apr2@0=100"),
            "pr4:680": (0xFFFFFFFF, ""),
            "pw1:680:ab": (0, ""),
            "pw4:680:ab": (0, ""),
            "pr2:681": (0x0201, "apr2@1=201"),
        }, plugins=(self.probe("a", sizes=2),))

    def test_wider_access_is_split_where_the_device_wants_it(self):
        self.check({
            "pr4:680": (0x03020100, "apr1@0=0 apr1@1=1 apr1@2=2 apr1@3=3"),
            "pr2:683": (0x0403, "apr1@3=3 apr1@4=4"),
            "pw4:684:11223344": (0, "apw1@4=44 apw1@5=33 apw1@6=22 apw1@7=11"),
            "pr4:68e": (0xFFFF0F0E, "apr1@e=e apr1@f=f"),
        }, plugins=(self.probe("a", sizes=1, split="on"),))

    def test_widest_allowed_size_is_used_for_a_split(self):
        self.check({
            "pr4:680": (0x03020100, "apr2@0=100 apr2@2=302"),
            "pr1:680": (0xFF, ""),
        }, plugins=(self.probe("a", sizes=2, split="on"),))

    def test_ports_of_devices_that_are_not_there_are_harmless(self):
        """POST, delays, VGA, PCI, A20, CMOS, keyboard: all ones; none of them resets."""
        ports = (0x80, 0xED, 0x3C0, 0x3D4, 0xCF8, 0xCFC, 0x92, 0xCF9, 0x70, 0x71, 0x60, 0x64,
                 0x2E, 0x4D0, 0x61)
        found = self.accesses(*[f"pw1:{port:x}:fe" for port in ports],
                              *[f"pw4:{port:x}:ffffffff" for port in ports],
                              *[f"pr1:{port:x}" for port in ports],
                              plugins=(self.probe("a"), "ioapic"))
        self.assertEqual({value for value, _ in found[2 * len(ports):]}, {0xFF})

    def test_the_clock_of_a_pc_has_the_century_and_a_good_battery(self):
        found = self.accesses("pw1:70:b2", "pr1:71", "pw2:70:100b", "pr1:71", "pw1:70:d", "pr1:71",
                              plugins=(self.probe("a"), "rtc"))
        self.assertEqual([found[i][0] for i in (1, 3, 5)], [0x20, 0x10, 0x80])


class Memory(Probes):
    def test_each_size_arrives_as_it_is(self):
        self.check({
            "mr1:d0000000": (0x00, "amr1@0=0"),
            "mr2:d0000000": (0x0100, "amr2@0=100"),
            "mr4:d0000000": (0x03020100, "amr4@0=3020100"),
            "mr8:d0000000": (0x0706050403020100, "amr8@0=706050403020100"),
            "mr8:d0000123": (0x2A29282726252423, "amr8@123=2a29282726252423"),
            "mr4:d0001ffc": (0xFFFEFDFC, "amr4@1ffc=fffefdfc"),
            "mr1:d0001fff": (0xFF, "amr1@1fff=ff"),
            "mw1:d0000001:ab": (0, "amw1@1=ab"),
            "mw2:d0000002:abcd": (0, "amw2@2=abcd"),
            "mw4:d0000003:89abcdef": (0, "amw4@3=89abcdef"),
            "mw8:d0000004:123456789abcdef0": (0, "amw8@4=123456789abcdef0"),
        })

    def test_every_offset_and_size_gives_its_own_bytes(self):
        for size in (1, 2, 4, 8):
            ops = [f"mr{size}:{0xD0000000 + offset:x}" for offset in range(0, 0x90)]
            for offset, (value, calls) in enumerate(self.accesses(*ops)):
                want = join(*[(offset + i) & 0xFF for i in range(size)])
                self.assertEqual((value, calls), (want, [f"amr{size}@{offset:x}={want:x}"]))

    def test_access_that_leaves_or_enters_a_range_is_split_there(self):
        """0xd0001fff + 1 is a page's end too, where KVM may have cut already."""
        found = self.accesses("mr4:d0001ffe", "mr8:d0001ffd", "mr2:cfffffff", "mr8:cffffffc",
                              "mw8:d0001ffc:8877665544332211", "mw8:cffffffe:8877665544332211")
        self.assertEqual([hex(value) for value, _ in found[:4]],
                         ["0xfffffffe", "0xfffffffffffffefd", "0xff", "0x3020100ffffffff"])
        self.assertEqual(self.bytes_of(found[4]), {0x1FFC: 0x11, 0x1FFD: 0x22, 0x1FFE: 0x33,
                                                   0x1FFF: 0x44})
        self.assertEqual(self.bytes_of(found[5]), {i: 0x33 + 0x11 * i for i in range(6)})

    def test_access_across_two_pages_of_one_device_gives_every_byte_once(self):
        for start in range(0xFF9, 0x1000):
            with self.subTest(start=hex(start)):
                address = 0xD0000000 + start
                read, write = self.accesses(f"mr8:{address:x}", f"mw8:{address:x}:8877665544332211")
                want = [(start + i) & 0xFF for i in range(8)]
                self.assertEqual(hex(read[0]), hex(join(*want)))
                self.assertEqual(self.bytes_of(read), {start + i: want[i] for i in range(8)})
                self.assertEqual(self.bytes_of(write),
                                 {start + i: 0x11 * (i + 1) for i in range(8)})

    def test_access_across_two_devices_gives_each_its_own_bytes(self):
        found = self.accesses("mr4:d0001ffe", "mr8:d0001ffd",
                              plugins=(self.probe("a"), self.probe("b")))
        self.assertEqual([hex(value) for value, _ in found], ["0x4140fffe", "0x4443424140fffefd"])

    def test_access_within_a_page_across_two_devices_is_split(self):
        self.check({
            "mr8:d00000fc": (0x43424140FFFEFDFC, "amr4@fc=fffefdfc bmr4@0=43424140"),
            "mr4:d00000ff": (0x424140FF, "amr1@ff=ff bmr2@0=4140 bmr1@2=42"),
            "mw8:d00000fd:8877665544332211":
                (0, "amw2@fd=2211 amw1@ff=33 bmw4@0=77665544 bmw1@4=88"),
        }, plugins=(self.probe("a", mmio_len=0x100), self.probe("b", mmio=0xD0000100)))

    def test_size_that_a_device_does_not_take_misses_or_is_split(self):
        self.check({
            "mr8:d0000000": (ONES[8], ""),
            "mr2:d0000000": (ONES[2], ""),
            "mr4:d0000002": (0x05040302, "amr4@2=5040302"),
            "mw8:d0000000:1": (0, ""),
        }, plugins=(self.probe("a", sizes=4),))
        self.check({
            "mr8:d0000000": (0x0706050403020100, "amr4@0=3020100 amr4@4=7060504"),
            "mr2:d0000000": (ONES[2], ""),
        }, plugins=(self.probe("a", sizes=4, split="on"),))

    def test_places_where_nothing_is_read_as_all_ones(self):
        """Beside each window, the hole, KVM's own pages (TSS, identity map), VGA, ROM."""
        places = (0xCFFFFFF0, 0xD0002000, 0xE0000000, 0xFEC01000, 0xFFFBC000, 0xFFFBD000,
                  0xFFFFFFF0, 0xFED00000, 0x08000000, 0xC0000000)
        for size in (1, 2, 4, 8):
            ops = [f"mw{size}:{place:x}:0" for place in places]
            ops += [f"mr{size}:{place:x}" for place in places]
            for op, (value, calls) in zip(ops, self.accesses(*ops)):
                if op[1] == "r":
                    self.assertEqual((op, hex(value)), (op, hex(ONES[size])))
                self.assertEqual((op, calls), (op, []))

    def test_addresses_above_all_memory_read_as_all_ones(self):
        self.run_guest("bus", "high")

    def test_locked_and_string_instructions_reach_the_device(self):
        run = self.run_guest("bus", "locked", plugins=(self.probe("a"),))
        lines = {line.split()[0]: line.split()[1:] for line in run.text().splitlines()}
        self.assertEqual(lines["cmpxchg"][0], "706050403020100", run.story())
        self.assertIn("amw8@0=5", lines["cmpxchg"], run.story())
        self.assertEqual(lines["xadd"], ["3020100", "amr4@0=3020100", "amw4@0=3020101"],
                         run.story())
        self.assertEqual(lines["xchg"], ["3020100", "amr4@0=3020100", "amw4@0=11223344"],
                         run.story())
        self.assertEqual(lines["movs"][0], "706050403020100", run.story())


class Many(Probes):
    # HOLDS(D5)
    def test_string_input_gives_every_item_in_order(self):
        for count in (1, 2, 4095, 4096, 4097, 65536):
            for way in ("up", "down"):
                with self.subTest(count=count, way=way):
                    run = self.run_guest("bus", f"string_in {count:x} {way}",
                                         plugins=(self.probe("a"),))
                    self.assertEqual(run.text(), f"next {count & 0xff:x}\n", run.story())

    # HOLDS(D5)
    def test_string_output_gives_every_item_in_order(self):
        for count in (1, 2, 4096, 65536):
            for way in ("up", "down"):
                with self.subTest(count=count, way=way):
                    run = self.run_guest("bus", f"string_out {count:x} {way}",
                                         plugins=(self.probe("a"),))
                    self.assertEqual(run.text(), f"bad 0 next {count & 0xff:x}\n", run.story())

    def test_string_input_into_device_memory_arrives_there(self):
        run = self.run_guest("bus", "string_to d0000100", plugins=(self.probe("a"),))
        # KVM may join several items to one write of up to 8 bytes.
        writes = [call for call in run.text().split() if call.startswith("amw")]
        self.assertEqual(self.bytes_of((0, writes)), {0x100 + i: i for i in range(16)},
                         run.story())

    def test_string_input_across_the_end_of_ram_writes_what_is_ram(self):
        run = self.run_guest("bus", "string_to 7fffff8", plugins=(self.probe("a"),),
                             options=("--memory", "128M"))
        self.assertIn("memory 0 1 2 3 4 5 6 7 ff ff ff ff ff ff ff ff\n", run.text(), run.story())

    # HOLDS(D3)
    def test_hundred_thousand_misses_do_not_flood_the_log(self):
        """186a0 is 100,000; each is counted and none is logged."""
        for where in ("port", "memory"):
            with self.subTest(where=where):
                run = self.run_guest("bus", f"misses 186a0 {where}",
                                     options=("--log-level", "debug"), limit=vm.LIMIT * 2)
                missed = re.search(r"accesses that nothing answered (\d+)", "\n".join(run.log()))
                self.assertGreaterEqual(int(missed[1]), 100000, run.story())
                self.assertLess(len(run.log()), 20, run.story())
