#!/usr/bin/env node
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createKube } from '../../activities/kube/client.ts'
import { createLog } from '../log.ts'
import { renewCertificates } from './renew.ts'

/** Between two checks, in milliseconds: much shorter than a third of any certificate's life. */
const period = { good: 60 * 60 * 1000, failed: 10_000 }

const usage = `temporal-certificates: keeps the certificates of the embedded Temporal.

  --dir FOLDER  where the server's certificate is written
  --once        ends after the first check

Environment: OPERATOR_NAMESPACE.`

/** Keeps the certificates valid until SIGTERM. What fails is tried again. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { dir: { type: 'string' }, once: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  const namespace = process.env['OPERATOR_NAMESPACE']
  if (values.help || values.dir === undefined || namespace === undefined || namespace === '') {
    process.stderr.write(`${usage}\n`)
    return values.help ? 0 : 2
  }
  const log = createLog()
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const kube = createKube(undefined)
  for (;;) {
    const failed = await renewCertificates(kube, { namespace, dir: values.dir, now: new Date() }).then(
      () => false,
      (error: unknown) => {
        log.error({ err: error }, 'the certificates of Temporal cannot be renewed; trying again')
        return true
      },
    )
    if (values.once || stopping.signal.aborted) return failed ? 1 : 0
    const pause = failed ? period.failed : period.good
    await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined)
    if (stopping.signal.aborted) return 0
  }
}

process.exitCode = await main()
