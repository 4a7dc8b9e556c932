import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { KubernetesObject } from '@kubernetes/client-node'
import { parseAllDocuments } from 'yaml'
import { renderedFor } from '../../deploy/render.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'

export const chart = join(import.meta.dirname, '../../deploy/chart')

/** Runs a program; throws with what it prints. */
export type Command = (...args: string[]) => string

export async function findCommand(name: 'helm' | 'kubectl'): Promise<Command> {
  const path = await ensurePrograms([name]).path(name)
  return (...args) => {
    try {
      const options = { encoding: 'utf8', stdio: 'pipe', maxBuffer: 64 * 1024 * 1024 } as const
      return execFileSync(path, args, options)
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
      throw new Error(`${name} ${args.join(' ')}: ${stdout}${stderr}`, { cause: error })
    }
  }
}

/** An object of a manifest, with the fields that tests look at. */
export interface ManifestObject extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: any // oxlint-disable-line no-explicit-any
  readonly rules?: readonly Rule[]
  readonly subjects?: readonly { readonly name: string; readonly namespace: string }[]
}

export interface Rule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

/** The chart's objects in this namespace; `args` are more arguments of `helm template`. */
export function template(helm: Command, namespace: string, ...args: string[]): ManifestObject[] {
  const kubernetes = ['--kube-version', renderedFor]
  return readObjects(
    helm('template', 'kmm-temporal', chart, '--namespace', namespace, ...kubernetes, ...args),
  )
}

export function readObjects(text: string): ManifestObject[] {
  // Not the client's reader: it renames fields of definitions.
  const objects = parseAllDocuments(text).map((document) => document.toJS() as ManifestObject | null)
  return objects.filter((object) => object !== null)
}

/** The object of this kind, by its name where there are several. Throws when there is none. */
export function find(objects: readonly ManifestObject[], kind: string, name?: string): ManifestObject {
  const found = objects.find(
    (object) => object.kind === kind && (name === undefined || object.metadata?.name === name),
  )
  if (found === undefined) throw new Error(`there is no ${kind} ${name ?? ''}`)
  return found
}
