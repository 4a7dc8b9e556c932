import { nodeEligibility } from '../../api/eligibility.ts'
import type { NodeFacts } from '../../api/facts.ts'
import { invalidSentence, nodeInfoInvalid } from '../../api/nodeInvalid.ts'
import { moduleFinalizer } from '../../api/names.ts'
import { sentences } from '../../api/readModule.ts'
import { remainsOf } from '../../api/viewModule.ts'
import { rightWords } from '../kube/errors.ts'
import { since } from '../output/elapsed.ts'
import { help } from '../../api/commandsThatHelp.ts'
import type { ModuleFacts } from './facts.ts'
import { fails, none, ok, unknown, waits, type Check, type Finding } from './finding.ts'

/** What is asked of the Module as a whole, in this order. */
export const moduleChecks: readonly Check<ModuleFacts>[] = [
  { name: 'definition', look: definition },
  { name: 'deletion', look: deletion, goesOn: true },
  { name: 'operator', look: operator, goesOn: true },
  { name: 'namespace', look: namespace, goesOn: true },
  { name: 'selector', look: selector },
  { name: 'taints', look: taints },
]

function definition({ cluster, ref, module }: ModuleFacts): Finding {
  const unreadable = cluster.unreadable(ref)
  if (unreadable !== undefined && unreadable.metadata.deletionTimestamp === undefined) {
    const says = 'The Module breaks rules that came after it was stored; nothing is done until it is mended.'
    return fails('SpecInvalid', says, { details: sentences(unreadable.faults), commands: [help.edit(ref)] })
  }
  if (module !== undefined && module.spec.moduleLoader === undefined) {
    const says = 'spec.moduleLoader is not set: there is no kernel module to load.'
    return fails('NoModuleLoader', says, { commands: [help.edit(ref)] })
  }
  return ok('it can be read')
}

function deletion({ cluster, ref, stored }: ModuleFacts): Finding {
  const { deletionTimestamp } = stored.metadata
  if (deletionTimestamp === undefined) return ok('it stays')
  const remains = remainsOf(cluster, ref)
  const away = remains.some((line) => line.includes('is not Ready'))
  const says = `The Module was deleted at ${deletionTimestamp}; it is unloaded on every node before it goes.`
  return waits('Deleting', says, {
    ...(remains.length === 0 ? {} : { details: remains.join('\n') }),
    commands: away ? [help.giveUp(ref)] : [],
  })
}

function operator(facts: ModuleFacts): Finding {
  const lease = leaseFault(facts)
  return (
    configurationFault(facts, lease) ??
    lease ??
    notActedOn(facts) ??
    policiesMissing(facts) ??
    watcherSeen(facts)
  )
}

/** Nothing waits for the policies, but what the operator sees may be forged without them. */
function policiesMissing({ operator: found }: ModuleFacts): Finding | undefined {
  const missing = found?.missingPolicies ?? []
  if (missing.length === 0) return undefined
  return unknown(
    `Not in force: policies ${missing.join(', ')}. Whoever may create pods can forge what the operator sees; ` +
      'install them again with the chart or deploy/.',
  )
}

/** Without a valid configuration the operator does not start; one that runs already keeps its last valid one. */
function configurationFault(
  { operator: found }: ModuleFacts,
  lease: Finding | undefined,
): Finding | undefined {
  if (found?.invalidConfiguration === undefined) return undefined
  const { configMap, faults } = found.invalidConfiguration
  const more = {
    details: faults.join('\n'),
    commands: [help.editConfigMap(found.namespace, configMap), help.describeOperator(found.namespace)],
  }
  if (found.lease === undefined || lease !== undefined) {
    return fails('InvalidConfiguration', 'The operator does not run: its configuration is not valid.', more)
  }
  const says = `${found.lease.holder} watches with its last valid configuration; the present one is not valid.`
  return unknown(says, more)
}

/** The Lease that is there tells that nobody watches. */
function leaseFault({ operator: found, now }: ModuleFacts): Finding | undefined {
  if (found?.lease === undefined) return undefined
  const { holder, renewedAt, seconds } = found.lease
  const age = since(renewedAt, now)
  const commands = [help.operatorPods(found.namespace), help.operatorLog(found.namespace)]
  if (holder === '') {
    const says = `The operator ended ${age} ago and gave its Lease up; nobody watches since.`
    return fails('OperatorDown', says, { commands })
  }
  // Run out, another replica may take it; after as much time again none has.
  if (now - Date.parse(renewedAt) <= 2 * seconds * 1000) return undefined
  const says =
    `${holder} has not renewed its Lease for ${age}: the operator is down, or cannot reach the API server. Nothing ` +
    'changes until it is back; what follows is what the cluster says without it.'
  return fails('OperatorDown', says, { commands })
}

/** The Module itself tells that the operator has not acted. */
function notActedOn({ operator: found, stored, now }: ModuleFacts): Finding | undefined {
  const { finalizers = [], generation = 0, deletionTimestamp, creationTimestamp } = stored.metadata
  const commands = found === undefined ? [] : [help.operatorLog(found.namespace)]
  if (deletionTimestamp === undefined && !finalizers.includes(moduleFinalizer)) {
    const age = since(creationTimestamp, now)
    if (found === undefined || found.lease !== undefined) {
      const says = `The operator has not looked at the Module yet (${age} old); its log says what it waits for, such as Temporal.`
      return waits('NotSeenYet', says, { commands })
    }
    const says =
      `No operator has looked at the Module (${age} old), and there is no Lease in namespace ${found.namespace}: it is ` +
      'not installed there.'
    return fails('OperatorDown', says, { commands: [help.operatorPods(found.namespace)] })
  }
  const ready = stored.status?.conditions?.find(({ type }) => type === 'Ready')
  const observed = ready?.observedGeneration ?? 0
  if (ready === undefined || observed >= generation) return undefined
  const says =
    `The status is of generation ${observed}, the Module has ${generation}: the operator has not acted on the last ` +
    'change yet. Should this stay, it or Temporal is not working.'
  return waits('NotSeenYet', says, { commands })
}

function watcherSeen({ operator: found, gaps, ref }: ModuleFacts): Finding {
  const right = gaps.get('operator')
  if (right !== undefined) return unknown(`its Lease was not looked at: you may not ${rightWords(right)}`)
  return found?.lease === undefined
    ? unknown(`no Lease in namespace ${found?.namespace ?? ref.namespace}: whether it runs is not seen here`)
    : ok(`${found.lease.holder} watches`)
}

function namespace({ namespace: found, gaps, ref, stored }: ModuleFacts): Finding {
  if (found === undefined) {
    const right = gaps.get('namespace')
    return unknown(`not looked at${right === undefined ? '' : `: you may not ${rightWords(right)}`}`)
  }
  if (found.ending) {
    return fails('NamespaceGone', `Namespace ${ref.namespace} is being deleted: no pod can be made in it.`, {
      commands: [help.describeNamespace(ref.namespace)],
    })
  }
  const { podSecurity } = found
  if (podSecurity !== undefined && podSecurity !== 'privileged') {
    const says = `Namespace ${ref.namespace} enforces Pod Security "${podSecurity}"; worker pods need "privileged".`
    const commands = [help.allowPods(ref.namespace)]
    // What is loaded stays so: only the next pod would be refused.
    const ready = stored.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
    return ready === true
      ? unknown(`${says} The next one would be refused.`, { commands })
      : fails('PodRefusedByPodSecurity', says, { commands })
  }
  return ok('it allows the pods')
}

/** The nodes in question: all, or the one that was asked about. */
function nodesOf({ cluster, node }: ModuleFacts): readonly NodeFacts[] {
  return cluster.nodes().filter(({ name }) => node === undefined || name === node)
}

function selector(facts: ModuleFacts): Finding {
  const { module, gaps, node: asked, ref } = facts
  if (module === undefined) return none('not known of a Module that cannot be read')
  if (module.metadata.deletionTimestamp !== undefined) return none('it is unloaded everywhere')
  const right = gaps.get('nodes')
  if (right !== undefined) return unknown(`nodes were not looked at: you may not ${rightWords(right)}`)
  const nodes = nodesOf(facts)
  const wanted = Object.entries(module.spec.selector)
  const matching = nodes.filter((node) => nodeEligibility(module, node).kind !== 'selector')
  const left = matching.filter(({ invalid }) => invalid !== undefined)
  if (left[0] !== undefined) return leftOut(left[0], left.length, matching.length)
  if (matching.length > 0)
    return ok(asked === undefined ? `${matching.length} of ${nodes.length} nodes match` : 'it matches')
  if (nodes.length === 0) return fails('NoNodes', 'The cluster has no nodes.')
  const hits = (node: NodeFacts) => wanted.filter(([label, value]) => node.labels[label] === value).length
  const [nearest] = nodes.toSorted((a, b) => hits(b) - hits(a))
  const fault = nearest && nodeEligibility(module, nearest)
  if (nearest === undefined || fault?.kind !== 'selector') return ok('it matches')
  const { label, found } = fault
  const has = found === undefined ? `has no label ${label}` : `has ${label}=${found}`
  const says =
    asked === undefined
      ? `No node matches spec.selector. Nearest is ${nearest.name}: it ${has}, wanted is ${label}=${fault.wanted}.`
      : `Node ${asked} is not selected: it ${has}, wanted is ${label}=${fault.wanted}.`
  return fails('NoNodes', says, {
    commands: [help.labelNode(nearest.name, label, fault.wanted), help.edit(ref)],
  })
}

/** One node that is left out keeps no other from having the module. */
function leftOut(first: NodeFacts, left: number, all: number): Finding {
  const commands = [help.describeNode(first.name)]
  const more = left === 1 ? '' : ` ${left} nodes are left out.`
  const says = `${invalidSentence(first)}${more}`
  return left === all ? fails(nodeInfoInvalid, says, { commands }) : unknown(says, { commands })
}

function taints(facts: ModuleFacts): Finding {
  const { module, node: asked, ref } = facts
  if (module === undefined || facts.gaps.has('nodes')) return none('not looked at')
  if (module.metadata.deletionTimestamp !== undefined) return none('it is unloaded everywhere')
  const selected = nodesOf(facts)
    .map((node) => ({ node, eligibility: nodeEligibility(module, node) }))
    .filter(({ eligibility }) => eligibility.kind !== 'selector')
  if (selected.some(({ eligibility }) => eligibility.kind === 'target')) {
    const kept = selected.filter(({ eligibility }) => eligibility.kind !== 'target')
    const names = kept.map(({ node }) => node.name).join(', ')
    return ok(kept.length === 0 ? 'none is in the way' : `they keep ${names} out, and not the others`)
  }
  const [first] = selected
  if (first === undefined) return none('no node is selected')
  const { node, eligibility } = first
  if (eligibility.kind !== 'taint' && eligibility.kind !== 'paused') return ok('none is in the way')
  const { key, value, effect } = eligibility.taint
  const taint = `${key}${value === undefined || value === '' ? '' : `=${value}`}:${effect}`
  const whom =
    asked === undefined && selected.length > 1
      ? `All ${selected.length} selected nodes, such as ${node.name},`
      : `Node ${node.name}`
  const verb = asked === undefined && selected.length > 1 ? 'have' : 'has'
  if (eligibility.kind === 'paused') {
    const cordoned = key === 'node.kubernetes.io/unschedulable'
    const says = `${whom} ${verb} the taint ${taint}: nothing new is begun there, what is loaded stays.`
    return waits(cordoned ? 'Cordoned' : 'NodesUnreachable', says, {
      commands: [cordoned ? help.uncordon(node.name) : help.describeNode(node.name)],
    })
  }
  return fails('NoNodes', `${whom} ${verb} the taint ${taint}, which spec.tolerations do not tolerate.`, {
    commands: [help.edit(ref)],
  })
}
