import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { claimName, claimSeconds } from '../../api/claim.ts'
import type { Module } from '../../api/module.ts'
import { annotations, kernelRunId } from '../../api/names.ts'
import { guardedModule, testBuildPod, testCluster } from '../../api/testCluster.ts'
import type { Dependencies } from '../dependencies.ts'
import { createKube } from '../kube/client.ts'
import { leases, namespaces } from '../kube/resources.ts'
import { claimImage, claimsBefore, giveUpClaim } from './claim.ts'
import { isClaimedPod, recordClaimedPod } from './claimedPod.ts'

const namespace = `claims-${process.pid}`
const kube = createKube(inject('kubeconfig'))
afterAll(async () => await kube.close())
beforeAll(async () => {
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
})

const names = ['a', 'b', 'c', 'd', 'e']
const modules = names.map((name): Module => {
  const module = guardedModule()
  return { ...module, metadata: { ...module.metadata, name, namespace: name } }
})
const depsWith = (known: readonly Module[]) =>
  ({ kube, namespace, cache: testCluster({ modules: known }) }) as unknown as Dependencies
const deps = depsWith(modules)
const runOf = (name: string) => kernelRunId('c', { namespace: name, name }, '6.1.0')

/** Does something as an activity of a Module's kernel run. */
async function as<T>(name: string, work: () => Promise<T>): Promise<T> {
  const environment = new MockActivityEnvironment({
    workflowExecution: { workflowId: runOf(name), runId: 'r' },
  })
  return await environment.run(work)
}
const claim = (name: string, image: string, by = deps, inputHash = 'h1', mayPush = true) =>
  as(name, () => claimImage(by, { image, inputHash }, async () => mayPush))
const ours = { kind: 'ours', mayPush: true }
const giveUp = (name: string, image: string) => as(name, () => giveUpClaim(deps, image))
const holderOf = async (image: string) =>
  (await kube.get(leases, { namespace, name: claimName(image) }))?.spec?.holderIdentity

describe('one build per image reference (images:BLD-S10)', () => {
  test('of many that claim at once one gets it, and the others hear who', async () => {
    const image = 'reg.example/race:1'
    const answers = await Promise.all(names.map((name) => claim(name, image)))
    const winner = await holderOf(image)
    expect(answers.filter(({ kind }) => kind === 'ours')).toHaveLength(1)
    for (const answer of answers) {
      if (answer.kind === 'theirs')
        expect(answer.claim).toMatchObject({ holder: winner, inputHash: 'h1', image })
    }
  })

  test('the holder claims again what it has, and after new inputs too', async () => {
    const image = 'reg.example/again:1'
    for (const hash of ['h1', 'h1', 'h2']) {
      expect(await claim('a', image, deps, hash)).toEqual(ours)
    }
    expect(await claim('b', image)).toMatchObject({ kind: 'theirs', claim: { inputHash: 'h2' } })
  })

  test('what is given up is free, and only the holder gives it up', async () => {
    const image = 'reg.example/given:1'
    await claim('a', image)
    await giveUp('b', image)
    expect(await holderOf(image)).toBe(runOf('a'))
    await giveUp('a', image)
    await giveUp('a', image)
    expect(await holderOf(image)).toBeUndefined()
    expect(await claim('b', image)).toEqual(ours)
  })

  test('claims are in one order, whoever asks when; those that do not stand are not counted', async () => {
    const images = names.map((name) => `reg.example/order-${name}:1`)
    const order = async (at: number, by = deps) =>
      (await as(names[at]!, () => claimsBefore(by, images[at]!))).cluster
    await claim('a', images[0]!)
    const first = await order(0)
    await Promise.all(['b', 'c', 'd'].map((name, i) => claim(name, images[i + 1]!)))
    await claim('e', images[4]!)
    const places = await Promise.all([1, 2, 3].map((at) => order(at)))
    expect(new Set(places)).toEqual(new Set([first + 1, first + 2, first + 3]))
    expect([await order(0), await order(4)]).toEqual([first, first + 4])
    // Which pod was made for a claim is written into it later, and changes no place.
    await recordClaimedPod(deps, images[0]!, 'pod-1')
    await recordClaimedPod(deps, images[0]!, 'pod-2')
    expect(await isClaimedPod(deps, images[0]!, 'pod-2')).toBe(true)
    expect(await isClaimedPod(deps, images[0]!, 'pod-1')).toBe(false)
    expect([await order(0), await order(4)]).toEqual([first, first + 4])
    expect(await order(4, depsWith(modules.slice(4)))).toBe(await order(0, depsWith(modules.slice(4))))
    await giveUp('a', images[0]!)
    expect(await order(4)).toBe(first + 3)
    await expect(order(0)).rejects.toThrow('was taken away')
  })

  test('nothing is given up while a pod of the run still builds the image', async () => {
    const image = 'reg.example/builds:1'
    await claim('a', image)
    const pod = testBuildPod({ annotations: { [annotations.kernel]: '6.1.0', [annotations.image]: image } })
    const building = { ...deps.cache, pods: () => [pod] }
    await as('a', () => giveUpClaim({ ...deps, cache: building }, image))
    expect(await holderOf(image)).toBe(runOf('a'))
  })

  test('the claim of a Module that is gone is taken over, by one', async () => {
    const image = 'reg.example/gone:1'
    await claim('a', image)
    const left = depsWith(modules.slice(1))
    const answers = await Promise.all(['b', 'c', 'd'].map((name) => claim(name, image, left)))
    expect(answers.map(({ kind }) => kind).toSorted()).toEqual(['ours', 'theirs', 'theirs'])
  })

  test('so is one that nobody made a pod for in time', async () => {
    const image = 'reg.example/stale:1'
    await claim('a', image)
    const ref = { namespace, name: claimName(image) }
    const acquireTime = new Date(Date.now() - claimSeconds * 1000).toISOString().replace('Z', '000Z')
    await kube.patch(leases, ref, { spec: { acquireTime } })
    expect(await claim('b', image)).toEqual(ours)
    expect(await holderOf(image)).toBe(runOf('b'))
  })
})

describe('claims across namespaces', () => {
  const unshown = (name: string, image: string, by = deps) => claim(name, image, by, 'h1', false)

  test('one without a shown right to push does not keep a Module of another namespace off', async () => {
    const image = 'reg.example/unshown:1'
    expect(await unshown('a', image)).toEqual({ kind: 'ours', mayPush: false })
    expect(await claim('b', image)).toEqual(ours)
    expect(await holderOf(image)).toBe(runOf('b'))
    expect(await unshown('a', image)).toMatchObject({ kind: 'theirs', claim: { holder: runOf('b') } })
  })

  test('nor does its build pod', async () => {
    const image = 'reg.example/unshown-pod:1'
    await unshown('a', image)
    const pod = testBuildPod({ annotations: { [annotations.kernel]: '6.1.0', [annotations.image]: image } })
    const building = { ...deps.cache, pods: () => [pod] }
    expect(await claim('b', image, { ...deps, cache: building })).toEqual(ours)
  })

  test('in one namespace it keeps the others off', async () => {
    const image = 'reg.example/neighbours:1'
    const neighbours = ['x', 'y'].map((name): Module => {
      const module = guardedModule()
      return { ...module, metadata: { ...module.metadata, name, namespace: 'shared' } }
    })
    const by = depsWith(neighbours)
    const of = (name: string) => kernelRunId('c', { namespace: 'shared', name }, '6.1.0')
    const claims = async (name: string) => {
      const workflowExecution = { workflowId: of(name), runId: 'r' }
      const wanted = { image, inputHash: 'h1' }
      return (await new MockActivityEnvironment({ workflowExecution }).run(
        async () => await claimImage(by, wanted, async () => false),
      )) as unknown
    }
    expect(await claims('x')).toEqual({ kind: 'ours', mayPush: false })
    expect(await claims('y')).toMatchObject({ kind: 'theirs', claim: { holder: of('x') } })
  })

  test('whoever has the claim already, or has to wait, shows nothing again', async () => {
    const image = 'reg.example/once:1'
    let asked = 0
    const counting = (name: string) =>
      as(name, () => claimImage(deps, { image, inputHash: 'h1' }, async () => asked++ === 0))
    expect(await counting('a')).toEqual(ours)
    expect(await counting('a')).toEqual(ours)
    expect(await counting('b')).toMatchObject({ kind: 'theirs' })
    expect(asked).toBe(1)
  })
})
