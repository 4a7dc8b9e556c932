import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { events, secrets } from '../../activities/kube/resources.ts'
import type { KernelStatus } from '../../api/module.ts'
import { buildLog } from '../../workflows/messages.ts'
import { eventually } from '../support/eventually.ts'
import { everythingOf } from '../support/history.ts'
import { planted } from '../support/planted.ts'
import { plugin } from '../support/plugin.ts'
import type { Scenario } from '../support/scenario.ts'
import { sharedOperator, stories } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'
import { fetching, tinyBuild } from '../support/tinyModule.ts'

const lab = useLab()
const test = stories(lab)
const name = 'talkative'
const file = '/run/secrets/token/value'
const build = { ...tinyBuild(name), secrets: [{ name: 'token' }] }
const script = (text: string) => ['sh', '-xc', text]

/** Makes the Secret of the build; its value, as a random token. */
async function makeToken({ namespace }: Scenario): Promise<string> {
  const token = `${planted()}-${randomBytes(60).toString('hex')}`
  const metadata = { namespace, name: 'token' }
  const netrc = `machine git.example login robot password net-${token}\n`
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { value: token, netrc } }
  await lab.kube.create(secrets, secret)
  return token
}

/** Every place to which something of a build goes that is not its pod's own, as text. */
async function placesOf(story: Scenario) {
  const { namespace } = story
  const entry: Partial<KernelStatus> = (await story.kernelStatus(name)) ?? {}
  const run = lab.temporal.workflow.getHandle(entry.workflowId ?? '', entry.runId)
  const { kubeconfig } = lab.state.kubernetes
  const { address, namespace: temporalNamespace } = lab.state.temporal
  const env = { KUBECONFIG: kubeconfig, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: temporalNamespace }
  const line = ['support-bundle', name, '-n', namespace, '--file', '-']
  return {
    bundle: (await plugin(line, env)).stdout,
    log: JSON.stringify(await run.query(buildLog)),
    page: JSON.stringify(await run.query('__temporal_workflow_metadata')),
    history: await everythingOf(lab, { namespace, name }),
    module: JSON.stringify(await story.module(name)),
    events: JSON.stringify((await lab.kube.list(events, { namespace })).items),
    operator: await sharedOperator.log(100_000),
  }
}

/** No piece of the token stands in any of these texts, neither plain nor in base64. */
function expectNowhere(token: string, places: Readonly<Record<string, string>>): void {
  const encoded = Buffer.from(token).toString('base64')
  const needles = [...pieces(token, 12), ...pieces(encoded, 16)]
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(100)
    expect(
      needles.filter((needle) => text.includes(needle)),
      place,
    ).toEqual([])
  }
}

function pieces(text: string, length: number): string[] {
  return Array.from({ length: text.length - length + 1 }, (_, i) => text.slice(i, i + length))
}

test('a Dockerfile that prints its Secret in every way: it is nowhere', async ({ open, gate }) => {
  const story = await open('leak')
  const { namespace } = story
  await story.addNode()
  const token = await makeToken(story)
  const commands = [
    ['cat', file],
    ['base64', file],
    script(`T=$(busybox cat ${file}); busybox echo "robot:$T" | busybox base64`),
    script(`T=$(/bin/busybox cat ${file}); echo "error: cannot fetch https://robot:$T@host/x?t=$T"`),
    ['cut', '-d', ' ', '-f', '6', '/run/secrets/token/netrc'],
    script(`T=$(/bin/busybox cat ${file}); echo "error: $T" > /dev/stderr; echo "$T" > /dev/termination-log`),
    fetching(gate.wait),
  ]
  await story.applyTiny(name, commands, { mapping: { build } })

  await gate.untilKnocked()
  const heartbeats = await eventually(
    'the last line of the log is in a heartbeat',
    () => everythingOf(lab, { namespace, name }),
    (text) => text.includes('heartbeatDetails') && text.includes('Running: ['),
  )
  gate.open()
  await story.untilLoaded(name)
  const places = await placesOf(story)
  expect(places.log).toContain('error: cannot fetch https://***@host/x?t=***')
  // A good build says its digest at the place where a command has left the token.
  const pods = JSON.stringify(story.pods.all().map(({ pod }) => pod))
  expectNowhere(token, { ...places, heartbeats, pods })
})

test('a build that fails with its Secret in its last words: they are kept without it', async ({ open }) => {
  const story = await open('last-words')
  await story.addNode()
  const token = await makeToken(story)
  const commands = [
    ['cat', file],
    script(
      `T=$(/bin/busybox cat ${file}); echo "$T" > /dev/termination-log; echo "error: refused token $T"; exit 7`,
    ),
  ]
  await story.applyTiny(name, commands, { mapping: { build } })
  const { errorLines } = await story.untilHeld(name, 'BuildCommandFailed')
  expect(errorLines).toContain('error: refused token ***')
  const places = await eventually(
    'the failure is an Event',
    () => placesOf(story),
    (all) => all.events.includes('"reason":"BuildFailed"'),
  )
  expect(places.log).toContain('error: refused token ***')
  expect(places.page).toContain('error: refused token ***')
  expectNowhere(token, places)
})
