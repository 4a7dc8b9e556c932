import { describe, expect, it } from 'vitest'
import { qemuArguments, type VmHardware } from './qemu.ts'

const hardware: VmHardware = {
  name: 'vm-1',
  accelerator: 'tcg',
  cpus: 3,
  memoryMiB: 1024,
  kernel: '/vm/kernel',
  initrd: '/vm/initrd',
  disk: '/vm/disk,1.img',
  configuration: '/vm/configuration.tar',
  ports: {
    commands: 'vm/commands.sock',
    shell: 'vm/shell.sock',
    control: 'vm/control.sock',
    logs: { containerd: '/logs/containerd.log', kubelet: '/logs/kubelet.log' },
  },
  kubelet: { address: '10.200.0.3', port: 10250 },
}

/** Values of an option, in order. */
const values = (args: readonly string[], option: string) =>
  args.flatMap((argument, index) => (argument === option ? [args[index + 1]] : []))

describe('qemuArguments', () => {
  const args = qemuArguments(hardware)

  it('sizes the machine', () => {
    expect(values(args, '-smp')).toEqual(['3'])
    expect(values(args, '-m')).toEqual(['1024'])
  })

  it.each([
    ['tcg', 'tcg,thread=multi', 'Nehalem'],
    ['kvm', 'kvm', 'host'],
  ] as const)('runs under %s', (accelerator, accel, cpu) => {
    const chosen = qemuArguments({ ...hardware, accelerator })
    expect([values(chosen, '-accel'), values(chosen, '-cpu')]).toEqual([[accel], [cpu]])
  })

  it('has the disk first, so that it is vda, and doubles commas in paths', () => {
    expect(values(args, '-drive')).toEqual([
      'file=/vm/disk,,1.img,format=raw,if=none,id=disk,cache=unsafe,discard=unmap',
      'file=/vm/configuration.tar,format=raw,if=none,id=configuration,readonly=on',
    ])
  })

  it("forwards the kubelet's port from the node's address", () => {
    expect(values(args, '-netdev')).toEqual(['user,id=net,hostfwd=tcp:10.200.0.3:10250-10.0.2.15:10250'])
  })

  it('puts kernel messages on the first serial line and the shell on the second', () => {
    expect(values(args, '-serial')).toEqual(['chardev:console', 'chardev:shell'])
    expect(values(args, '-append')[0]).toContain('console=ttyS0')
  })

  it('gives commands and logs ports of their own, by the names the guest looks for', () => {
    const ports = values(args, '-device').filter((device) => device?.startsWith('virtserialport'))
    expect(ports).toEqual([
      'virtserialport,chardev=commands,name=kmm.commands',
      'virtserialport,chardev=containerd,name=kmm.containerd',
      'virtserialport,chardev=kubelet,name=kmm.kubelet',
    ])
  })

  it('ends when the guest restarts', () => {
    expect(args).toContain('-no-reboot')
    expect(values(args, '-append')[0]).toContain('panic=-1')
  })
})
