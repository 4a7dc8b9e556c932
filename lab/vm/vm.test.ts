import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { socketPath } from './paths.ts'
import { describeVm, lastWords, openVm } from './vm.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kmm-vm-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`)

describe('lastWords', () => {
  const words = (lines: readonly string[]) => {
    const log = join(dir, 'vm.log')
    writeFileSync(log, lines.map((line) => `${line}\n`).join(''))
    return lastWords(log).split('\n').slice(2)
  }

  it('shows the last ten lines', () => {
    expect(words(numbered(40))).toEqual(numbered(40).slice(-10))
  })

  it('shows the reason of a panic above them', () => {
    const panic = '[ 1.2] Kernel panic - not syncing: test'
    expect(words([panic, ...numbered(40)])).toEqual([panic, '...', ...numbered(40).slice(-10)])
    expect(words([...numbered(40), panic]).at(-1)).toBe(panic)
  })

  it('leaves out the boots before', () => {
    expect(words(['Kernel panic', ...numbered(40), 'kmm-vm: booting', 'new'])).toEqual([
      'kmm-vm: booting',
      'new',
    ])
  })

  it('is empty without a log', () => {
    expect(lastWords(join(dir, 'none'))).toBe('')
  })
})

describe('openVm', () => {
  it('says so when there is no machine', () => {
    expect(() => openVm(dir)).toThrow(`there is no virtual machine in ${dir}: start the lab with one`)
  })

  it('names the kernels it has when asked for another, and leaves the machine alone', async () => {
    const kubeconfig = join(dir, 'kubeconfig')
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
        users: [{ name: 'u', user: {} }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }),
    )
    const kernels = ['6.1.0-56-amd64', '6.1.0-55-amd64'].map((release) => ({
      release,
      kernel: `/k/${release}`,
      initrd: `/i/${release}`,
    }))
    describeVm(dir, { name: 'vm-1', kubeconfig, logs: dir, kernels })
    const vm = openVm(dir)
    expect(vm.kernels).toEqual(['6.1.0-56-amd64', '6.1.0-55-amd64'])
    await expect(vm.reboot({ kernel: '5.10' })).rejects.toThrow(
      'vm-1 has no kernel 5.10: it has 6.1.0-56-amd64 and 6.1.0-55-amd64',
    )
  })
})

describe('socketPath', () => {
  it('takes the shorter of the absolute path and the one from here', () => {
    expect(socketPath('/run', 'a.sock')).toBe('/run/a.sock')
    expect(socketPath(join(process.cwd(), '.lab'), 'a.sock')).toBe('.lab/a.sock')
  })

  it('refuses a path that no socket can have', () => {
    expect(() => socketPath(`/${'x'.repeat(120)}`, 'a.sock')).toThrow('use a folder with a shorter path')
  })
})
