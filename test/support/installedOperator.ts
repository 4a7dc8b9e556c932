import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { deployments, leases, pods, type Pod } from '../../activities/kube/resources.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import { operatorName } from '../../api/permissions.ts'
import { installOperator, type Installation, uninstallOperator } from '../../lab/installOperator.ts'
import { type OperatorSettings } from '../../lab/operator.ts'
import { operatorNamespace } from '../../lab/operatorAccount.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import type { LabState } from '../../lab/state.ts'
import { processesWith } from './containerProcess.ts'
import { eventually } from './eventually.ts'
import { readLogLines } from './logFile.ts'
import type { Replica } from './observed.ts'
import { operatorLog } from './operator.ts'
import { keepLog, siblingsOf } from './planted.ts'

const deployment = { namespace: operatorNamespace, name: operatorName } as const
const lease = { namespace: operatorNamespace, name: 'kmm.sigs.x-k8s.io' } as const

/** The line of the log with which a replica begins to work. */
const isBegin = (line: string) => line.includes('"the operator is up"')

/** Whether a pod has the condition Ready. */
export const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true

/** Where the lab installs it, and what for. */
export interface InstalledOperatorOptions {
  readonly state: LabState
  readonly kube: Kube
  /** Folder for Helm's values. */
  readonly dir: string
  readonly installation: Installation
}

/** The operator in the lab's cluster: the Deployment of deploy/chart, with its own ServiceAccount. */
export class InstalledOperator {
  readonly #open: () => InstalledOperatorOptions
  #change: Partial<Installation> = {}

  /** `open` is asked once the lab is there. */
  constructor(open: () => InstalledOperatorOptions) {
    this.#open = open
  }

  get #options(): InstalledOperatorOptions {
    return this.#open()
  }

  get #installation(): Installation {
    return { ...this.#options.installation, ...this.#change }
  }

  /** Installs it, or scales it up again after `stop`. */
  async start(): Promise<void> {
    await this.upgrade({})
  }

  /** `helm upgrade` with these changes; resolves when all replicas are Ready and no other pod is left. */
  async upgrade(change: Partial<Installation>): Promise<void> {
    this.#change = { ...this.#change, ...change }
    await this.#keepLogs()
    await installOperator(this.#target(), this.#installation)
    await this.#untilReplicas(this.#installation.replicas)
    await this.#keepLogs()
  }

  /** `helm upgrade` with another configuration; resolves when every replica works with it. */
  async reconfigure(settings: OperatorSettings): Promise<void> {
    await this.untilStartedAnew(async () => await this.upgrade({ settings }))
  }

  /** Waits until each replica has begun to work again after a change. */
  async untilStartedAnew(change: () => Promise<void>): Promise<void> {
    const begun = async () =>
      (await this.replicas()).map(({ logFile }) => readLogLines(logFile).filter(isBegin).length)
    const before = await begun()
    await change()
    await eventually(
      'every replica works with the changed configuration',
      begun,
      (after) => after.length === before.length && after.every((count, at) => count > (before[at] ?? 0)),
    )
  }

  /** Scales it to nothing, and waits until its pods are gone. */
  async stop(): Promise<void> {
    await this.#keepLogs()
    await this.#options.kube.patch(deployments, deployment, { spec: { replicas: 0 } })
    await this.#untilReplicas(0)
  }

  /** `helm uninstall`; resolves when its pods are gone. */
  async uninstall(): Promise<void> {
    await this.#keepLogs()
    await uninstallOperator(this.#target())
    await this.#untilReplicas(0)
  }

  /** Name of the pod that leads. */
  async leader(): Promise<string> {
    const found = await eventually(
      'a replica leads',
      async () => {
        const { spec } = (await this.#options.kube.get(leases, lease)) ?? {}
        const names = (await this.pods()).map(({ metadata }) => metadata.name)
        return names.find((name) => spec?.holderIdentity?.startsWith(`${name}-`))
      },
      (name) => name !== undefined,
    )
    return found as string
  }

  /** Ends the process of a pod as a power cut does; the kubelet starts its container again. */
  async kill9(pod: string): Promise<void> {
    const processes = processesWith({ HOSTNAME: pod, OPERATOR_NAMESPACE: operatorNamespace })
    if (processes.length === 0) throw new Error(`no process of pod ${pod} runs on this machine`)
    for (const pid of processes) process.kill(pid, 'SIGKILL')
    await eventually(
      `the container of ${pod} was started again`,
      async () => (await this.pods()).find(({ metadata }) => metadata.name === pod),
      (found) => (found?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0,
    )
  }

  async pods(): Promise<Pod[]> {
    const { namespace } = deployment
    const labelSelector = 'app.kubernetes.io/name=kmm,app.kubernetes.io/component=kmm'
    return (await this.#options.kube.list(pods, { namespace, labelSelector })).items
  }

  /** Its replicas as tests watch them: log and metrics. */
  async replicas(): Promise<Replica[]> {
    const { logs } = this.#options.state
    return (await this.pods()).map(({ metadata, status }) => ({
      logFile: join(
        logs,
        '../build-node/state/log/pods',
        `${operatorNamespace}_${metadata.name}_${metadata.uid}/operator/0.log`,
      ),
      metrics: `http://${status?.podIP}:8443/metrics`,
    }))
  }

  /** What everybody wrote to the log so far. */
  async text(): Promise<string> {
    return (await this.replicas()).map(({ logFile }) => readFileSync(logFile, 'utf8')).join('\n')
  }

  async log(lines?: number): Promise<string> {
    return operatorLog(
      (await this.replicas()).map(({ logFile }) => logFile),
      lines,
    )
  }

  /** The kubelet removes the log of a pod with it. */
  async #keepLogs(): Promise<void> {
    const { state } = this.#options
    for (const { logFile } of await this.replicas()) {
      for (const file of siblingsOf(logFile)) keepLog(state, file, basename(dirname(dirname(logFile))))
    }
  }

  #target() {
    const { state, dir } = this.#options
    return { state, dir, programs: ensurePrograms(['helm']) }
  }

  async #untilReplicas(count: number): Promise<void> {
    await eventually(
      `the operator has ${count} ready replicas and no other pod`,
      () => this.pods(),
      (found) =>
        found.length === count &&
        found.every((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod)),
    )
  }
}
