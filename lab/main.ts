import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { cleanUp } from './cleanUp.ts'
import { type LabOptions, startLab } from './lab.ts'
import { labPrograms } from './labPrograms.ts'
import { openLedger } from './ledger.ts'
import { labProcess } from './lock.ts'
import { logTail } from './logTail.ts'
import { isRunning } from './procfs.ts'
import { ensurePrograms } from './programs/ensure.ts'
import { createProgress } from './programs/progress.ts'
import { removeState } from './removeState.ts'
import { type LabState, readState } from './state.ts'

const usage = `npm run lab -- up [--nodes real|simulated] [--vm] [--audit | --audit-user NAME] [--fresh] [--detach]
npm run lab -- down
npm run lab -- status
State is in .lab/ (--dir FOLDER for another); settings in .lab/config.json or KMM_LAB_* variables.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: 'string', default: join(import.meta.dirname, '..', '.lab') },
    nodes: { type: 'string', default: process.getuid?.() === 0 ? 'real' : 'simulated' },
    vm: { type: 'boolean', default: false },
    audit: { type: 'boolean', default: false },
    'audit-user': { type: 'string' },
    fresh: { type: 'boolean', default: false },
    detach: { type: 'boolean', default: false },
  },
})
const { dir } = values

try {
  process.exitCode = await command()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function command(): Promise<number> {
  switch (positionals[0] ?? '') {
    case 'up':
      return values.detach ? await upDetached() : await up()
    case 'down':
      return await down()
    case 'status':
      return status()
    default:
      process.stderr.write(usage)
      return 2
  }
}

/** Stays until Ctrl-C, SIGTERM or the death of a program. */
async function up(): Promise<number> {
  const { nodes } = values
  if (nodes !== 'real' && nodes !== 'simulated') throw new Error(`--nodes: real or simulated, not ${nodes}`)
  const interrupt = new AbortController()
  const interrupted = Promise.withResolvers<null>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interrupt.abort()
      interrupted.resolve(null)
    })
  }
  const progress = createProgress()
  const over = new AbortController()
  try {
    if (values.fresh) await removeState(dir)
    const programs = ensurePrograms(labPrograms({ nodes, vm: values.vm }), {
      progress,
      signal: AbortSignal.any([interrupt.signal, over.signal]),
    })
    const lab = await startLab({
      dir,
      programs,
      nodes,
      vm: values.vm,
      ...audit(),
      progress,
      signal: interrupt.signal,
    })
    progress.note(describe(lab.state))
    const death = await Promise.race([lab.died, interrupted.promise])
    if (death !== null) progress.note(death.message)
    progress.note('stopping')
    await lab.stop()
    progress.note('stopped; everything is kept for the next start')
    return death === null ? 0 : 1
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    progress.note('interrupted; nothing is left running')
    return 130
  } finally {
    over.abort()
    progress.close()
  }
}

function audit(): Pick<LabOptions, 'audit'> {
  const user = values['audit-user']
  if (user !== undefined) return { audit: { user } }
  return values.audit ? { audit: 'everybody' } : {}
}

/** Starts `up` in the background and waits until it is ready or has failed. */
async function upDetached(): Promise<number> {
  const logs = join(dir, 'logs')
  mkdirSync(logs, { recursive: true })
  const logFile = join(logs, 'lab.log')
  const log = openSync(logFile, 'w')
  const args = process.argv.slice(2).filter((argument) => argument !== '--detach')
  const child = spawn(process.execPath, [import.meta.filename, ...args], {
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const exited = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
  let state: LabState | null = null
  while (state === null) {
    const code = await Promise.race([exited, sleep(200, null)])
    if (code !== null) {
      process.stderr.write(`${logTail(logFile, 40).join('\n')}\n`)
      return code
    }
    state = readState(dir)
    if (state !== null && state.supervisor.pid !== child.pid) state = null
  }
  child.unref()
  process.stdout.write(`${describe(state)}\nIt runs in the background; end it with: npm run lab -- down\n`)
  return 0
}

async function down(): Promise<number> {
  const running = labProcess(dir)
  if (running !== null) {
    process.kill(running.pid, 'SIGTERM')
    const deadline = performance.now() + 90_000
    while (isRunning(running) && performance.now() < deadline) await sleep(100)
    if (isRunning(running)) process.kill(running.pid, 'SIGKILL')
  }
  const left = existsSync(dir) ? await cleanUp(dir) : []
  const removed = left.length === 0 ? '' : `; removed what was left: ${left.join(', ')}`
  process.stdout.write(`${running === null ? 'no lab was running' : 'the lab is down'}${removed}\n`)
  return 0
}

function status(): number {
  const state = readState(dir)
  if (state !== null) {
    const programs = openLedger(dir)
      .entries()
      .flatMap((entry) => (entry.kind === 'process' ? [`${entry.name} (${entry.pid})`] : []))
    process.stdout.write(`${describe(state)}\nPrograms     ${programs.join(', ')}\n`)
    return 0
  }
  const running = labProcess(dir)
  process.stdout.write(
    running === null ? 'no lab is running\n' : `the lab starts or stops (pid ${running.pid})\n`,
  )
  return 1
}

function describe(state: LabState): string {
  const nodes = [state.nodes.build, state.nodes.load?.name ?? null].filter((name) => name !== null)
  return [
    `Kubernetes   ${state.kubernetes.server}`,
    `  export KUBECONFIG=${state.kubernetes.kubeconfig}`,
    `Nodes        ${nodes.length === 0 ? 'simulated only' : nodes.join(', ')}`,
    `Registry     ${state.registry} (plain HTTP)`,
    `Temporal     ${state.temporal.address}, namespace ${state.temporal.namespace}`,
    `Temporal UI  ${state.temporal.ui ?? 'none'}`,
    `Logs         ${state.logs}`,
  ].join('\n')
}
