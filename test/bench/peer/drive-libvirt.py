"""Drives libvirt for the benchmarks: one command a line on standard input, its time in milliseconds on standard output."""
import sys
import time

import libvirt

DOMAIN = """<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>96</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features><cpu mode='maximum'/>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{disk}'/><target dev='vda' bus='virtio'/></disk>
    <interface type='user'><model type='virtio'/></interface>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' autoport='yes' listen='127.0.0.1'/>
    <video><model type='vga'/></video>
    <memballoon model='virtio'/>
  </devices>
</domain>"""


def main():
    libvirt.registerErrorHandler(lambda *_: None, None)
    connection = libvirt.open("qemu:///system?socket=" + sys.argv[1])
    actions = {
        "start": lambda d: d.create(),
        "destroy": lambda d: d.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL),
        "kill": lambda d: d.isActive() and d.destroy(),
        "suspend": lambda d: d.suspend(),
        "suspend-resume": lambda d: (d.suspend(), d.resume()),
        "undefine": lambda d: d.undefine(),
    }
    print("ready", flush=True)
    for line in sys.stdin:
        verb, name, *rest = line.split()
        begin = time.perf_counter()
        if verb == "define":
            # A run that was killed may have left its own.
            for domain in [d for d in connection.listAllDomains() if d.name() == name]:
                if domain.isActive():
                    domain.destroy()
                domain.undefine()
            connection.defineXML(DOMAIN.format(name=name, disk=rest[0]))
        elif verb == "stats":
            connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL | libvirt.VIR_DOMAIN_STATS_BLOCK)
        else:
            actions[verb](connection.lookupByName(name))
        print((time.perf_counter() - begin) * 1000, flush=True)


main()
