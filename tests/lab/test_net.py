# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Debian's kernel on virtio-net: by a tap, and by passt, which needs no root."""

import hashlib
import os
import random
import re
import shutil
import sys
import tempfile
from pathlib import Path

from cases import NO_IOAPIC, call, expect, initramfs_of_debian, run, volt
from lab import LabUnavailable, libraries, pack, with_shell

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
INITRD, BULK, PROGRAMS = "/lab/net.cpio", "/lab/bulk", "/lab/programs.cpio.gz"
TOOL, DEBIAN = "/bin/net_tool", ("iperf3", "ethtool")
BULK_BYTES, CONNECTIONS, LIMIT_S = 8 << 20, 100, 240
TAP, TAP_HOST, TAP_GUEST = "tap0", "192.0.2.1", "192.0.2.2"
PASST_HOST = "10.0.2.2"
PASST = "--plugin virtio-net,socket=unix:/run/passt.sock"

# What a guest does with a host's address. Nothing closes one side of a connection before the
# other: passt 2023-03-09 takes no ACK of a guest that did, and sends the same bytes again.
PING = "ping -c 3 -W 5 {host} | grep packets"
DOWNLOAD = "wget -q -O - http://{host}:7003/bulk | sha256sum"
# It also resets a connection whose SYN comes twice, as Linux sends it after a second without an
# answer, which a busy lab takes now and then. So an upload is tried three times.
# BusyBox posts text alone.
UPLOAD = ("dd if=/dev/urandom bs=1k count={upload} 2>/dev/null | base64 >/bulk; sha256sum /bulk; "
          "for i in 1 2 3; do wget -q -O - --post-file /bulk http://{host}:7003/cgi-bin/sum "
          "&& break; done")
MANY = ("for i in $(seq {count}); do (until wget -q -O /got.$i http://{host}:7003/$i; do sleep 1; "
        "done) 2>/dev/null & done; wait; cat /got.* | sort -n | sha256sum")
# Bytes of a frame while COMMAND runs, on average, each way. Without offloads it is a packet at most.
AVERAGE = """now() {{ echo $(cat /sys/class/net/eth0/statistics/{way}_$1); }}
bytes=$(now bytes) packets=$(now packets)
{command}
echo average of {way}: $((($(now bytes) - bytes) / ($(now packets) - packets)))
"""


def _initramfs(folder):
    base = folder / "base"
    base.write_bytes(with_shell(BUILD / "volt-init/volt-init"))
    return initramfs_of_debian(BUILD, folder, "--base", base)


def _programs(folder):
    """The tool, and what of Debian's programs a guest gets, with their libraries."""
    tool, archive = folder / "net_tool", pack.Archive()
    call("cc", "-O2", "-static", "-D_GNU_SOURCE", "-o", tool, Path(__file__).with_name("net_tool.c"))
    paths = {TOOL: tool, **{f"/bin/{name}": shutil.which(name) for name in DEBIAN}}
    paths.update({path: os.path.realpath(path) for path in libraries(list(paths.values())[1:])})
    for guest, path in paths.items():
        archive.add(path, guest)
    output = folder / "programs.cpio.gz"
    output.write_bytes(pack.compress(archive.cpio(), ".gz"))
    return output, paths


def _bulk():
    return random.Random(2).randbytes(BULK_BYTES)


def _serve(lab):
    """A web server in the lab: files, and the sum of what is posted. Without cookies a queue of
    connections that is full makes the guest try again, with them it resets."""
    lab.check("""[ -e /tmp/www ] && exit 0
echo 0 >/proc/sys/net/ipv4/tcp_syncookies
mkdir -p /tmp/www/cgi-bin
ln -s /lab/bulk /tmp/www/bulk
for i in $(seq 100); do echo $i >/tmp/www/$i; done
printf '#!/bin/sh\\necho Content-Type: text/plain\\necho\\nexec sha256sum\\n' >/tmp/www/cgi-bin/sum
chmod +x /tmp/www/cgi-bin/sum
httpd -p 7003 -h /tmp/www
""")


def _make_tap(lab, name=TAP, host=TAP_HOST):
    lab.check(f"tunctl -t {name} >/dev/null 2>&1; ip addr add {host}/24 dev {name} 2>/dev/null; "
              f"ip link set {name} up")


def _guest(lab, plugins, script, ip, status=0, programs=""):
    """The script is a file of its own, as a command line has no room for it."""
    lab.check("mkdir -p /tmp/more/root")
    lab.write("/tmp/more/root/script", script.encode())
    lab.check("cd /tmp/more && (echo root; echo root/script) | cpio -o -H newc >/tmp/more.cpio "
              f"2>/dev/null && cat {INITRD} /tmp/more.cpio {programs} >/tmp/initrd")
    line = volt(NO_IOAPIC, plugins, "--memory 256M", initrd="/tmp/initrd",
                append=f"quiet loglevel=0 {ip}", run="sh /root/script")
    found, output = lab.run(line + " </dev/null", LIMIT_S)
    expect(found == status, f"exit status {found} instead of {status}", output)
    return output


def _traffic(lab, plugins, host, ip, pinged=None, upload=8192):
    _serve(lab)
    parts = [PING.format(host=pinged or host)]
    parts += [part.format(host=host, count=CONNECTIONS, upload=upload) for part in (DOWNLOAD, UPLOAD, MANY)]
    script = "\n".join(parts)
    output = _guest(lab, plugins, script, ip)
    expect("3 packets received" in output, "a ping was lost", output)
    sums = re.findall(r"^([0-9a-f]{64})", output, re.MULTILINE)
    expect(len(sums) == 4, f"{len(sums)} sums", output)
    expect(sums[0] == hashlib.sha256(_bulk()).hexdigest(), "other bytes came", output)
    expect(sums[1] == sums[2], "other bytes were sent", output)
    lines = "".join(f"{i}\n" for i in range(1, CONNECTIONS + 1))
    expect(sums[3] == hashlib.sha256(lines.encode()).hexdigest(), "a connection failed", output)
    return output


def traffic_by_a_tap_arrives_whole(lab):
    _make_tap(lab)
    _traffic(lab, f"--plugin virtio-net,tap={TAP}", TAP_HOST, f"ip={TAP_GUEST}")


def traffic_by_passt_arrives_whole(lab):
    lab.check("/lab/passt")
    # passt stands for the host with TCP and UDP only: an echo is asked of its own address.
    output = _traffic(lab, PASST, PASST_HOST, "ip=dhcp", pinged="10.99.0.1", upload=1024)
    expect("eth0 has address 10.0.2.15, gateway 10.0.2.2" in output, "no address", output)


def long_upload_by_passt_arrives_whole(lab):
    """6 MiB, which are 8.3 in base64."""
    _serve(lab)
    lab.check("/lab/passt /run/passt-upload.sock")
    output = _guest(lab, "--plugin virtio-net,socket=unix:/run/passt-upload.sock",
                    UPLOAD.format(host=PASST_HOST, upload=6144), "ip=dhcp")
    sums = re.findall(r"^([0-9a-f]{64})", output, re.MULTILINE)
    expect(len(sums) == 2 and sums[0] == sums[1], "other bytes were sent", output)


def _bulk_by_tap(lab, options, before=""):
    """8 MiB down and 1.4 MiB up; bytes of a frame of either way on average, and the output."""
    _make_tap(lab)
    _serve(lab)
    script = "\n".join([before, PING.format(host=TAP_HOST),
                        AVERAGE.format(way="rx", command=DOWNLOAD.format(host=TAP_HOST)),
                        AVERAGE.format(way="tx", command=UPLOAD.format(host=TAP_HOST, upload=1024))])
    output = _guest(lab, f"--plugin virtio-net,tap={TAP}{options}", script, f"ip={TAP_GUEST}")
    sums = re.findall(r"^([0-9a-f]{64})", output, re.MULTILINE)
    expect(len(sums) == 3 and sums[1] == sums[2], "other bytes were sent", output)
    expect(sums[0] == hashlib.sha256(_bulk()).hexdigest(), "other bytes came", output)
    averages = re.findall(r"^average of .x: (\d+)", output, re.MULTILINE)
    expect(len(averages) == 2, "no averages", output)
    return int(averages[0]), int(averages[1]), output


def segments_are_left_to_the_other_side_of_a_tap(lab):
    down, up, output = _bulk_by_tap(lab, "")
    expect(down > 1514, f"frames of {down} bytes came", output)
    expect(up > 1514, f"frames of {up} bytes were sent", output)


def without_offloads_frames_of_9000_bytes_pass(lab):
    _make_tap(lab)
    lab.check(f"ip link set {TAP} mtu 9000")
    try:
        down, up, output = _bulk_by_tap(lab, ",offload=off,mtu=9000",
                                       f"cat /sys/class/net/eth0/mtu; ping -c 3 -W 5 -s 8900 {TAP_HOST}")
    finally:
        lab.check(f"ip link set {TAP} mtu 1500")
    expect(re.search(r"^9000\r?$", output, re.MULTILINE), "another MTU", output)
    expect("8908 bytes from" in output, "no long ping came back", output)
    expect(1514 < down <= 9014, f"frames of {down} bytes came", output)
    expect(1514 < up <= 9014, f"frames of {up} bytes were sent", output)


def _two_pairs(lab, options):
    """iperf3 both ways and 1,000 connections at once, for two CPUs with a pair of queues each."""
    lab.check(f"ip link show tapq >/dev/null 2>&1 || {TOOL} tap tapq")
    lab.check("ip addr add 203.0.113.1/24 dev tapq 2>/dev/null; ip link set tapq up")
    lab.check(f"(pidof iperf3 || (iperf3 -s & {TOOL} serve 7010)) </dev/null >/tmp/servers.log 2>&1 & sleep 1")
    run_iperf = "iperf3 -c 203.0.113.1 -P 2 -n 1M --connect-timeout 60000"
    script = f"""mkdir -p /tmp
echo queues: $(ls /sys/class/net/eth0/queues)
ethtool -l eth0 | grep Combined
{run_iperf} && echo iperf3 sent; {run_iperf} -R && echo iperf3 received
{TOOL} connect 203.0.113.1 7010 1000
ethtool -K eth0 rx-gro-hw off && echo offloads are off
{AVERAGE.format(way="rx", command=run_iperf + " -R")}
ethtool -K eth0 rx-gro-hw on && echo offloads are on
ip link set eth0 address 02:00:00:00:00:77
{PING.format(host="203.0.113.1")}
grep virtio /proc/interrupts"""
    output = _guest(lab, f"--cpus 2 {options} --plugin virtio-net,tap=tapq,queues=2", script,
                    "ip=203.0.113.2", programs=PROGRAMS)
    for text in ("queues: rx-0 rx-1 tx-0 tx-1", "iperf3 sent", "iperf3 received",
                 "1000 connections answered", "offloads are off", "offloads are on", "3 packets received"):
        expect(text in output, f"no line \"{text}\"", output + lab.check("cat /tmp/servers.log"))
    expect(len(re.findall(r"^Combined:\s+2\r?$", output, re.MULTILINE)) == 2, "not two pairs", output)
    average = re.search(r"^average of rx: (\d+)", output, re.MULTILINE)
    expect(average and int(average.group(1)) <= 1514, "segments came that were switched off", output)


def two_pairs_of_queues_carry_iperf3_over_mmio(lab):
    _two_pairs(lab, "")


def two_pairs_of_queues_carry_iperf3_over_pci_with_ioapic(lab):
    _two_pairs(lab, "--plugin ioapic --plugin pci")


def card_is_unbound_and_bound_under_load(lab):
    _make_tap(lab)
    lab.check(f"(timeout 100 ping -i 0.02 {TAP_GUEST} >/dev/null 2>&1 &)")
    script = f"""device=$(basename $(readlink -f /sys/class/net/eth0/device))
cd /sys/bus/virtio/drivers/virtio_net
for i in 1 2 3 4 5 6; do
echo $device >unbind; echo $device >bind
ip addr add {TAP_GUEST}/24 dev eth0; ip link set eth0 up
ping -c 5 -W 9 {TAP_HOST} | grep packets
done"""
    output = _guest(lab, f"--plugin virtio-net,tap={TAP}", script, f"ip={TAP_GUEST}")
    expect(len(re.findall(r"transmitted, [1-5] packets received", output)) == 6, "the card did not come back", output)


def lease_is_kept_and_its_loss_is_told(lab):
    """BusyBox's server grants eight seconds, which are renewed until it goes."""
    _make_tap(lab)
    lab.write("/tmp/udhcpd.conf", f"""start {TAP_GUEST}
end {TAP_GUEST}
interface {TAP}
max_leases 1
min_lease 4
lease_file /tmp/leases
option subnet 255.255.255.0
option router {TAP_HOST}
option dns 192.0.2.53
option hostname leased
option lease 8
""".encode())
    lab.check(f": >/tmp/leases; (udhcpd -f -I {TAP_HOST} /tmp/udhcpd.conf & sleep 45; "
              "killall udhcpd) </dev/null >/tmp/udhcpd.log 2>&1 &")
    script = ("hostname; cat /etc/resolv.conf; sleep 15; ip -4 addr show eth0; echo kept; "
              "while ip -4 addr show eth0 | grep -q inet; do sleep 1; done; echo over")
    output = _guest(lab, f"--plugin virtio-net,tap={TAP}", script, "ip=dhcp")
    expect(f"eth0 has address {TAP_GUEST}, gateway {TAP_HOST}" in output, "no address", output)
    expect("leased" in output and "nameserver 192.0.2.53" in output, "options are missing", output)
    expect(f"inet {TAP_GUEST}/24" in output, "the lease was not kept", output)
    expect("eth0: its DHCP lease has ended" in output, "its loss was not told", output)


def network_without_a_server_lets_the_guest_go_on(lab):
    _make_tap(lab)
    output = _guest(lab, f"--plugin virtio-net,tap={TAP}", "echo went on", "ip=dhcp")
    expect("eth0: no DHCP server gave an address in 20 s" in output, "no reason", output)
    expect("went on" in output, "it did not", output)


def two_disks_and_two_nets_just_work(lab):
    """With default parameters: addresses, lines and names are the host's business."""
    _make_tap(lab)
    _make_tap(lab, "tap1", "198.51.100.1")
    lab.check("for name in a b; do echo this is disk $name | dd of=/tmp/$name bs=1M conv=sync "
              "2>/dev/null; done")
    plugins = ("--plugin virtio-blk,disk=/tmp/a --plugin virtio-blk,id=second,disk=/tmp/b "
               f"--plugin virtio-net,tap={TAP} --plugin virtio-net,id=net2,tap=tap1")
    script = f"""head -n 1 /dev/vda; head -n 1 /dev/vdb
{PING.format(host=TAP_HOST)}
ip addr add 198.51.100.2/24 dev eth1; ip link set eth1 up
{PING.format(host="198.51.100.1")}
cat /sys/class/net/eth0/address /sys/class/net/eth1/address"""
    output = _guest(lab, plugins, script, f"ip={TAP_GUEST}:::::eth0")
    expect("this is disk a" in output and "this is disk b" in output, "other disks", output)
    expect(output.count("3 packets received") == 2, "a ping was lost", output)
    macs = re.findall(r"^((?:[0-9a-f]{2}:){5}[0-9a-f]{2})", output, re.MULTILINE)
    expect(len(set(macs)) == 2, f"addresses: {macs}", output)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-lab-") as place:
        work = Path(place)
        try:
            for name in ("passt", *DEBIAN):
                if not shutil.which(name):
                    raise LabUnavailable(f"this test needs '{name}'")
            programs, paths = _programs(work)
            files = {**paths, INITRD: _initramfs(work), BULK: work / "bulk", PROGRAMS: programs}
            (work / "bulk").write_bytes(_bulk())
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        run(globals(), files=files)
