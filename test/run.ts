import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

/**
 * `npm test`: checks the code (format, lint, types), then runs every tier, each with what it needs brought up by its
 * own global setup. `npm test -- unit nodes` runs these tiers only. The last line is the sum of all.
 *
 * A tier that this machine cannot run is named and counted as one skipped test; with KMM_TEST_REQUIRE=all it fails.
 */
const tiers = ['unit', 'temporal', 'apiserver', 'nodes'] as const
type Tier = (typeof tiers)[number]

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

const requireAll = process.env['KMM_TEST_REQUIRE'] === 'all'
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !tiers.includes(name as Tier) && name !== 'lint')
if (unknown.length > 0) {
  process.stderr.write(`unknown tier ${unknown.join(', ')}: give any of lint, ${tiers.join(', ')}\n`)
  process.exit(2)
}

const counts: Counts[] = []
if (wanted.length === 0 || wanted.includes('lint')) counts.push(await lint())
for (const tier of tiers) {
  if (wanted.length === 0 || wanted.includes(tier)) counts.push(await runTier(tier))
}
const sum = (field: keyof Counts) => counts.reduce((total, count) => total + count[field], 0)
const failed = sum('failed')
process.exitCode = failed === 0 ? 0 : 1
process.stdout.write(`${sum('passed')} passed, ${failed} failed, ${sum('skipped')} skipped\n`)

async function lint(): Promise<Counts> {
  heading('lint')
  const code = await run('npm', ['run', '--silent', 'lint'])
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 }
}

async function runTier(tier: Tier): Promise<Counts> {
  heading(tier)
  const obstacle = tier === 'nodes' ? nodesObstacle() : undefined
  if (obstacle !== undefined) {
    process.stdout.write(`tier ${tier} cannot run here: ${obstacle}\n`)
    return requireAll ? { passed: 0, failed: 1, skipped: 0 } : { passed: 0, failed: 0, skipped: 1 }
  }
  const folder = await mkdtemp(join(tmpdir(), 'kmm-test-'))
  const outputFile = join(folder, 'report.json')
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`]
    const code = await run('vitest', ['run', '--project', tier, ...reporters])
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

async function run(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit' })
  return await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
