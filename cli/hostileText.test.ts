import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { notText } from '../api/text/testing/hostileText.ts'
import { runCli } from './runCli.ts'
import { drivers, standing } from './testing/drivers.ts'
import { openSimulatedApi, type ApiObjects, type SimulatedApi } from './testing/simulatedApi.ts'

/** What a tenant, a build or a kubelet writes to reach the terminal of who asks. */
const hostile =
  'x\u001b[2J\u001b[35mF\u001b]0;title\u0007\u001b]8;;https://evil.example/\u001b\\y\u009b1A\r\b\u0007\u007f\u0085\u202ez'
/** Colours of ours. */
const own = new RegExp(String.raw`${'\u001b'}\[(?:1|2|22|31|32|33|39)m`, 'gu')

let api: SimulatedApi
beforeAll(async () => void (api = await openSimulatedApi(`log ${hostile}\nsecond line ${hostile}`)))
afterAll(async () => await api.close())

/** What a command line writes on a terminal, to both of its streams. */
async function onTerminal(line: readonly string[]): Promise<{ stdout: string; all: string }> {
  let stdout = ''
  let all = ''
  const stream = (isOut: boolean) => ({
    isTTY: true,
    columns: 80,
    rows: 24,
    write: (text: string) => {
      all += text
      if (isOut) stdout += text
    },
  })
  const { signal } = new AbortController()
  await runCli([...line, '--kubeconfig', api.kubeconfig], {
    stdout: stream(true),
    stderr: stream(false),
    env: { TERM: 'xterm' },
    signal,
  }).catch((error: unknown) => {
    // What no command knows how to say ends the process, whose message Node writes itself: it may hold nothing either.
    all += error instanceof TypeError ? '' : String(error)
  })
  return { stdout, all }
}

type Path = readonly (string | number)[]

/** Where texts are in a value. */
function textsIn(value: unknown, at: Path = []): Path[] {
  if (typeof value === 'string') return [at]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => textsIn(member, [...at, key]))
}

/** The same objects with hostile text after the text at a place. */
function withHostile(objects: ApiObjects, path: Path): ApiObjects {
  const copy = structuredClone(objects) as Record<string | number, unknown>
  const parent = path.slice(0, -1).reduce((value, key) => value[key] as typeof copy, copy)
  const last = path.at(-1) ?? ''
  parent[last] = `${String(parent[last])}${hostile}`
  return copy as ApiObjects
}

describe.each([
  ['held', drivers(standing.held)],
  ['building', drivers(standing.building)],
  ['loaded', drivers(standing.loaded)],
])('a Module that is %s', (_name, objects) => {
  test('no field reaches a terminal with anything but text, or breaks JSON and YAML', async () => {
    const paths = textsIn(objects)
    expect(paths.length).toBeGreaterThan(20)
    for (const path of paths) {
      api.hold(withHostile(objects, path))
      for (const line of [['status', 'fpga'], ['why', 'fpga', '-o', 'wide'], ['list']]) {
        const { all } = await onTerminal(line)
        expect(all.replaceAll(own, ''), `${path.join('.')}: ${line.join(' ')}`).not.toMatch(notText)
      }
      for (const [format, read] of [
        ['json', (text: string) => void JSON.parse(text)],
        ['yaml', (text: string) => void parse(text)],
      ] as const) {
        const { stdout } = await onTerminal(['status', 'fpga', '-o', format])
        expect(stdout).not.toMatch(notText)
        if (stdout !== '') read(stdout)
      }
    }
  })
})

test('the log of a pod that runs is text, line by line', async () => {
  api.hold(drivers(standing.building))
  const { stdout } = await onTerminal(['logs', 'fpga'])
  expect(stdout).toBe('log xFy\nz\nsecond line xFy\nz')
})

test('JSON keeps what was said', async () => {
  const message = `a\u007f\u0085\u202e\u001b[2J`
  api.hold(drivers({ ...standing.held, message }))
  const { stdout } = await onTerminal(['status', 'fpga', '-o', 'json'])
  expect(stdout).not.toMatch(notText)
  expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(message).slice(1, -1))
})

test.each(['--kernel', '--attempt', '--namespace'])('an error that repeats %s is text', async (flag) => {
  api.hold({})
  const { all } = await onTerminal(['logs', `fpga${hostile}`, flag, hostile])
  expect(all).not.toBe('')
  expect(all).not.toMatch(notText)
})
