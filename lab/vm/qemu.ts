/** How QEMU runs the guest: `kvm` with the processor's help, `tcg` in software. */
export type Accelerator = 'kvm' | 'tcg'

/** Files through which the machine and the host speak. Sockets are unix sockets that QEMU listens on. */
export interface VmPorts {
  /** Commands for the guest's agent; see console.ts. */
  readonly commands: string
  /** A root shell on the second serial line, for people. */
  readonly shell: string
  /** QEMU's own control socket (QMP). */
  readonly control: string
  /** Output of the guest's programs, each in a file of the host. */
  readonly logs: Readonly<Record<'containerd' | 'kubelet', string>>
}

/** A virtual machine in QEMU's words. */
export interface VmHardware {
  readonly name: string
  readonly accelerator: Accelerator
  readonly cpus: number
  readonly memoryMiB: number
  /** Kernel image and initrd. */
  readonly kernel: string
  readonly initrd: string
  /** File with the root file system, and the tar with the configuration. */
  readonly disk: string
  readonly configuration: string
  readonly ports: VmPorts
  /** The kubelet's port of the guest is reached at this address and port of the host. */
  readonly kubelet: { readonly address: string; readonly port: number }
}

/** The guest's kernel parameters: a panic restarts the machine at once. */
const kernelParameters = 'console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0'

/** Address of the guest in QEMU's user network. */
const guestAddress = '10.0.2.15'

/** A value inside a QEMU option list: commas are doubled. */
const value = (text: string): string => text.replaceAll(',', ',,')

/**
 * The processor: all of the host's under KVM. In software, one that the guest's kernel trusts to tell the time (it asks
 * a device otherwise, at every look at the clock), and without vector instructions that take longer emulated than what
 * they replace.
 */
export const acceleration = (accelerator: Accelerator): readonly string[] =>
  accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi', '-cpu', 'Nehalem']

/**
 * QEMU's arguments. The first serial line (kernel messages) is QEMU's standard output. A restart of the guest, its own
 * or after a panic, ends QEMU; see run.sh.
 */
export const qemuArguments = (vm: VmHardware): readonly string[] => [
  '-name',
  value(vm.name),
  ...acceleration(vm.accelerator),
  '-smp',
  String(vm.cpus),
  '-m',
  String(vm.memoryMiB),
  '-nodefaults',
  '-no-user-config',
  '-display',
  'none',
  '-rtc',
  'base=utc',
  '-no-reboot',
  '-kernel',
  vm.kernel,
  '-initrd',
  vm.initrd,
  '-append',
  kernelParameters,
  // The lab's disk need not outlive a crash of the host.
  '-drive',
  `file=${value(vm.disk)},format=raw,if=none,id=disk,cache=unsafe,discard=unmap`,
  '-device',
  'virtio-blk-pci,drive=disk',
  '-drive',
  `file=${value(vm.configuration)},format=raw,if=none,id=configuration,readonly=on`,
  '-device',
  'virtio-blk-pci,drive=configuration',
  '-netdev',
  `user,id=net,hostfwd=tcp:${vm.kubelet.address}:${vm.kubelet.port}-${guestAddress}:${vm.kubelet.port}`,
  '-device',
  'virtio-net-pci,netdev=net,romfile=',
  '-chardev',
  'stdio,id=console,signal=off',
  '-serial',
  'chardev:console',
  '-chardev',
  socket('shell', vm.ports.shell),
  '-serial',
  'chardev:shell',
  '-device',
  'virtio-serial-pci',
  '-chardev',
  socket('commands', vm.ports.commands),
  ...port('commands'),
  ...Object.entries(vm.ports.logs).flatMap(([name, file]) => [
    '-chardev',
    `file,id=${name},path=${value(file)},append=on`,
    ...port(name),
  ]),
  '-chardev',
  socket('control', vm.ports.control),
  '-mon',
  'chardev=control,mode=control',
]

function socket(id: string, path: string): string {
  return `socket,id=${id},path=${value(path)},server=on,wait=off`
}

function port(name: string): string[] {
  return ['-device', `virtserialport,chardev=${name},name=kmm.${name}`]
}
