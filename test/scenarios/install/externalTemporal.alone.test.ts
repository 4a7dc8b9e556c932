import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { operatorNamespace } from '../../../lab/operatorAccount.ts'
import { ensurePrograms } from '../../../lab/programs/ensure.ts'
import { openRelay } from '../../../lab/relay.ts'
import { startTemporalServer, type TemporalServer } from '../../../lab/temporalServer.ts'
import { eventually } from '../../support/eventually.ts'
import { type OpenScenario, stories, useInstallation } from '../../support/stories.ts'
import { useLab } from '../../support/testLab.ts'
import { fetching } from '../../support/tinyModule.ts'
import { startTokenIssuer } from '../../support/tokenIssuer.ts'

/** The shipped Deployment and a Temporal of somebody else's: the real server with TLS, beside the cluster. */
const lab = useLab()
const operator = useInstallation(lab)
const test = stories(lab, operator)

/** Starts a server that answers by an address that pods reach, which its certificate names. */
async function startServer(name: string, authentication?: { kind: 'tokens'; jwksUrl: string }) {
  const server = await startTemporalServer({
    supervisor: lab.folder.supervisor,
    programs: ensurePrograms(['temporal-server']),
    dir: join(lab.folder.dir, name),
    listen: { ip: '127.0.0.1', hosts: [lab.state.address] },
    ...(authentication === undefined ? {} : { authentication }),
  })
  const relay = await openRelay(lab.state.address, server.address)
  const address = `${lab.state.address}:${relay.port}`
  const stop = async () => {
    relay.close()
    await server.process.stop()
  }
  return { server, address, stop }
}

async function applySecret(name: string, data: Readonly<Record<string, string>>): Promise<void> {
  const metadata = { namespace: operatorNamespace, name }
  const body = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: data }
  await lab.kube.applyObject(body, { fieldManager: 'kubectl', force: true })
}

const tlsSecret = ({ client }: TemporalServer) => ({
  'ca.crt': readFileSync(client.caFile, 'utf8'),
  'tls.crt': readFileSync(client.certFile, 'utf8'),
  'tls.key': readFileSync(client.keyFile, 'utf8'),
})

/** A Module is built and loaded, so that workflows run. */
async function expectLoads(open: OpenScenario, name: string): Promise<void> {
  const story = await open(name)
  await story.addNode()
  await story.applyTiny('tiny')
  await story.untilLoaded('tiny')
}

test('with a client certificate; without its Secret the operator says what is missing, and goes on by itself', async ({
  open,
  onTestFinished,
}) => {
  const { server, address, stop } = await startServer('mutual-tls')
  onTestFinished(stop)
  const tls = { enabled: true, secretName: 'temporal-client' }
  const installing = operator.upgrade({
    values: { temporal: { address, namespace: 'kmm', createNamespace: true, tls } },
  })
  await eventually(
    'the log names the missing file',
    () => operator.text(),
    (text) => expect(text).toContain('/etc/kmm/temporal/tls/ca.crt cannot be read'),
  )
  await applySecret('temporal-client', tlsSecret(server))
  await installing
  await expectLoads(open, 'mutual-tls')
})

test('the way from one Temporal to another keeps a hold', async ({ open, gate, onTestFinished }) => {
  const { server, address, stop } = await startServer('moved-to')
  onTestFinished(stop)
  await operator.upgrade({ values: {} })
  const story = await open('moved')
  await story.addNode()
  await story.applyTiny('tiny', [fetching(gate.pass)])
  const held = await story.untilKernel('tiny', 'is held', ({ phase }) => phase === 'BuildFailed')

  await applySecret('temporal-client', tlsSecret(server))
  const tls = { enabled: true, secretName: 'temporal-client' }
  const temporal = { address, namespace: 'kmm', createNamespace: true, tls }
  await operator.upgrade({ values: { temporal } })
  const moved = await story.untilKernel(
    'tiny',
    'is held by a run of the other Temporal',
    ({ phase, runId }) => phase === 'BuildFailed' && runId !== held.runId,
  )
  expect(moved).toMatchObject({ attempt: 1, buildPod: held.buildPod, reason: held.reason })
  gate.open()
  await story.retry('tiny', 'all')
  await story.untilLoaded('tiny')
  expect(await story.kernelStatus('tiny')).toMatchObject({ attempt: 2 })
  expect(story.pods.builds()).toHaveLength(2)
})

test('with an API key, which is read again when its Secret changes', async ({ open, onTestFinished }) => {
  const issuer = await startTokenIssuer()
  onTestFinished(issuer.close)
  const { server, address, stop } = await startServer('api-key', { kind: 'tokens', jwksUrl: issuer.jwksUrl })
  onTestFinished(stop)
  const { 'ca.crt': authority } = tlsSecret(server)
  await applySecret('temporal-authority', { 'ca.crt': authority })
  await applySecret('temporal-key', { apiKey: 'not-a-token' })
  const temporal = {
    address,
    namespace: 'kmm',
    createNamespace: true,
    tls: { enabled: true, secretName: 'temporal-authority', clientCertificate: false },
    apiKeySecret: { name: 'temporal-key' },
  }
  const installing = operator.upgrade({ values: { temporal } })
  await eventually(
    'the log says which key is refused',
    () => operator.text(),
    (text) => expect(text).toContain('the API key in temporal.apiKeyFile'),
  )
  await applySecret('temporal-key', { apiKey: issuer.issue(['temporal-system:admin']) })
  await installing
  expect(await operator.text()).not.toContain('not-a-token')
  await expectLoads(open, 'api-key')
})
