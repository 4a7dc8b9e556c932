import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { createKube } from '../../activities/kube/client.ts'
import { isForbidden } from '../../activities/kube/errors.ts'
import { secrets } from '../../activities/kube/resources.ts'
import { renewCertificates, secretNames } from '../../worker/temporalCertificates/renew.ts'
import { type Command, find, findCommand, type ManifestObject, readObjects, template } from './helm.ts'

const namespace = 'kmm-embedded'
const admin = createKube(inject('kubeconfig'))
let folder: string
let kubectl: Command
let objects: readonly ManifestObject[]
/** Objects that belong to the embedded Temporal. */
let own: readonly ManifestObject[]

/** Applies the embedded Temporal's own objects, as an installation or an upgrade does. */
function apply(): void {
  const file = join(folder, 'temporal.json')
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: own }))
  kubectl('apply', '-f', file)
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kmm-embedded-'))
  const found = await findCommand('kubectl')
  kubectl = (...args) => found('--kubeconfig', inject('kubeconfig'), ...args)
  objects = template(await findCommand('helm'), namespace, '--set', 'temporal.embedded.enabled=true')
  own = objects.filter(({ metadata }) => metadata?.name?.startsWith('kmm-operator-temporal'))
  const made = join(folder, 'namespace.json')
  writeFileSync(made, JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }))
  kubectl('apply', '-f', made)
  apply()
})
afterAll(async () => {
  await admin.close()
  rmSync(folder, { recursive: true, force: true })
})

test('only the operator and the UI reach it, and nobody the UI', () => {
  const [{ from, ports }] = find(own, 'NetworkPolicy', 'kmm-operator-temporal').spec.ingress
  expect(ports).toEqual([{ port: 'grpc', protocol: 'TCP' }])
  const labelsOf = (kind: string, name: string) => find(objects, kind, name).spec.selector.matchLabels
  expect(
    from.map(({ podSelector }: { podSelector: { matchLabels: object } }) => podSelector.matchLabels),
  ).toEqual([
    labelsOf('Deployment', 'kmm-operator-controller'),
    labelsOf('Deployment', 'kmm-operator-temporal-ui'),
  ])
  expect(find(own, 'NetworkPolicy', 'kmm-operator-temporal-ui').spec.ingress).toBeUndefined()
})

test('without a NetworkPolicy nobody reaches the UI from another pod, and no probe tries to', () => {
  const config = parse(find(own, 'ConfigMap', 'kmm-operator-temporal-ui').data?.['ui.yaml'] ?? '')
  expect(config.host).toBe('127.0.0.1')
  const [container] = find(own, 'Deployment', 'kmm-operator-temporal-ui').spec.template.spec.containers
  expect(container.ports[0].containerPort).toBe(config.port)
  expect(Object.keys(container).filter((key) => key.endsWith('Probe'))).toEqual([])
})

test('its pods are none of the operator', () => {
  const { matchLabels } = find(objects, 'Deployment', 'kmm-operator-controller').spec.selector
  for (const kind of ['StatefulSet', 'Deployment']) {
    expect(find(own, kind).spec.template.metadata.labels).not.toMatchObject(matchLabels)
  }
})

test('the server finds its files where the pod has them', () => {
  const { containers } = find(own, 'StatefulSet').spec.template.spec
  const mounts = containers[0].volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)
  const text = find(own, 'ConfigMap', 'kmm-operator-temporal').data?.['server.yaml'] ?? ''
  const paths = [...text.matchAll(/\/(?:etc|var)\/[\w/.-]+/g)].map(([path]) => path)
  expect(paths).toHaveLength(7)
  for (const path of paths) expect(mounts).toContain(path.slice(0, path.lastIndexOf('/')))
  expect(parse(text).services.frontend.rpc.grpcPort).toBe(containers[0].ports[0].containerPort)
})

test('kustomize installs the same, and the operator connects to it', () => {
  const overlay = readObjects(
    kubectl('kustomize', join(import.meta.dirname, '../../deploy/embedded-temporal')),
  )
  const names = overlay.map(({ kind, metadata }) => `${kind} ${metadata?.name}`)
  expect(names).toEqual(expect.arrayContaining(own.map(({ kind, metadata }) => `${kind} ${metadata?.name}`)))
  const { env } = find(overlay, 'Deployment', 'kmm-operator-controller').spec.template.spec.containers[0]
  expect(env).toContainEqual({
    name: 'TEMPORAL_ADDRESS',
    value: 'kmm-operator-temporal.kmm-operator-system.svc:7233',
  })
})

/** A client with the rights of the pod's ServiceAccount. */
function asPod() {
  const config = parse(readFileSync(inject('kubeconfig'), 'utf8'))
  const token = kubectl('create', 'token', 'kmm-operator-temporal', '--namespace', namespace).trim()
  const file = join(folder, 'kubeconfig')
  const users = config.users.map(({ name }: { name: string }) => ({ name, user: { token } }))
  writeFileSync(file, stringify({ ...config, users }))
  const kube = createKube(file)
  onTestFinished(async () => await kube.close())
  return kube
}

const dataOf = async (name: string) => (await admin.get(secrets, { namespace, name }))?.data
const decoded = (text: string | undefined) => Buffer.from(text ?? '', 'base64').toString()

test('certificates: two at once agree, an upgrade keeps them, nothing more is allowed', async () => {
  const kube = asPod()
  const dirs = [join(folder, 'a'), join(folder, 'b')]
  const now = new Date()
  const renew = async () =>
    await Promise.all(dirs.map(async (dir) => await renewCertificates(kube, { namespace, dir, now })))
  await renew()
  const authority = await dataOf(secretNames.authority)
  const client = await dataOf(secretNames.client)
  const { publicKey } = new X509Certificate(decoded(authority?.['tls.crt']))
  expect(new X509Certificate(decoded(client?.['tls.crt'])).verify(publicKey)).toBe(true)
  expect(client?.['ca.crt']).toBe(authority?.['ca.crt'])
  for (const dir of dirs) {
    const server = new X509Certificate(readFileSync(join(dir, 'tls.crt')))
    expect(server.verify(publicKey)).toBe(true)
    expect(server.checkHost(`kmm-operator-temporal.${namespace}.svc`)).toBeDefined()
    expect(statSync(join(dir, 'tls.key')).mode & 0o777).toBe(0o600)
  }
  const files = dirs.map((dir) => readFileSync(join(dir, 'tls.crt'), 'utf8'))

  apply()
  await renew()
  expect(await dataOf(secretNames.authority)).toEqual(authority)
  expect(await dataOf(secretNames.client)).toEqual(client)
  expect(dirs.map((dir) => readFileSync(join(dir, 'tls.crt'), 'utf8'))).toEqual(files)

  const body = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'other' } }
  await expect(kube.create(secrets, body)).rejects.toSatisfy(isForbidden)
  await expect(kube.get(secrets, { namespace, name: 'other' })).rejects.toSatisfy(isForbidden)
})

test('a Secret that is missing is named', async () => {
  const renewing = renewCertificates(admin, { namespace: 'default', dir: folder, now: new Date() })
  await expect(renewing).rejects.toThrow('Secret default/kmm-operator-temporal-ca does not exist')
})
