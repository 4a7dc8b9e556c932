import { afterAll, expect, inject, test } from 'vitest'
import { moduleSchema, type KernelStatus, type Module } from '../api/module.ts'
import { apiVersion } from '../api/names.ts'
import { testCluster, testKernel, testNode } from '../api/testCluster.ts'
import { testModule } from '../api/testModule.ts'
import { LogTail } from './build/logTail.ts'
import type { Dependencies } from './dependencies.ts'
import { createKube } from './kube/client.ts'
import { modules } from './kube/resources.ts'
import { createModuleActivities } from './moduleActivities.ts'
import { applyKernelStatus } from './status.ts'

const kube = createKube(inject('kubeconfig'))
afterAll(async () => await kube.close())

const ref = { namespace: 'default', name: `refused-text-${process.pid}` }
const read = async () => moduleSchema.parse(await kube.get(modules, ref))
function depsOf(module: Module): Dependencies {
  const cluster = testCluster({ nodes: [testNode()], modules: [module] })
  const cache = { ...cluster, caughtUp: async () => true }
  const events = { record: async () => undefined }
  return { kube, cache, events, observe: () => undefined } as unknown as Dependencies
}

/** Writes a kernel's entry and then the summary, as the runs do, and gives what is stored then. */
async function storedAfter(change: Partial<KernelStatus>) {
  const entry: KernelStatus = { kernel: testKernel, phase: 'BuildFailed', attempt: 1, ...change }
  const before = await read()
  const subject = { ref, uid: before.metadata.uid }
  await applyKernelStatus(depsOf(before), { ...subject, kernel: testKernel }, entry)
  await createModuleActivities(depsOf(await read())).summarizeModule({ subject, seen: {} })
  const { status } = await read()
  return { entry: status?.kernels?.[0], conditions: status?.conditions ?? [] }
}

const { spec } = testModule()
await kube.create(modules, { apiVersion, kind: 'Module', metadata: ref, spec })

test('whatever a build prints as its error, its end is written, and read as text', async () => {
  const log = new LogTail((line) => line)
  log.add('error: a\u007fb\u0085c\u009b31md\u202ee\ufefff\uffffg\ud800h\u001b]0;title\u0007i')
  const errorLines = log.errorLines()
  const raw = 'error: \u007f\u0085\u009b\ufeff\uffff\ud800 raw'
  const { entry, conditions } = await storedAfter({ reason: 'CompileFailed', message: raw, errorLines })
  expect(entry).toMatchObject({
    phase: 'BuildFailed',
    reason: 'CompileFailed',
    message: 'error: \ufffd raw',
    errorLines: 'error: abcdefg\ufffdhi',
  })
  expect(conditions.find(({ type }) => type === 'Degraded')).toMatchObject({ status: 'True' })
})
