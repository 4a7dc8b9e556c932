import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { drivers, standing } from '../cli/testing/drivers.ts'
import { openSimulatedApi, type SimulatedApi } from '../cli/testing/simulatedApi.ts'

/** The scripts in the shells themselves, with the plugin as their backend over a simulated API server. */
let api: SimulatedApi
let env: NodeJS.ProcessEnv = {}
const bin = mkdtempSync(join(tmpdir(), 'kmm-shells-'))

beforeAll(async () => {
  api = await openSimulatedApi()
  api.hold(drivers(standing.held))
  writeFileSync(join(bin, 'module.yaml'), '')
  symlinkSync(join(import.meta.dirname, '../cli/kubectl-kmod.js'), join(bin, 'kubectl-kmod'))
  const path = `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`
  env = { ...process.env, PATH: path, KUBECONFIG: api.kubeconfig, HOME: bin, TERM: 'xterm' }
})
afterAll(async () => {
  await api.close()
  // A shell may still write its history there.
  rmSync(bin, { recursive: true, force: true, maxRetries: 10 })
})

/** What is typed before Tab, and the line after it. */
const typed = [
  ['a command', 'kubectl-kmod sup', 'kubectl-kmod support-bundle '],
  ['an option', 'kubectl-kmod status --wa', 'kubectl-kmod status --watch '],
  ['a Module', 'kubectl-kmod status f', 'kubectl-kmod status fpga '],
  [
    'a value that is joined to its option',
    'kubectl-kmod list --output=j',
    'kubectl-kmod list --output=json ',
  ],
  ['anything, before its first letter', 'kubectl-kmod status ', 'kubectl-kmod status fpga '],
  ['a file', 'kubectl-kmod plan -f mod', 'kubectl-kmod plan -f module.yaml '],
  ['a name with a colon', 'kubectl-kmod list --context simulated:d', '--context simulated:drivers '],
] as const

const programs = ensurePrograms(['zsh', 'fish'])
const [zsh, fish] = await Promise.all([programs.path('zsh'), programs.path('fish')])

/** `script` of util-linux gives a shell its terminal. */
const interactive = {
  bash: ['bash --norc --noprofile -i', 'source <(kubectl-kmod completion bash)'],
  zsh: [`${zsh} -f -i`, 'autoload -U compinit && compinit -u -D && source <(kubectl-kmod completion zsh)'],
} as const

for (const shell of ['bash', 'zsh'] as const) {
  test(`${shell} completes what is typed`, async () => {
    const [command, source] = interactive[shell]
    const child = spawn('script', ['-qec', `stty cols 200; exec ${command}`, '/dev/null'], { env, cwd: bin })
    onTestFinished(() => void child.kill())
    let seen = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (seen += text))
    const type = async (text: string, answer: string) => {
      seen = ''
      child.stdin.write(text)
      await expect.poll(() => stripVTControlCharacters(seen), { timeout: 60_000 }).toContain(answer)
    }
    await type(`${source} && echo it is "read"y\n`, 'it is ready')
    for (const [, line, whole] of typed) {
      await type(`${line}\t`, whole)
      // Takes the line away again.
      child.stdin.write('\u0015')
    }
    child.stdin.write('exit\n')
  })
}

test('fish completes what is typed', async () => {
  for (const [, line, whole] of typed) {
    const script = `kubectl-kmod completion fish | source; complete --do-complete '${line}'`
    const { stdout } = await promisify(execFile)(fish, ['--no-config', '-c', script], { env, cwd: bin })
    expect(stdout.split('\n')[0]?.split('\t')[0]).toBe(whole.trim().split(' ').at(-1))
  }
})
