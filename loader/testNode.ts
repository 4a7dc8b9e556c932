import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { WorkerCommand } from '../api/workerCommand.ts'
import { openHost, type Host } from './host.ts'

/** A folder that stands for a node, with small programs in place of modprobe and modinfo. */
export interface TestNode {
  readonly host: Host
  readonly root: string
  /** PATH with the programs. */
  readonly searchPath: string
  write(path: string, text: string): Promise<void>
  /** A program on PATH: the lines of a shell script. */
  program(name: string, script: string): Promise<void>
  /** What modinfo says of a module: fields in the order modinfo prints them. */
  describe(name: string, fields: Readonly<Record<string, string>>): Promise<void>
  /** What the next modprobe does: what it prints, how it ends, and /proc/modules afterwards. */
  answer(answer: { status?: number; prints?: string; modules?: string }): Promise<void>
  /** The command lines of modprobe so far. */
  calls(): Promise<readonly string[]>
  remove(): Promise<void>
}

export const testKernel = '6.1.0-50-amd64'
export const testBootId = '6f9a1c1e-5a4e-4b43-9d6c-0a5d1f6c7b10'

/** A command to load `kmm_ci_a`, with changes to its modprobe section and to itself. */
export function testCommand(
  modprobe: Partial<WorkerCommand['config']['modprobe']> = {},
  changes: Partial<Omit<WorkerCommand, 'config'>> & { inTreeModulesToRemove?: string[] } = {},
): WorkerCommand {
  const { inTreeModulesToRemove, ...rest } = changes
  return {
    action: 'Load',
    bootId: testBootId,
    kernel: testKernel,
    config: {
      kernelVersion: testKernel,
      containerImage: 'registry.example/kmm-ci:1',
      ...(inTreeModulesToRemove === undefined ? {} : { inTreeModulesToRemove }),
      modprobe: { moduleName: 'kmm_ci_a', dirName: '/opt', ...modprobe },
    },
    ...rest,
  }
}

/** A node that runs `testKernel`, with the module tree of an image and nothing of it loaded. */
export async function makeTestNode(): Promise<TestNode> {
  const root = await mkdtemp(join(tmpdir(), 'kmm-loader-'))
  const at = (path: string): string => join(root, path)
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(at(path)), { recursive: true })
    await writeFile(at(path), text)
  }
  const program = async (name: string, script: string): Promise<void> => {
    await write(`/test/bin/${name}`, `#!/bin/sh\n${script}`)
    await chmod(at(`/test/bin/${name}`), 0o755)
  }
  const tree = `/opt/lib/modules/${testKernel}`
  await write('/proc/sys/kernel/random/boot_id', `${testBootId}\n`)
  await write('/proc/modules', 'loop 40960 0 - Live 0x0000000000000000\n')
  await write(`${tree}/modules.dep.bin`, '')
  await write(`${tree}/kmm_ci_a.ko`, '')
  await write('/test/calls', '')
  await program('modinfo', `for name; do :; done\ncat "${at('/test/modinfo')}/$name" 2>/dev/null\n`)
  await program(
    'modprobe',
    `echo "modprobe $*" >> ${at('/test/calls')}
cat ${at('/test/prints')} >&2
[ -e ${at('/test/modules')} ] && cp ${at('/test/modules')} ${at('/proc/modules')}
exit $(cat ${at('/test/status')})
`,
  )
  const searchPath = `${at('/test/bin')}:/usr/bin:/bin`
  const node: TestNode = {
    host: openHost({ root, kernel: testKernel, searchPath }),
    root,
    searchPath,
    write,
    program,
    describe: (name, fields) => {
      const [first, ...others] = Object.entries(fields)
      const entries = [
        ...(first === undefined ? [] : [`${first[0]}:       ${first[1]}`]),
        ...others.map(([key, value]) => `${key}=${value}`),
      ]
      return write(`/test/modinfo/${name}`, entries.map((entry) => `${entry}\0`).join(''))
    },
    answer: async ({ status = 0, prints = '', modules }) => {
      await write('/test/status', String(status))
      await write('/test/prints', prints)
      if (modules !== undefined) await write('/test/modules', modules)
    },
    calls: async () => (await readFile(at('/test/calls'), 'utf8')).split('\n').filter((line) => line !== ''),
    remove: () => rm(root, { recursive: true, force: true }),
  }
  await node.describe('kmm_ci_a', {
    filename: `${tree}/kmm_ci_a.ko`,
    srcversion: 'AAAA',
    vermagic: `${testKernel} SMP preempt mod_unload modversions `,
  })
  await node.answer({ modules: 'kmm_ci_a 16384 0 - Live 0x0000000000000000 (OE)\n' })
  return node
}
