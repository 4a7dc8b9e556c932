import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { apiVersion, type ModuleRef } from '../api/names.ts'
import { parseModule } from '../api/readModule.ts'
import type { Module } from '../api/module.ts'
import type { ConfigMapObject } from '../api/kubernetesObjects.ts'
import { CliError, exitCodes } from './exitCodes.ts'

/** What a file says that concerns us. */
export interface Manifests {
  readonly modules: readonly Module[]
  readonly configMaps: readonly ConfigMapObject[]
}

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
})
const dataSchema = z.record(z.string(), z.string())

/** Reads a file, or the standard input for `-`. Throws a CliError that names what is wrong with it. */
export async function readManifests(file: string, namespace: () => string): Promise<Manifests> {
  return parseManifests(await contentOf(file), file, namespace)
}

async function contentOf(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CliError(`cannot read ${file}: ${why}`, exitCodes.notFound)
  }
}

/** The Modules and ConfigMaps of YAML documents; those that name no namespace get `namespace`. */
export function parseManifests(content: string, file: string, namespace: () => string): Manifests {
  const modules: Module[] = []
  const configMaps: ConfigMapObject[] = []
  for (const document of parseAllDocuments(content)) {
    const [broken] = document.errors
    if (broken !== undefined) throw new CliError(`${file}: ${broken.message}`, exitCodes.no)
    const object = objectSchema.safeParse(document.toJS()).data
    if (object === undefined) continue
    const metadata = { ...object.metadata, namespace: object.metadata.namespace ?? namespace() }
    if (object.kind === 'ConfigMap' && object.apiVersion === 'v1') {
      const data = dataSchema.safeParse(object['data']).data ?? {}
      configMaps.push({ metadata: { name: metadata.name, namespace: metadata.namespace }, data })
    }
    if (object.kind === 'Module' && object.apiVersion === apiVersion) {
      const parsed = parseModule({ ...object, metadata: { uid: '', resourceVersion: '', ...metadata } })
      if (!parsed.ok) throw new CliError(`${file}: Module ${metadata.name}:\n${parsed.message}`, exitCodes.no)
      modules.push(parsed.module)
    }
  }
  if (modules.length === 0) {
    throw new CliError(`${file} has no Module (apiVersion ${apiVersion})`, exitCodes.no)
  }
  return { modules, configMaps }
}

export function refOf({ metadata }: Module): ModuleRef {
  return { namespace: metadata.namespace, name: metadata.name }
}
