import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { applyManifests } from './applyManifests.ts'

/** The Module that `npm start` applies. */
export const exampleModule = { namespace: 'kmm-ci', name: 'kmm-ci' } as const

const folder = join(import.meta.dirname, '..', 'deploy', 'examples', 'kmm-ci')

/** Writes the example for this registry into the lab's folder and gives the files' paths by name. */
export function writeExample(
  dir: string,
  registry: string,
): { readonly module: string; readonly broken: string } {
  const fill = (name: string) => {
    const path = join(dir, name)
    writeFileSync(
      path,
      readFileSync(join(folder, name), 'utf8').replaceAll('registry.example:5000', registry),
    )
    return path
  }
  return { module: fill('kmm-ci.yaml'), broken: fill('broken-dockerfile.yaml') }
}

/** Applies the example Module. */
export async function applyExample(kubeconfig: string, file: string): Promise<void> {
  await applyManifests(kubeconfig, [file])
}
