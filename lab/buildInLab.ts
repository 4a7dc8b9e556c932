import { CoreV1Api, KubeConfig, type V1Pod } from '@kubernetes/client-node'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildNodeLabels } from './realNodes.ts'
import type { BuildingLab } from './lab.ts'

/** One image to build with kaniko on the lab's build node. */
export interface LabBuild {
  /** Name of the pod. */
  readonly name: string
  /** Folder on this machine with everything the Dockerfile copies. */
  readonly context: string
  /** Path of the Dockerfile below the context. */
  readonly dockerfile: string
  readonly destination: string
  readonly buildArgs: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** Hears the last line of the log now and then. */
  readonly say: (line: string) => void
}

const namespace = 'default'

/** Builds and pushes an image in a pod of the lab; the pod goes in any case. Throws with the last lines of the log. */
export async function buildInLab(lab: BuildingLab, build: LabBuild): Promise<void> {
  const config = new KubeConfig()
  config.loadFromFile(lab.state.kubernetes.kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const { name } = build
  await remove(core, name)
  await core.createNamespacedPod({ namespace, body: pod(lab, build) })
  try {
    for (;;) {
      await sleep(1_000, undefined, { signal: build.signal })
      const { status } = await core.readNamespacedPod({ namespace, name })
      const log = await core.readNamespacedPodLog({ namespace, name, tailLines: 15 }).catch(() => '')
      build.say(log.trim().split('\n').at(-1)?.slice(0, 80) ?? '')
      if (status?.phase === 'Succeeded') return
      if (status?.phase === 'Failed') throw new Error(`building ${build.destination} failed:\n${log}`)
    }
  } finally {
    await remove(core, name)
  }
}

async function remove(core: CoreV1Api, name: string): Promise<void> {
  const gone = () => undefined
  await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 }).catch(gone)
  while ((await core.readNamespacedPod({ namespace, name }).catch(gone)) !== undefined) await sleep(200)
}

function pod(lab: BuildingLab, build: LabBuild): V1Pod {
  const args = Object.entries(build.buildArgs).map(([key, value]) => `--build-arg=${key}=${value}`)
  return {
    metadata: { name: build.name },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      nodeSelector: { ...buildNodeLabels },
      containers: [
        {
          name: 'kaniko',
          image: lab.state.images?.kaniko ?? '',
          args: [
            '--context=dir:///workspace',
            `--dockerfile=/workspace/${build.dockerfile}`,
            `--destination=${build.destination}`,
            '--insecure',
            '--insecure-pull',
            // One for each stage: reading the whole file system takes longer than most commands.
            '--single-snapshot',
            '--log-format=text',
            ...args,
          ],
          volumeMounts: [{ name: 'context', mountPath: '/workspace', readOnly: true }],
        },
      ],
      volumes: [{ name: 'context', hostPath: { path: build.context, type: 'Directory' } }],
    },
  }
}
