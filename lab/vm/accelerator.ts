import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bootId } from '../procfs.ts'
import { type Accelerator, acceleration } from './qemu.ts'

/** What guest/init.sh says when it runs with the kernel parameter kmm.probe. */
const probeAnswer = 'kmm-vm: probe ok'
/** With KVM it takes about a second; a kernel that hangs is not waited for. */
const probePatienceMs = 8_000

/**
 * Finds out whether this machine's KVM really boots a kernel: there are machines with a /dev/kvm under which stock
 * kernels hang or QEMU dies. Tried once per boot of the host and kept in `folder`.
 */
export async function chooseAccelerator(
  folder: string,
  guest: { readonly qemu: string; readonly kernel: string; readonly initrd: string },
): Promise<Accelerator> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch {
    return 'tcg'
  }
  const file = join(folder, 'accelerator.json')
  const question = JSON.stringify([bootId(), guest.qemu, guest.kernel])
  const known = await readAnswer(file)
  if (known?.question === question) return known.accelerator
  const accelerator = (await bootsWithKvm(guest)) ? 'kvm' : 'tcg'
  await mkdir(folder, { recursive: true })
  await writeFile(`${file}.${process.pid}`, JSON.stringify({ question, accelerator }))
  await rename(`${file}.${process.pid}`, file)
  return accelerator
}

async function readAnswer(file: string): Promise<{ question: string; accelerator: Accelerator } | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { question: string; accelerator: Accelerator }
  } catch {
    return null
  }
}

async function bootsWithKvm(guest: {
  readonly qemu: string
  readonly kernel: string
  readonly initrd: string
}): Promise<boolean> {
  const child = spawn(
    guest.qemu,
    [
      ...acceleration('kvm'),
      '-m',
      '512',
      '-nodefaults',
      '-no-user-config',
      '-display',
      'none',
      '-no-reboot',
      '-serial',
      'stdio',
      '-kernel',
      guest.kernel,
      '-initrd',
      guest.initrd,
      '-append',
      'console=ttyS0 quiet panic=-1 kmm.probe',
    ],
    { stdio: ['ignore', 'pipe', 'ignore'], timeout: probePatienceMs, killSignal: 'SIGKILL' },
  )
  return await new Promise((resolve) => {
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => {
      if (!line.includes(probeAnswer)) return
      resolve(true)
      child.kill('SIGKILL')
    })
    child.once('error', () => resolve(false))
    child.once('close', () => resolve(false))
  })
}
