import { pods, type Pod } from '../../activities/kube/resources.ts'
import { annotations, apiVersion, labels } from '../../api/names.ts'
import { eventually } from './eventually.ts'
import type { Scenario } from './scenario.ts'

/** What a worker pod says that nobody asked for. */
export interface Forgery {
  readonly name: string
  /** Of the Module that it says it is of. */
  readonly module: string
  readonly node: { readonly name: string; readonly bootId: string; readonly kernel: string }
  /** 16 hex digits. */
  readonly configHash?: string
}

/** What runs in a forged pod. */
export interface Program {
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
}
/** Nothing pulls it where nodes are simulated. */
const unpulled: Program = { image: 'attacker.example/evil:1', args: ['loader'] }

/** A pod that Pod Security `restricted` allows. */
const harmless = ({ image, ...program }: Program) => ({
  restartPolicy: 'Never',
  automountServiceAccountToken: false,
  terminationGracePeriodSeconds: 0,
  securityContext: { runAsNonRoot: true, runAsUser: 65_534, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [
    {
      name: 'worker',
      image,
      ...program,
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    },
  ],
})

/** Creates a pod as somebody with the right to create pods, once nothing refuses it any more. */
export async function createPod(story: Scenario, name: string, metadata: object, spec: object): Promise<Pod> {
  const { kube } = story.lab
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: story.namespace, name, ...metadata },
    spec,
  }
  const made = await eventually(
    `pod ${name} can be made`,
    () => kube.create<Pod>(pods, body).catch((error: unknown) => String(error)),
    (answer) => typeof answer !== 'string',
  )
  if (typeof made === 'string') throw new Error(made)
  return made.object
}

/** Writes a pod's status, as its kubelet does after what runs in it. */
export async function writeStatus({ lab, namespace }: Scenario, name: string, status: object): Promise<void> {
  await lab.kube.patch(pods, { namespace, name }, { status }, { subresource: 'status' })
}

/** The loader's report of a load, with a directory that nobody ordered. */
export const forgedReport = ({ bootId, kernel }: Forgery['node']) =>
  JSON.stringify({
    action: 'Load',
    bootId,
    kernel,
    command: ['modprobe', 'forged'],
    exitStatus: 0,
    output: '',
    lsmod: 'forged by a tenant',
    firmwareHostPath: '/etc',
  })

/** An unprivileged pod that has all of a worker pod's labels, annotations and owners. */
export async function forgeWorkerPod(
  story: Scenario,
  { name, module, node, configHash = 'abcdefabcdefabcd' }: Forgery,
  record: { readonly name: string; readonly uid: string },
  program = unpulled,
): Promise<Pod> {
  const { bootId, kernel } = node
  const config = {
    kernelVersion: kernel,
    containerImage: 'attacker.example/evil:1',
    insecurePull: true,
    modprobe: {
      moduleName: 'evil',
      dirName: '/opt',
      firmwarePath: '/firmware',
      rawArgs: { unload: ['-r', 'dummy'] },
    },
  }
  const metadata = {
    labels: {
      [labels.partOf]: 'kmm',
      [labels.component]: 'worker',
      [labels.moduleName]: module,
      [labels.workerAction]: 'Load',
      [labels.configHash]: configHash,
    },
    annotations: { [annotations.workerConfig]: JSON.stringify({ action: 'Load', bootId, kernel, config }) },
    ownerReferences: [{ apiVersion, kind: 'NodeModulesConfig', ...record, controller: true }],
  }
  return await createPod(story, name, metadata, { ...harmless(program), nodeName: node.name })
}

/** Ten pods that wait for ever, with the labels of builds. */
export async function forgeBuildPods(
  story: Scenario,
  its: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[],
): Promise<void> {
  for (const pod of its)
    await createPod(
      story,
      pod.name,
      { labels: { [labels.partOf]: 'kmm', [labels.resourceType]: 'BuildImage', ...pod.labels } },
      { ...harmless(unpulled), nodeSelector: { nowhere: 'yes' } },
    )
}
