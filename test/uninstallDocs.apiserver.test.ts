import { execFile } from 'node:child_process'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, expect, test, vi } from 'vitest'
import { moduleFinalizer } from '../api/names.ts'
import { commandsBelow } from './support/docsPage.ts'
import { eventually } from './support/eventually.ts'
import { useUninstallCluster } from './support/uninstallCluster.ts'

/** docs/uninstall.md word by word: the commands of each way, run in a shell against a real control plane. */
vi.setConfig({ testTimeout: 300_000 })
const cluster = useUninstallCluster()
const run = promisify(execFile)
async function follow(...headings: string[]): Promise<void> {
  const path = `${dirname(cluster.kubectlPath)}:${process.env['PATH']}`
  const commands = headings.flatMap((heading) =>
    commandsBelow('uninstall.md', `With kubectl alone: ${heading}`),
  )
  expect(commands.length).toBeGreaterThan(0)
  for (const block of commands) await run('sh', ['-euc', block], { env: { ...cluster.env, PATH: path } })
}

beforeEach(async () => {
  await cluster.install()
  await cluster.loaded('drivers', 'fpga', 'n1')
})

const nothingIsLeft = async () => {
  await cluster.untilUninstalled()
  await cluster.untilNamespaceGone()
}

test('unload', async () => {
  const operator = (async () => {
    const module = async () =>
      await cluster.get<{ metadata: { deletionTimestamp?: string } }>('module', 'fpga', '-n', 'drivers')
    await eventually(
      'the Module is deleted',
      module,
      ({ metadata }) => metadata.deletionTimestamp !== undefined,
    )
    await cluster.unloaded('drivers', 'fpga', 'n1')
  })()
  await Promise.all([operator, follow('unload')])
  await follow('the rest')
  await nothingIsLeft()
})

test('keep loaded', async () => {
  const { metadata } = await cluster.get<{ metadata: { finalizers: string[] } }>(
    'module',
    'fpga',
    '-n',
    'drivers',
  )
  expect(metadata.finalizers).toEqual([moduleFinalizer])
  await follow('keep loaded', 'the rest')
  await nothingIsLeft()
})
