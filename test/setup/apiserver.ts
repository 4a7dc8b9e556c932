import { existsSync, readdirSync } from 'node:fs'
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

const crds = join(import.meta.dirname, '../../deploy/crds')

/**
 * Starts etcd and kube-apiserver in a temporary folder on free ports, with the CustomResourceDefinitions of
 * deploy/crds, and provides `kubeconfig`. Independent of a lab that runs.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const progress = createProgress()
  const folder = openTestFolder('apiserver')
  try {
    const { kubeconfig } = await startControlPlane({
      dir: folder.dir,
      supervisor: folder.supervisor,
      programs: ensurePrograms(['etcd', 'kube-apiserver'], { progress }),
      address: '127.0.0.1',
      components: 'apiserver',
    })
    const files = existsSync(crds) ? readdirSync(crds).filter((file) => file.endsWith('.yaml')) : []
    await applyManifests(
      kubeconfig,
      files.map((file) => join(crds, file)),
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
