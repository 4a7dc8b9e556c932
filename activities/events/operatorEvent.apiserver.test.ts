import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createKube } from '../kube/client.ts'
import { deployments, events, namespaces } from '../kube/resources.ts'
import { recordOperatorEvent } from './operatorEvent.ts'

const kube = createKube(inject('kubeconfig'))
const namespace = `operator-event-${process.pid}`
const place = { namespace, deployment: 'operator' }
const event = { type: 'Warning', reason: 'InvalidConfiguration', message: 'maxParallel: wrong' } as const
let uid = ''

beforeAll(async () => {
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  const labels = { app: 'operator' }
  const containers = [{ name: 'operator', image: 'reg.example/kmm:1' }]
  const made = await kube.create(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: place.deployment },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  })
  uid = made.object.metadata.uid
})
afterAll(async () => await kube.close())

const recorded = async () => (await kube.list(events, { namespace })).items

test('an Event of the Deployment, once from all replicas', async () => {
  await recordOperatorEvent(kube, place, event)
  await recordOperatorEvent(kube, place, event)
  expect(await recorded()).toMatchObject([
    {
      type: 'Warning',
      reason: 'InvalidConfiguration',
      message: 'maxParallel: wrong',
      involvedObject: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'operator', uid },
    },
  ])
  await recordOperatorEvent(kube, place, { ...event, key: 'again' })
  expect(await recorded()).toHaveLength(2)
})

test('nothing without a Deployment', async () => {
  const before = await recorded()
  await recordOperatorEvent(kube, { namespace, deployment: undefined }, { ...event, key: 'none' })
  await recordOperatorEvent(kube, { namespace, deployment: 'other' }, { ...event, key: 'other' })
  expect(await recorded()).toHaveLength(before.length)
})
