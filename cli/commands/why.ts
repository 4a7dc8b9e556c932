import { operatorNamespace } from '../args/commonFlags.ts'
import type { Call } from '../call.ts'
import { readAround } from '../cluster/read.ts'
import { CliError, exitCodes, type ExitCode } from '../exitCodes.ts'
import { explain, type WhyReport } from '../why/checklist.ts'
import { drawReport } from '../why/drawReport.ts'
import { moduleFacts } from '../why/facts.ts'
import { gather } from '../why/gather.ts'

const codes: Readonly<Record<WhyReport['verdict'], ExitCode>> = {
  loaded: exitCodes.ok,
  nothing: exitCodes.ok,
  fails: exitCodes.no,
  waits: exitCodes.notYet,
  unknown: exitCodes.notYet,
}

/** `kubectl kmod why MODULE [NODE]` */
export async function why(call: Call) {
  const [name = '', node] = call.arguments
  const ref = { namespace: call.namespace, name }
  const around = await readAround(call.cluster, ref)
  const read = await gather(call.cluster, ref, around, operatorNamespace(call))
  const facts = moduleFacts(read, node)
  if (facts === undefined) {
    throw new CliError(`There is no Module ${ref.namespace}/${name}.`, exitCodes.notFound)
  }
  if (node !== undefined && !read.gaps.has('nodes') && read.cluster.nodes().every((n) => n.name !== node)) {
    throw new CliError(`There is no node ${node}.`, exitCodes.notFound)
  }
  const report = explain(facts)
  call.print(report, () => drawReport(report, { style: call.style, wide: call.format === 'wide' }))
  return codes[report.verdict]
}
