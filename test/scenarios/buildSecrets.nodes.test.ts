import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { secrets } from '../../activities/kube/resources.ts'
import { buildLog } from '../../workflows/messages.ts'
import { eventually } from '../support/eventually.ts'
import { everythingOf } from '../support/history.ts'
import { sharedOperator, stories } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'
import { fetching, tinyBuild } from '../support/tinyModule.ts'

const lab = useLab()
const test = stories(lab)
const name = 'talkative'
const file = '/run/secrets/token/value'

test('a Dockerfile that prints its Secret in every way: it is nowhere', async ({ open, gate }) => {
  const token = `tk-${randomBytes(60).toString('hex')}`
  const story = await open('leak')
  const { namespace } = story
  await story.addNode()
  const metadata = { namespace, name: 'token' }
  const netrc = `machine git.example login robot password net-${token}\n`
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { value: token, netrc } }
  await lab.kube.create(secrets, secret)
  const script = (text: string) => ['sh', '-xc', text]
  const commands = [
    ['cat', file],
    ['base64', file],
    script(`T=$(busybox cat ${file}); busybox echo "robot:$T" | busybox base64`),
    script(`T=$(/bin/busybox cat ${file}); echo "error: cannot fetch https://robot:$T@host/x?t=$T"`),
    ['cut', '-d', ' ', '-f', '6', '/run/secrets/token/netrc'],
    script(`T=$(/bin/busybox cat ${file}); echo "error: $T" > /dev/stderr; echo "$T" > /dev/termination-log`),
    fetching(gate.wait),
  ]
  const build = { ...tinyBuild(name), secrets: [{ name: 'token' }] }
  await story.applyTiny(name, commands, { mapping: { build } })
  const ref = { namespace, name }

  await gate.untilKnocked()
  const first = await eventually(
    'the last line of the log is in a heartbeat',
    () => everythingOf(lab, ref),
    (text) => text.includes('heartbeatDetails') && text.includes('Running: ['),
  )
  gate.open()
  await story.untilLoaded(name)
  const { workflowId = '', runId = '' } = (await story.kernelStatus(name)) ?? {}
  const log = await lab.temporal.workflow.getHandle(workflowId, runId).query(buildLog)
  expect(log?.log).toContain('error: cannot fetch https://***@host/x?t=***')

  const pods = story.pods.all().map(({ pod }) => pod)
  const places = {
    heartbeats: first,
    history: await everythingOf(lab, ref),
    module: JSON.stringify(await story.module(name)),
    pods: JSON.stringify(pods),
    operator: sharedOperator.log(100_000),
    log: JSON.stringify(log),
  }
  const encoded = Buffer.from(token).toString('base64')
  const needles = [...pieces(token, 12), ...pieces(encoded, 16)]
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(100)
    expect(
      needles.filter((needle) => text.includes(needle)),
      place,
    ).toEqual([])
  }
})

function pieces(text: string, length: number): string[] {
  return Array.from({ length: text.length - length + 1 }, (_, i) => text.slice(i, i + length))
}
