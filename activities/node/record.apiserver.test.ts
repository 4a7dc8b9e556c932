import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { NodeFacts } from '../../api/facts.ts'
import { moduleConfiguredLabel, moduleInUseLabel } from '../../api/names.ts'
import type { Dependencies } from '../dependencies.ts'
import { createKube } from '../kube/client.ts'
import { nodeModulesConfigs, nodes } from '../kube/resources.ts'
import { forget, recordFact, recordLeft, recordWish } from './record.ts'

const kube = createKube(inject('kubeconfig'))
const deps = { kube } as unknown as Dependencies
afterAll(async () => await kube.close())

const name = `recorded-${process.pid}`
let node: NodeFacts
beforeAll(async () => {
  const made = await kube.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name } })
  node = { name, uid: made.object.metadata.uid } as NodeFacts
})

const entryOf = (module: string) => ({
  name: module,
  namespace: 'n',
  serviceAccountName: 'default',
  config: {
    kernelVersion: '6.1.0',
    containerImage: 'reg.example/a:1',
    insecurePull: false,
    modprobe: { moduleName: module, dirName: '/opt' },
  },
})
const ref = (module: string) => ({ namespace: 'n', name: module })
const read = async () => await kube.get(nodeModulesConfigs, { name })

test('Modules share the record of a node, each writing its own part', async () => {
  const record = await recordWish(deps, ref('a'), node, entryOf('a'))
  await recordWish(deps, ref('b'), node, entryOf('b'))
  await recordFact(deps, ref('a'), record, { ...entryOf('a'), bootId: 'boot' })
  expect(await read()).toMatchObject({
    metadata: { uid: record.uid, ownerReferences: [{ kind: 'Node', name, uid: node.uid }] },
    spec: { modules: [{ name: 'a' }, { name: 'b' }] },
    status: { modules: [{ name: 'a', bootId: 'boot' }] },
  })

  await forget(deps, ref('a'), node, record)
  const left = await read()
  expect(left).toMatchObject({ spec: { modules: [{ name: 'b' }] } })
  expect(Object.keys(left?.metadata.labels ?? {})).not.toContain(moduleConfiguredLabel(ref('a')))
  expect(Object.keys(left?.metadata.labels ?? {})).toContain(moduleConfiguredLabel(ref('b')))
})

test('a module that was given up stays in the record as a fact that nobody wishes', async () => {
  const record = await recordWish(deps, ref('l'), node, entryOf('l'))
  await recordLeft(deps, ref('l'), node, record, { ...entryOf('l'), bootId: 'boot' })
  const left = await read()
  const named = ({ name: one }: { name: string }) => one === 'l'
  const { spec, status } = left as unknown as Record<'spec' | 'status', { modules?: { name: string }[] }>
  expect(spec.modules?.filter(named) ?? []).toEqual([])
  expect(status.modules?.filter(named)).toMatchObject([{ bootId: 'boot' }])
  const labels = Object.keys(left?.metadata.labels ?? {})
  expect(labels).toContain(moduleInUseLabel(ref('l')))
  expect(labels).not.toContain(moduleConfiguredLabel(ref('l')))
})

test('a record of which all Modules are gone still goes with its Node', async () => {
  const record = await recordWish(deps, ref('b'), node, entryOf('b'))
  await forget(deps, ref('b'), node, record)
  const owner = { kind: 'Node', name, uid: node.uid }
  expect((await read())?.metadata).toMatchObject({ uid: record.uid, ownerReferences: [owner] })
})
