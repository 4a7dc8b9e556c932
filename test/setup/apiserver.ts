import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { applyManifests } from '../../lab/applyManifests.ts'
import { startControlPlane } from '../../lab/controlPlane.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { createProgress } from '../../lab/programs/progress.ts'
import { openTestFolder } from '../../lab/testFolder.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the administrator's kubeconfig for the tier's API server. */
    kubeconfig: string
  }
}

const crds = join(import.meta.dirname, '../../deploy/chart/files/crds')

/** What this tier and its tests run. All of it is fetched here: hooks of tests have no time to compile a program. */
const needed = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'helm',
  'docker-registry',
  'kwok',
  'temporal',
  'zsh',
  'fish',
] as const

/**
 * Starts etcd and kube-apiserver in a temporary folder on free ports, with the CustomResourceDefinitions of
 * the chart, and provides `kubeconfig`. Independent of a lab that runs.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const progress = createProgress()
  const folder = openTestFolder('apiserver')
  try {
    const programs = ensurePrograms(needed, { progress })
    await Promise.all(needed.map((name) => programs.path(name)))
    const { kubeconfig } = await startControlPlane({
      dir: folder.dir,
      supervisor: folder.supervisor,
      programs,
      address: '127.0.0.1',
      components: 'apiserver',
    })
    await applyManifests(
      kubeconfig,
      readdirSync(crds).map((file) => join(crds, file)),
    )
    project.provide('kubeconfig', kubeconfig)
  } catch (error) {
    await folder.close()
    throw error
  } finally {
    progress.close()
  }
  return folder.close
}
