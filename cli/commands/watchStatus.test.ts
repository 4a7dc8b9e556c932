import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { SimulatedTerminal } from '../output/testing/simulatedTerminal.ts'
import { drivers, standing } from '../testing/drivers.ts'
import { startLine } from '../testing/runLine.ts'
import { openSimulatedApi, type SimulatedApi } from '../testing/simulatedApi.ts'

const entry = join(import.meta.dirname, '../kubectl-kmod.js')
const [loaded] = drivers(standing.loaded)['modules'] ?? []
let api: SimulatedApi

beforeEach(async () => {
  api = await openSimulatedApi()
  onTestFinished(() => api.close())
  api.hold(drivers(standing.held))
})

const change = () => api.put('modules', loaded ?? {})

// `script` of util-linux runs a command on a terminal of its own.
test.skipIf(process.platform !== 'linux')(
  'a terminal is drawn over in place, to its width, and given back by Ctrl-C',
  async () => {
    const terminal = new SimulatedTerminal(48, 7)
    const size = `stty cols ${terminal.columns} rows ${terminal.rows}`
    const line = [process.execPath, entry, 'status', 'fpga', '--watch', '--kubeconfig', api.kubeconfig]
    const child = spawn('script', ['-qec', `${size}; exec ${line.join(' ')}`, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm', NO_COLOR: '' },
    })
    onTestFinished(() => void child.kill())
    const ended = once(child, 'exit')
    let raw = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      raw += text
      terminal.write(text)
    })
    const shown = (pattern: RegExp) => expect.poll(() => terminal.text, { timeout: 60_000 }).toMatch(pattern)
    await shown(/^Module drivers\/fpga {2}not Ready: CompileFailed /)
    expect(terminal.text).toMatch(/\n {3}├─ CompileFailed: It does not compile\.\n/)
    expect(terminal.text).toMatch(/\n {3}├─ image {2}reg\.example\/fpga:6\.1\.0-1-amd64 {2}no…\n/)
    expect(terminal.text).toMatch(/\n… \d more lines$/)
    expect(terminal).toMatchObject({ isOther: true, cursorIsShown: false })
    expect(raw).toContain('\u001B[31m')

    await expect.poll(() => api.watched, { timeout: 60_000 }).toContain('modules')
    change()
    await shown(/^Module drivers\/fpga {2}Ready: Loaded .*\n└─ Kernel 6\.1\.0-1-amd64 {2}Loaded .*\n/)
    expect(terminal.text).not.toContain('CompileFailed')

    child.stdin.write('\u0003')
    expect(await ended).toEqual([0, null])
    expect(terminal).toMatchObject({ text: '', isOther: false, cursorIsShown: true })
  },
)

test.each<[string, (text: string) => readonly unknown[]]>([
  [
    'json',
    (text) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
  ],
  ['yaml', (text) => parseAllDocuments(text).map((document) => document.toJS() as unknown)],
])('where there is no terminal every change is one document more: %s', async (format, read) => {
  const over = new AbortController()
  const line = ['status', 'fpga', '-w', '-o', format, '--kubeconfig', api.kubeconfig]
  const { written, ended } = startLine(line, over.signal)
  const phases = () =>
    read(written.stdout).map((report) => (report as { kernels: { phase: string }[] }).kernels[0]?.phase)
  await expect.poll(() => written.stdout, { timeout: 60_000 }).not.toBe('')
  expect(phases()).toEqual(['BuildFailed'])
  await expect.poll(() => api.watched, { timeout: 60_000 }).toContain('modules')
  change()
  await expect.poll(phases, { timeout: 60_000 }).toEqual(['BuildFailed', 'Loaded'])
  over.abort()
  expect(await ended).toBe(0)
  expect(written.stderr).toBe('')
})
