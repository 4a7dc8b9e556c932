import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { elapsed } from '../lab/programs/progress.ts'
import { failedStep, merged, type Outcome, readReport, toldCounts } from './report.ts'
import { startOwnLab, withOperatorImage } from './setup/lab.ts'

/**
 * `npm test`: checks the code (format, lint, types) and runs every tier, each with what it needs brought up by its own
 * global setup. `npm test -- unit nodes` runs these only. What failed is told again at the end, and the last line is
 * the sum of all.
 *
 * The lab comes up beside the first steps and serves all tiers that need one. Files that need it for themselves leave
 * a third of two cores idle, which the tier with labs of its own takes. More at once than that is more than such a
 * machine can do: workflow tests then run out of time.
 *
 * A tier that this machine cannot run is named and counted as one skipped test; with KMM_TEST_REQUIRE=all it fails.
 */
const rounds = [
  ['lint'],
  ['unit'],
  ['temporal', 'apiserver'],
  ['nodes'],
  ['alone', 'simulated'],
  ['audit'],
] as const
const steps = rounds.flat()
type Step = (typeof steps)[number]
/** The files of these use one server by turns: so many of it, each with its part of the files. */
const parts: Partial<Record<Step, number>> = { apiserver: 2 }
const onLab: readonly Step[] = ['nodes', 'alone', 'audit']

const begun = performance.now()
const requireAll = process.env['KMM_TEST_REQUIRE'] === 'all'
const named = process.argv.slice(2)
const unknown = named.filter((name) => !steps.includes(name as Step))
if (unknown.length > 0) {
  process.stderr.write(`unknown tier ${unknown.join(', ')}: give any of ${steps.join(', ')}\n`)
  process.exit(2)
}
const isWanted = (step: Step) => named.length === 0 || named.includes(step)

const outcomes: Outcome[] = []
const lab = onLab.some(isWanted) && nodesObstacle() === undefined ? openLab() : undefined
for (const round of rounds) await Promise.all(round.map((step) => run(step)))
await (await lab)?.close()
const failures = outcomes.flatMap((outcome) => outcome.failures)
if (failures.length > 0) process.stdout.write(`\n== failed\n${failures.join('\n')}\n`)
const counts = outcomes.map((outcome) => outcome.counts)
process.exitCode = counts.every(({ failed }) => failed === 0) ? 0 : 1
process.stdout.write(`\nafter ${elapsed(performance.now() - begun)}:\n${toldCounts(counts)}\n`)

async function run(step: Step): Promise<void> {
  if (!isWanted(step)) return
  heading(step)
  const since = performance.now()
  const outcome = await runStep(step)
  outcomes.push(outcome)
  heading(`${step}: ${toldCounts([outcome.counts])} (${elapsed(performance.now() - since)})`)
}

async function runStep(step: Step): Promise<Outcome> {
  if (step === 'lint') {
    const code = await execute('npm', ['run', '--silent', 'lint'], process.env)
    return code === 0
      ? { counts: { passed: 1, failed: 0, skipped: 0 }, failures: [] }
      : failedStep('lint: see above')
  }
  if (!onLab.includes(step)) return await runTier(step, process.env)
  const obstacle = nodesObstacle()
  if (obstacle !== undefined) {
    if (requireAll) return failedStep(`${step}: ${obstacle}`)
    process.stdout.write(`it cannot run here: ${obstacle}\n`)
    return { counts: { passed: 0, failed: 0, skipped: 1 }, failures: [] }
  }
  const dir = (await lab)?.dir
  if (dir === undefined) return failedStep(`${step}: there is no lab, see above`)
  return await runTier(step, { ...process.env, KMM_TEST_LAB: dir })
}

/** The lab in the folder KMM_TEST_LAB, which stays up, or one of our own; undefined, and told, when there is none. */
async function openLab(): Promise<{ readonly dir: string; readonly close: () => Promise<void> } | undefined> {
  const dir = process.env['KMM_TEST_LAB'] ?? ''
  if (dir !== '') return { dir, close: async () => undefined }
  heading('lab')
  try {
    return await withOperatorImage(await startOwnLab())
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return undefined
  }
}

async function runTier(tier: Step, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const count = parts[tier] ?? 1
  const shards = Array.from({ length: count }, (_, at) => `--shard=${at + 1}/${count}`)
  return merged(await Promise.all(shards.map((shard) => runVitest(tier, env, shard))))
}

async function runVitest(tier: Step, env: NodeJS.ProcessEnv, shard: string): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'kmm-test-'))
  const outputFile = join(folder, 'report.json')
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`]
    // It gives way to the tier that runs beside it.
    const priority = tier === 'simulated' ? 10 : 0
    const code = await execute('vitest', ['run', '--project', tier, shard, ...reporters], env, priority)
    return readReport(await readFile(outputFile, 'utf8').catch(() => ''), tier, code, requireAll)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Real nodes need root on Linux: a kubelet with containerd here, and a virtual machine. */
function nodesObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'real nodes need Linux'
  return process.getuid?.() === 0 ? undefined : 'real nodes need root'
}

function heading(name: string): void {
  process.stdout.write(`\n== ${name}\n`)
}

/** Resolves with the exit code. What it prints is passed on by whole lines, as the lab prints at the same time. */
async function execute(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  priority = 0,
): Promise<number> {
  const colours = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  const child = spawn(command, args, { stdio: ['inherit', 'pipe', 'pipe'], env: { ...colours, ...env } })
  if (priority !== 0 && child.pid !== undefined) setPriority(child.pid, priority)
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    createInterface({ input: from }).on('line', (line) => to.write(`${line}\n`))
  }
  return await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
}
