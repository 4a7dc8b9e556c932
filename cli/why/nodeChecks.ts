import type { NodeFailure, NodePlan } from '../../api/nodePlan.ts'
import { loaderReasons } from '../../api/loaderResult.ts'
import { isPodRefusal, remedyOf } from '../../api/remedies.ts'
import { help } from '../../api/commandsThatHelp.ts'
import type { NodeFindingFacts } from './facts.ts'
import { fails, none, ok, waits, type Check, type Finding } from './finding.ts'

/** What is asked of one node of a kernel. */
export const nodeChecks: readonly Check<NodeFindingFacts>[] = [
  { name: 'node', look: node },
  { name: 'worker pod', look: workerPod },
  { name: 'in use by', look: inUse },
  { name: 'modprobe', look: modprobe },
  { name: 'loaded', look: loaded },
]

function node({ planned }: NodeFindingFacts): Finding {
  const { node: found, plan, paused } = planned
  if (plan.kind === 'unreachable' || !found.ready) {
    const says = `Node ${found.name} is not Ready; it is looked after when it returns.`
    return waits('NodesUnreachable', says, { commands: [help.describeNode(found.name)] })
  }
  if (paused !== undefined && plan.kind === 'idle') {
    const says = `Node ${found.name} is kept out for now by the taint ${paused.key}.`
    return waits('Cordoned', says, { commands: [help.uncordon(found.name)] })
  }
  return ok(`${found.name} is Ready`)
}

function failureOf(plan: NodePlan): NodeFailure | undefined {
  return plan.kind === 'failed' ? plan.failure : undefined
}

/** Did modprobe, or what the loader checks before it, say so? Else it is about the pod. */
const fromLoader: readonly string[] = [...loaderReasons, 'CpMissing', 'ExtractFailed']

function workerPod({ planned, seen, ref, serviceAccounts }: NodeFindingFacts): Finding {
  const { plan } = planned
  const { stored } = seen.view
  const account = seen.mapping?.serviceAccountName ?? 'default'
  if (plan.kind === 'work') {
    const { trouble } = plan.work
    if (trouble !== undefined) {
      const commands = [help.describePod(ref.namespace, /^pod (\S+):/u.exec(trouble.message)?.[1] ?? '')]
      return fails(trouble.reason, trouble.message, { commands })
    }
    // The API server refuses the pod for it, in words that do not say what to do.
    if (serviceAccounts.get(account) === false) {
      const says = `ServiceAccount ${ref.namespace}/${account} of the worker pods does not exist.`
      const commands = [help.createServiceAccount(ref.namespace, account)]
      return fails('ServiceAccountMissing', says, { commands })
    }
    if (stored?.reason !== undefined && (isPodRefusal(stored.reason) || stored.reason === 'NamespaceGone')) {
      const commands =
        stored.reason === 'NamespaceGone'
          ? [help.describeNamespace(ref.namespace)]
          : (remedyOf(ref, stored)?.commands ?? [])
      return fails(stored.reason, stored.message ?? '', { commands })
    }
    return waits('Pending', `${plan.work.action} is to begin.`)
  }
  if (plan.kind === 'follow') {
    return waits(plan.command.action === 'Load' ? 'Loading' : 'Unloading', `Pod ${plan.pod.name} is at it.`)
  }
  if (plan.kind === 'settle') return waits('Settling', `Pod ${plan.pod.name} is ended first.`)
  const failure = failureOf(plan)
  if (failure === undefined || fromLoader.includes(failure.reason)) return ok('none is in the way')
  return failed(failure, { ref, kernel: seen.kernel })
}

/** A failed action: it waits when it is tried again by itself, and for a person otherwise. */
function failed(
  { reason, message, action, attempts, retryAt }: NodeFailure,
  about: { ref: NodeFindingFacts['ref']; kernel: string },
): Finding {
  const times = attempts === 1 ? '' : ` (${attempts} times)`
  const says = `${action} failed${times}: ${message}`
  if (retryAt !== undefined) return waits(reason, `${says} It is tried again at ${retryAt}.`)
  return fails(reason, says, { commands: [help.retry(about.ref, about.kernel)] })
}

function inUse({ planned }: NodeFindingFacts): Finding {
  const failure = failureOf(planned.plan)
  if (failure?.reason !== 'InUse') return none('nobody is in the way')
  const at = failure.retryAt === undefined ? '' : ` It is tried again at ${failure.retryAt}.`
  const says = `${failure.message}.${at} It goes when nobody uses it.`
  return waits('InUse', says, {
    commands: [help.podsOnNode(planned.node.name)],
  })
}

/** What a person does about what the loader said. */
const fixes: Readonly<Record<string, string>> = {
  KeyRejected: 'Sign the module with a key that the node trusts, in its Dockerfile, or turn Secure Boot off.',
  VermagicMismatch: 'Build it for this very kernel: the Dockerfile must use KERNEL_FULL_VERSION.',
  NoModulesForKernel: 'The image must have <dirName>/lib/modules/<kernel>; look at modprobe.dirName.',
  DepmodMissing: 'Run depmod at the end of the Dockerfile.',
  ModprobeConfigRefused:
    'Leave modules.softdep and modules.weakdep as depmod writes them; put options into modprobe.parameters.',
  UnknownSymbol: 'A module it needs is missing or another version: name it in modulesLoadingOrder.',
  ModuleNotFound: 'moduleName and the file in the image differ.',
  InvalidParameters: 'Look at modprobe.parameters.',
  FirmwareConflict: 'Another Module has the file; one of them must give way.',
  FirmwareNotCopied: "Look at worker.firmwareHostPath of the operator's configuration.",
  CpMissing: 'The image needs a cp: take a base that has one.',
}

function modprobe({ planned, seen, ref }: NodeFindingFacts): Finding {
  const failure = failureOf(planned.plan)
  if (failure === undefined)
    return planned.plan.kind === 'loaded' ? ok('it succeeded') : none('it has not failed')
  const found = failed(failure, { ref, kernel: seen.kernel })
  const fix = fixes[failure.reason]
  return fix === undefined ? found : { ...found, says: `${found.says} ${fix}` }
}

function loaded({ planned, seen }: NodeFindingFacts): Finding {
  const { plan } = planned
  switch (plan.kind) {
    case 'loaded':
      return ok('in this boot of the node')
    case 'tidy':
      return plan.loaded
        ? ok('in this boot of the node')
        : waits('Pending', 'Its record is brought up to date.')
    case 'leave':
      return fails('LeftLoaded', 'It was given up, and stays until the next boot of the node.', {
        commands: [help.drainNode(planned.node.name)],
      })
    case 'waiting':
      return waits('Pending', `It waits for the image of kernel ${seen.kernel}.`)
    case 'idle':
      return none('it shall not have it')
    default:
      return waits('Pending', 'It is not loaded yet.')
  }
}
