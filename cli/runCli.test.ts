import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { testKernel } from '../api/testCluster.ts'
import { flagsOf } from './args/commonFlags.ts'
import { commands } from './commands.ts'
import { exitCodes, type ExitCode } from './exitCodes.ts'
import { drivers, fpgaManifest, standing } from './testing/drivers.ts'
import { runLine } from './testing/runLine.ts'
import { kubeconfigOf, openSimulatedApi, type ApiObjects, type SimulatedApi } from './testing/simulatedApi.ts'

/** Whole command lines in this process, over a simulated API server. */
let api: SimulatedApi
const folder = mkdtempSync(join(tmpdir(), 'kmm-lines-'))
const file = (name: string, content: object) => {
  writeFileSync(join(folder, name), JSON.stringify(content))
  return join(folder, name)
}
const manifest = file('fpga.json', fpgaManifest)
const unmapped = (mapping: object) => ({
  ...fpgaManifest,
  spec: {
    ...fpgaManifest.spec,
    moduleLoader: { container: { modprobe: { moduleName: 'a' }, kernelMappings: [mapping] } },
  },
})
const forFive = file('five.json', unmapped({ regexp: '^5', containerImage: 'reg.example/a:1' }))
const unknownVariable = file('unknown.json', unmapped({ regexp: '.', containerImage: 'reg.example/a:$NOPE' }))
const broken = file('broken.json', { ...fpgaManifest, spec: { selector: 1 } })
const away = file('away', JSON.parse(kubeconfigOf('http://127.0.0.1:1')) as object)

beforeAll(async () => void (api = await openSimulatedApi()))
afterAll(async () => {
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

async function run(objects: ApiObjects, line: readonly string[]) {
  api.hold(objects)
  const [name = '', ...words] = line
  const takesFile = commands.some(
    (command) => command.name === name && command.without?.includes('kubeconfig') !== true,
  )
  const cluster = takesFile && !line.includes('--kubeconfig') ? ['--kubeconfig', api.kubeconfig] : []
  return await runLine([name, ...words, ...cluster])
}

const none: ApiObjects = {}
const held = drivers(standing.held)
const building = drivers(standing.building)
const loaded = drivers(standing.loaded, 7)

describe('formats', () => {
  const lines: [string, ApiObjects, string[], string?][] = [
    ['list', held, ['list'], 'It does not compile.'],
    ['status', loaded, ['status', 'fpga'], 'n7  loaded'],
    ['why', held, ['why', 'fpga'], `$ kubectl kmod retry fpga -n drivers --kernel ${testKernel}`],
    ['images', none, ['images']],
    ['plan', held, ['plan', '-f', manifest], `--build-arg KERNEL_FULL_VERSION=${testKernel}`],
    ['open', held, ['open', 'fpga'], `${testKernel}   http://`],
    ['resolve', none, ['resolve', '-f', manifest, '--kernel', testKernel]],
    ['retry', held, ['retry', 'fpga']],
    ['cancel', building, ['cancel', 'fpga']],
    ['uninstall', held, ['uninstall', '--keep-loaded']],
  ]

  test.each(lines)('%s: JSON and YAML say the same', async (_name, objects, line) => {
    const [json, yaml, text] = [
      await run(objects, [...line, '-o', 'json']),
      await run(objects, [...line, '-o', 'yaml']),
      await run(objects, line),
    ]
    const told = JSON.parse(json.stdout) as object
    expect(Object.keys(told)).not.toEqual([])
    expect(parse(yaml.stdout)).toEqual(told)
    expect([json.code, yaml.code]).toEqual([text.code, text.code])
    expect(text.stdout).not.toBe('')
  })

  test.each(lines)('%s: wide says more, where there is more', async (_name, objects, line, more) => {
    const [text, wide] = [await run(objects, line), await run(objects, [...line, '-o', 'wide'])]
    if (more === undefined) {
      expect(wide).toMatchObject({
        code: exitCodes.usage,
        stderr: expect.stringContaining('give json, yaml;'),
      })
      return
    }
    expect(wide.stdout).toContain(more)
    expect(text.stdout).not.toContain(more)
    expect(wide.stdout.length).toBeGreaterThan(text.stdout.length)
  })

  test.each(lines)('%s: no colours where there is no terminal', async (_name, objects, line, more) => {
    for (const format of [[], ...(more === undefined ? [] : [['-o', 'wide']])]) {
      const { stdout } = await run(objects, [...line, ...format])
      expect(stdout).not.toBe('')
      expect(stdout).not.toContain('\u001B')
    }
  })

  test('every command that takes -o is here; history is shown beside Temporal', () => {
    const wanted = commands.filter((command) => flagsOf(command).some(({ name }) => name === 'output'))
    expect(wanted.map(({ name }) => name).toSorted()).toEqual(
      [...lines.map(([name]) => name), 'history'].toSorted(),
    )
    for (const [name, , , more] of lines)
      expect(commands.find((command) => command.name === name)?.wide !== undefined).toBe(more !== undefined)
  })
})

describe('exit codes', () => {
  const nowhere = ['--temporal-address', '127.0.0.1:1']
  const names = ['status', 'why', 'retry', 'cancel', 'logs', 'open', 'support-bundle']
  const asking = [['list'], ...names.map((name) => [name, 'fpga']), ['history', 'fpga', ...nowhere]]
  const other = drivers({ phase: 'CheckingImage' })
  const cases: [ExitCode, string, ApiObjects, string[]][] = [
    [exitCodes.ok, 'help', none, ['--help']],
    [exitCodes.ok, 'help of a command', none, ['status', '--help']],
    [exitCodes.ok, 'completion', none, ['completion', 'bash']],
    [exitCodes.ok, 'candidates, whatever is asked for', none, ['__complete', 'nope', '']],
    [exitCodes.ok, 'no Modules', none, ['list']],
    [exitCodes.ok, 'a Module that is held is listed', held, ['list']],
    [exitCodes.ok, 'a Module that is held has a status', held, ['status', 'fpga']],
    [exitCodes.ok, 'why: loaded', loaded, ['why', 'fpga']],
    [exitCodes.ok, 'resolve: it has an image', none, ['resolve', '-f', manifest, '--kernel', testKernel]],
    [exitCodes.ok, 'plan', none, ['plan', '-f', manifest]],
    [exitCodes.ok, 'retry of what is held', held, ['retry', 'fpga']],
    [exitCodes.ok, 'cancel of a build', building, ['cancel', 'fpga']],
    [exitCodes.ok, 'logs of a pod', building, ['logs', 'fpga']],
    [exitCodes.ok, 'logs: the error lines of status', held, ['logs', 'fpga']],
    [exitCodes.ok, 'open', held, ['open', 'fpga']],
    [exitCodes.ok, 'support-bundle', held, ['support-bundle', 'fpga', '--file', '-']],

    [exitCodes.ok, 'uninstall: what it would do', loaded, ['uninstall', '--keep-loaded']],

    ...asking.flatMap((line): typeof cases => [
      [exitCodes.failed, `no API server: ${line.join(' ')}`, none, [...line, '--kubeconfig', away]],
      [exitCodes.forbidden, `forbidden: ${line.join(' ')}`, held, [...line, '--as', 'nobody']],
    ]),
    [exitCodes.failed, 'plan without an API server', none, ['plan', '-f', manifest, '--kubeconfig', away]],
    [exitCodes.forbidden, 'plan is forbidden', none, ['plan', '-f', manifest, '--as', 'nobody']],
    [exitCodes.failed, 'a bundle that cannot be written', held, ['support-bundle', 'fpga', '--file', folder]],

    [exitCodes.forbidden, 'uninstall is forbidden', held, ['uninstall', '--unload', '--as', 'nobody']],

    [exitCodes.usage, 'uninstall: neither way', held, ['uninstall', '--yes']],
    [exitCodes.usage, 'uninstall: both ways', held, ['uninstall', '--unload', '--keep-loaded']],
    [exitCodes.usage, 'uninstall: no duration', held, ['uninstall', '--unload', '--timeout', 'soon']],
    [exitCodes.usage, 'no such command', none, ['nope']],
    [exitCodes.usage, 'no such flag', none, ['list', '--nope']],
    [exitCodes.usage, 'no such format', none, ['list', '-o', 'xml']],
    [exitCodes.usage, 'no such shell', none, ['completion', 'tcsh']],
    [exitCodes.usage, 'no such context', none, ['list', '--context', 'nope']],
    [exitCodes.usage, 'status without its Module', none, ['status']],
    [exitCodes.usage, 'resolve without a file', none, ['resolve', '--kernel', testKernel]],
    [exitCodes.usage, 'resolve without a kernel', none, ['resolve', '-f', manifest]],
    [exitCodes.usage, 'plan without a file', none, ['plan']],
    [exitCodes.usage, 'an attempt that is no number', held, ['logs', 'fpga', '--attempt', 'x']],
    [exitCodes.usage, 'a limit that is no number', held, ['history', 'fpga', '--limit', '0', ...nowhere]],
    [exitCodes.usage, 'history, and nobody says where Temporal is', held, ['history', 'fpga']],

    ...names.map((name): (typeof cases)[number] => [
      exitCodes.notFound,
      `${name}: no such Module`,
      none,
      [name, 'nope'],
    ]),
    [exitCodes.notFound, 'why: no such node', loaded, ['why', 'fpga', 'nope']],
    [exitCodes.notFound, 'logs: no log', other, ['logs', 'fpga']],
    [exitCodes.notFound, 'logs: no such attempt', held, ['logs', 'fpga', '--attempt', '7']],
    [exitCodes.notFound, 'open: no run', other, ['open', 'fpga']],
    [exitCodes.notFound, 'plan: no such file', none, ['plan', '-f', join(folder, 'nope')]],
    [
      exitCodes.notFound,
      'resolve: no such file',
      none,
      ['resolve', '-f', join(folder, 'nope'), '--kernel', 'k'],
    ],

    [exitCodes.no, 'uninstall: nobody would unload', loaded, ['uninstall', '--unload']],
    [exitCodes.no, 'why: something fails', held, ['why', 'fpga']],
    [exitCodes.no, 'retry: nothing is held', loaded, ['retry', 'fpga']],
    [exitCodes.no, 'cancel: nothing is built', held, ['cancel', 'fpga']],
    [exitCodes.no, 'resolve: no mapping', none, ['resolve', '-f', forFive, '--kernel', '6.1.0']],
    [
      exitCodes.no,
      'resolve: an invalid mapping',
      none,
      ['resolve', '-f', unknownVariable, '--kernel', '6.1.0'],
    ],
    [exitCodes.no, 'plan: an invalid mapping', none, ['plan', '-f', unknownVariable]],
    [exitCodes.no, 'plan: an invalid file', none, ['plan', '-f', broken]],

    [exitCodes.notYet, 'why: it is under way', building, ['why', 'fpga']],
  ]

  test.each(cases)('%i %s', async (code, _what, objects, line) => {
    const ending = await run(objects, line)
    expect(ending).toMatchObject({ code })
    const isError = code === 1 || code === 2 || code === 6
    if (isError)
      expect(ending).toMatchObject({ stdout: '', stderr: expect.stringMatching(/^kubectl kmod: /) })
  })

  test('every code is here', () => {
    expect(new Set(cases.map(([code]) => code))).toEqual(new Set(Object.values(exitCodes)))
  })
})

describe('a cluster without the definitions', () => {
  const lines = [
    ['list'],
    ['list', '-A'],
    ...['status', 'why', 'retry', 'cancel', 'logs', 'open', 'support-bundle'].map((name) => [name, 'fpga']),
    ['plan', '-f', manifest],
  ]
  test.each(lines.flatMap((line) => [[line], [[...line, '--as', 'nobody']]]))(
    '%j says that it is not installed, and how to install it',
    async (line) => {
      api.hold(none)
      api.removeDefinitions()
      const ending = await runLine([...line, '--kubeconfig', api.kubeconfig])
      expect(ending).toMatchObject({ code: exitCodes.failed, stdout: '' })
      expect(ending.stderr).toContain('kmm-temporal is not installed in the cluster http://127.0.0.1:')
      expect(ending.stderr).toContain('helm install kmm-temporal deploy/chart')
      expect(ending.stderr).toContain('kubectl apply -k deploy/')
    },
  )
})
