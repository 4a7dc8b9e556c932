import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { elapsed } from '../lab/programs/progress.ts'
import { startOwnLab } from './setup/lab.ts'

/**
 * `npm test`: checks the code (format, lint, types) and runs every tier, each with what it needs brought up by its own
 * global setup. `npm test -- unit nodes` runs these tiers only. The last line is the sum of all.
 *
 * Two lanes go on at the same time: the lab takes minutes to come up, and its tiers wait more than they work.
 *
 * A tier that this machine cannot run is named and counted as one skipped test; with KMM_TEST_REQUIRE=all it fails.
 */
const tiers = ['unit', 'temporal', 'apiserver', 'nodes', 'alone'] as const
type Tier = (typeof tiers)[number]
type Step = Tier | 'lint'
const withoutLab: readonly Step[] = ['lint', 'unit', 'temporal', 'apiserver']
const withLab: readonly Step[] = ['nodes', 'alone']

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number().default(0),
  success: z.boolean(),
})

const begun = performance.now()
const requireAll = process.env['KMM_TEST_REQUIRE'] === 'all'
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !tiers.includes(name as Tier) && name !== 'lint')
if (unknown.length > 0) {
  process.stderr.write(`unknown tier ${unknown.join(', ')}: give any of lint, ${tiers.join(', ')}\n`)
  process.exit(2)
}

const isWanted = (step: Step) => wanted.length === 0 || wanted.includes(step)
const lanes = await Promise.all([
  runLane(withoutLab.filter(isWanted), process.env),
  runLabLane(withLab.filter(isWanted)),
])
const counts = lanes.flat()
process.exitCode = counts.every(({ failed }) => failed === 0) ? 0 : 1
process.stdout.write(`\nafter ${elapsed(performance.now() - begun)}:\n${told(counts)}\n`)

/** The sum, as the last line has it. */
function told(all: readonly Counts[]): string {
  const sum = (field: keyof Counts) => all.reduce((total, count) => total + count[field], 0)
  return `${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`
}

async function runLane(steps: readonly Step[], env: NodeJS.ProcessEnv): Promise<Counts[]> {
  const done: Counts[] = []
  for (const step of steps) {
    heading(step)
    const since = performance.now()
    const counted = step === 'lint' ? await lint() : await runTier(step, env)
    done.push(counted)
    heading(`${step}: ${told([counted])} (${elapsed(performance.now() - since)})`)
  }
  return done
}

/** One lab serves all the tiers that need one. */
async function runLabLane(steps: readonly Step[]): Promise<Counts[]> {
  if (steps.length === 0) return []
  const obstacle = nodesObstacle()
  if (obstacle !== undefined) {
    process.stdout.write(`${steps.join(' and ')} cannot run here: ${obstacle}\n`)
    return steps.map(() => ({ passed: 0, failed: requireAll ? 1 : 0, skipped: requireAll ? 0 : 1 }))
  }
  if ((process.env['KMM_TEST_LAB'] ?? '') !== '') return await runLane(steps, process.env)
  heading('lab')
  try {
    const lab = await startOwnLab()
    try {
      return await runLane(steps, { ...process.env, KMM_TEST_LAB: lab.dir })
    } finally {
      await lab.close()
    }
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return steps.map(() => ({ passed: 0, failed: 1, skipped: 0 }))
  }
}

async function lint(): Promise<Counts> {
  const code = await run('npm', ['run', '--silent', 'lint'], process.env)
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 }
}

async function runTier(tier: Tier, env: NodeJS.ProcessEnv): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), 'kmm-test-'))
  const outputFile = join(folder, 'report.json')
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`]
    const code = await run('vitest', ['run', '--project', tier, ...reporters], env)
    const result = report.safeParse(JSON.parse(await readFile(outputFile, 'utf8').catch(() => 'null')))
    if (!result.success) return { passed: 0, failed: 1, skipped: 0 }
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = result.data
    const skipped = numPendingTests + numTodoTests
    // A set-up or a file that broke fails the tier although no test of it counts.
    const broken = code !== 0 && numFailedTests === 0 ? 1 : 0
    const refused = requireAll && skipped > 0 ? skipped : 0
    return { passed: numPassedTests, failed: numFailedTests + broken + refused, skipped: skipped - refused }
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

/** What it prints is passed on by whole lines, as two lanes print at the same time. */
async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const colours = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  const child = spawn(command, args, { stdio: ['inherit', 'pipe', 'pipe'], env: { ...colours, ...env } })
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
