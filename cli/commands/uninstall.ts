import { DurationError, parseDuration } from '../../api/duration.ts'
import { operatorNamespace } from '../args/commonFlags.ts'
import { usageError } from '../args/parse.ts'
import type { Call } from '../call.ts'
import { CliError, exitCodes, type ExitCode } from '../exitCodes.ts'
import { execute, type Outcome } from '../uninstall/execute.ts'
import { planUninstall, type UninstallPlan, type Way } from '../uninstall/plan.ts'
import { planText, reportStep } from '../uninstall/report.ts'
import { missingRights, refuseWithout, rightsFor } from '../uninstall/rights.ts'
import { terminateRuns } from '../uninstall/runs.ts'
import { readRights, readSnapshot } from '../uninstall/snapshot.ts'

const command = { name: 'uninstall' }
type Steps = UninstallPlan & { readonly kind: 'steps' }

/** `kubectl kmod uninstall --keep-loaded|--unload [--yes]` */
export async function uninstall(call: Call): Promise<ExitCode> {
  const way = wayOf(call)
  const timeoutMs = timeoutOf(call)
  const { cluster } = call
  const namespace = operatorNamespace(call)
  refuseWithout(await missingRights(cluster, readRights(namespace)))
  const snapshot = await readSnapshot(cluster, namespace)
  const plan = planUninstall(snapshot, { way, keepDefinitions: call.isSet('keep-definitions') })
  if (plan.kind === 'refused') throw new CliError(`${plan.why} ${plan.fix}`, exitCodes.no)
  const missing = await missingRights(cluster, rightsFor(plan.steps))
  if (!call.isSet('yes')) return showPlan(call, plan, { way, missing, server: snapshot.server })
  refuseWithout(missing)
  for (const warning of plan.warnings) call.note(warning)
  const timeout = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)]
  const outcome = await execute(plan.steps, {
    cluster,
    signal: AbortSignal.any([call.surroundings.signal, ...timeout]),
    note: (line) => call.note(line),
    terminateRuns: async (name) => await terminateRuns(call, name),
  })
  return showOutcome(call, plan, outcome)
}

function wayOf(call: Call): Way {
  const unload = call.isSet('unload')
  if (unload === call.isSet('keep-loaded')) {
    const choice = 'give one of --unload (modules leave the kernels first) and --keep-loaded (they stay)'
    throw usageError(command, choice)
  }
  return unload ? 'unload' : 'keepLoaded'
}

function timeoutOf(call: Call): number | undefined {
  const text = call.flag('timeout')
  if (text === undefined) return undefined
  try {
    const milliseconds = parseDuration(text)
    if (milliseconds > 0) return milliseconds
  } catch (error) {
    if (!(error instanceof DurationError)) throw error
  }
  throw usageError(command, `--timeout ${text}: give a duration such as 90s, 10m or 1h30m`)
}

function showPlan(
  call: Call,
  plan: Steps,
  { way, missing, server }: { way: Way; missing: readonly string[]; server: string },
): ExitCode {
  const { warnings, stays } = plan
  const steps = plan.steps.map(reportStep)
  call.print({ way, server, dryRun: true, steps, warnings, stays, missingRights: missing }, () =>
    [
      ...(plan.steps.length === 0
        ? [`There is nothing to uninstall at ${server}.`]
        : [`Uninstalling from ${server} would`, planText(plan.steps)]),
      ...section('Note:', warnings),
      ...section('Stays:', stays),
      ...section('You may not, and --yes would be refused:', missing),
      'Nothing was changed. With --yes it is done.',
    ].join('\n'),
  )
  return exitCodes.ok
}

function showOutcome(call: Call, plan: Steps, outcome: Outcome): ExitCode {
  const { stays } = plan
  const remains = outcome.kind === 'done' ? [] : outcome.remains
  const result = {
    dryRun: false,
    outcome: outcome.kind,
    ...(outcome.kind === 'blocked' ? { why: outcome.why } : {}),
    remains: remains.map(reportStep),
    stays,
  }
  call.print(result, () => outcomeText(outcome, plan))
  return outcome.kind === 'done' ? exitCodes.ok : exitCodes.notYet
}

function outcomeText(outcome: Outcome, { steps, stays }: Steps): string {
  if (outcome.kind === 'done') {
    const helm = steps.find((step) => step.kind === 'helmUninstall')
    const end = helm === undefined ? 'Uninstalled.' : `Uninstalled, but for Helm's part; run: ${helm.command}`
    return [end, ...section('Stays:', stays)].join('\n')
  }
  return [
    outcome.kind === 'blocked' ? outcome.why : 'Stopped before the end.',
    'What remains:',
    planText(outcome.remains),
    'The same command again goes on from here.',
  ].join('\n')
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)]
}
