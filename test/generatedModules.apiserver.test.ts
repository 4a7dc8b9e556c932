import type { V1Pod } from '@kubernetes/client-node'
import fc from 'fast-check'
import { beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { buildPod } from '../activities/build/buildPod.ts'
import { workerPod } from '../activities/node/workerPod.ts'
import type { PodBody } from '../activities/podBody.ts'
import { buildInputHash } from '../api/buildInputs.ts'
import { parseConfig } from '../api/config.ts'
import { resolveMapping, type ResolvedMapping } from '../api/mapping.ts'
import type { Module } from '../api/module.ts'
import { apiVersion } from '../api/names.ts'
import { parseModule } from '../api/readModule.ts'
import { testConfig, testNode } from '../api/testCluster.ts'
import { applyManifests } from '../lab/applyManifests.ts'
import { definitionFiles } from '../lab/operator.ts'
import { core, createModule, namespace as defaultNamespace, refusal } from './moduleApi.ts'
import { moduleSpecs } from './moduleArbitraries.ts'
import { smallSpec } from './moduleSpecs.ts'

const kernel = '6.1.0-1-amd64'
const namespace = `generated-${process.pid}`
const runs = 200

const configuration = parseConfig('')
if (!configuration.ok) throw new Error(configuration.message)
const { build, worker } = configuration.config

beforeAll(async () => {
  await applyManifests(inject('kubeconfig'), definitionFiles())
  const tooLong = () => refusal(createModule(smallSpec(), 'a'.repeat(63), 'All'))
  const soon = { timeout: 90_000, interval: 200 }
  await vi.waitFor(async () => expect(await tooLong()).toContain('kmm-module'), soon)
  const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' }
  await core.createNamespace({ body: { metadata: { name: namespace, labels } } })
  await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'default' } } })
})

/** What the operator makes of a spec with the metadata that an API server gives. */
const read = (spec: object) =>
  parseModule({
    apiVersion,
    kind: 'Module',
    metadata: { name: 'generated', namespace: defaultNamespace, uid: 'u', resourceVersion: '1' },
    spec: JSON.parse(JSON.stringify(spec)) as object,
  })

/** Errors of types, of required fields and of list lengths, before any rule. */
const structural = /must be of type|Required value|should have at least/u

async function podRefusal(body: PodBody): Promise<string> {
  const pod = { ...body, metadata: { ...body.metadata, namespace } } as V1Pod
  return await refusal(core.createNamespacedPod({ namespace, body: pod, dryRun: 'All' }))
}

function buildPodOf(module: Module, mapping: ResolvedMapping): PodBody {
  const architecture = 'amd64'
  const inputs = { mapping, ref: module.metadata, kernel, architecture, dockerfile: 'FROM scratch' }
  const inputHash = buildInputHash(inputs).slice(0, 40)
  const nodes = [{ node: testNode({ kernel }), target: true }]
  return buildPod({
    module,
    mapping,
    image: mapping.image,
    dockerfile: inputs.dockerfile,
    kernel,
    architecture,
    inputHash,
    attempt: 1,
    secretVersions: {},
    loginSecret: mapping.imageRepoSecret?.name,
    nodes,
    cluster: 'c',
    build,
  })
}

function workerPodOf(module: Module, mapping: ResolvedMapping, action: 'Load' | 'Unload'): PodBody {
  const { modprobe, imagePullPolicy, imageRepoSecret, serviceAccountName, tolerations } = mapping
  const policy = imagePullPolicy === undefined ? {} : { imagePullPolicy }
  const config = testConfig({ kernelVersion: kernel, containerImage: mapping.image, modprobe, ...policy })
  return workerPod({
    ref: module.metadata,
    node: testNode({ kernel }),
    action,
    entry: {
      config,
      serviceAccountName,
      tolerations: [...tolerations],
      ...(imageRepoSecret === undefined ? {} : { imageRepoSecret }),
    },
    configHash: 'h',
    owner: { name: 'n1', uid: 'u' },
    worker,
    pullSecrets: [],
    workerImage: 'reg.example/kmm:1',
  })
}

describe(`${runs} generated Modules on an API server`, () => {
  test('what it admits is read; what it refuses by structure is not; what is made of it is admitted', async () => {
    const counts = { admitted: 0, refused: 0, structural: 0, builds: 0, workers: 0 }
    await fc.assert(
      fc.asyncProperty(moduleSpecs, async (spec) => {
        const verdict = await refusal(createModule(spec, 'generated', 'All'))
        const parsed = read(spec)
        if (!verdict.includes('it was taken')) {
          counts.refused++
          if (!structural.test(verdict)) return
          counts.structural++
          expect(parsed.ok, verdict).toBe(false)
          return
        }
        counts.admitted++
        if (!parsed.ok) expect(parsed.message).toBe('read, since the API server admits it')
        const module = (parsed as { module: Module }).module
        const resolution = resolveMapping(module, kernel)
        if (resolution.kind !== 'mapped') return
        const { mapping } = resolution
        if (mapping.build !== undefined) {
          counts.builds++
          expect(await podRefusal(buildPodOf(module, mapping))).toContain('it was taken')
        }
        counts.workers++
        expect(await podRefusal(workerPodOf(module, mapping, 'Load'))).toContain('it was taken')
        expect(await podRefusal(workerPodOf(module, mapping, 'Unload'))).toContain('it was taken')
      }),
      { numRuns: runs },
    )
    expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).toBeGreaterThan(5)
  }, 120_000)
})
