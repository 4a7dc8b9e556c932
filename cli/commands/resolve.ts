import { shell } from '../../api/text/shellWord.ts'
import { buildArgs } from '../../api/buildInputs.ts'
import { loadCommand, unloadCommand } from '../../api/loadCommand.ts'
import { resolveMapping } from '../../api/mapping.ts'
import type { Module, Sign } from '../../api/module.ts'
import { moduleKey } from '../../api/names.ts'
import { usageError } from '../args/parse.ts'
import type { Call } from '../call.ts'
import { exitCodes } from '../exitCodes.ts'
import { readManifests, refOf } from '../manifests.ts'

/** What a kernel would get. */
export type Resolution =
  | { readonly module: string; readonly kernel: string; readonly kind: 'unmapped' }
  | {
      readonly module: string
      readonly kernel: string
      readonly kind: 'invalid'
      readonly reason: string
      readonly field: string
      readonly message: string
    }
  | {
      readonly module: string
      readonly kernel: string
      readonly kind: 'mapped'
      readonly mapping: string
      readonly image: string
      readonly build?: { readonly dockerfileConfigMap: string; readonly arguments: readonly string[] }
      readonly sign?: Sign
      readonly inTreeModulesToRemove: readonly string[]
      readonly load: readonly string[]
      readonly unload: readonly string[]
    }

/** `kubectl kmod resolve -f FILE --kernel K` */
export async function resolve(call: Call) {
  const file = call.flag('filename')
  const kernel = call.flag('kernel')
  if (file === undefined) throw usageError({ name: 'resolve' }, '-f FILE is missing')
  if (kernel === undefined) throw usageError({ name: 'resolve' }, '--kernel K is missing')
  const { modules } = await readManifests(file, () => call.flag('namespace') ?? 'default')
  const resolutions = modules.map((module) => resolveFor(module, kernel))
  call.print({ resolutions }, () => resolutions.map(resolutionText).join('\n\n'))
  return resolutions.every(({ kind }) => kind === 'mapped') ? exitCodes.ok : exitCodes.no
}

/** By the operator's own rules (images:MAP). */
export function resolveFor(module: Module, kernel: string): Resolution {
  const ref = refOf(module)
  const about = { module: moduleKey(ref), kernel }
  const resolved = resolveMapping(module, kernel)
  switch (resolved.kind) {
    case 'unmapped':
      return { ...about, kind: 'unmapped' }
    case 'invalid': {
      const { reason, field, message } = resolved
      return { ...about, kind: 'invalid', reason, field, message }
    }
    case 'mapped': {
      const { mapping } = resolved
      const { build, sign, modprobe, inTreeModulesToRemove = [] } = mapping
      const made = build && {
        dockerfileConfigMap: build.dockerfileConfigMap.name,
        arguments: buildArgs(mapping, ref, kernel).map(({ name, value }) => `${name}=${value}`),
      }
      return {
        ...about,
        kind: 'mapped',
        mapping: mapping.fields.mapping,
        image: mapping.image,
        ...(made === undefined ? {} : { build: made }),
        ...(sign && { sign }),
        inTreeModulesToRemove,
        load: loadCommand(modprobe),
        unload: unloadCommand(modprobe),
      }
    }
  }
}

function resolutionText(resolution: Resolution): string {
  const { module, kernel } = resolution
  const title = `Module ${module}, kernel ${kernel}`
  switch (resolution.kind) {
    case 'unmapped':
      return `${title}: no kernel mapping matches; nothing is loaded on nodes with this kernel.`
    case 'invalid':
      return `${title}: ${resolution.reason}\n${resolution.message}`
    case 'mapped': {
      const { mapping, image, build, sign, inTreeModulesToRemove, load, unload } = resolution
      const rows: [string, string][] = [
        ['mapping', mapping],
        ['image', image],
        [
          'build',
          build !== undefined
            ? `ConfigMap ${build.dockerfileConfigMap}`
            : `none: the image${sign === undefined ? '' : ', or the one to sign,'} must exist`,
        ],
        ...(build?.arguments ?? []).map((argument): [string, string] => ['', shell`--build-arg ${argument}`]),
        ...signRows(sign, build !== undefined),
        ...(inTreeModulesToRemove.length === 0
          ? []
          : [['remove first', inTreeModulesToRemove.join(' ')] as [string, string]]),
        ['load', load.join(' ')],
        ['unload', unload.join(' ')],
      ]
      return [title, ...rows.map(([name, value]) => `  ${name.padEnd(12)} ${value}`)].join('\n')
    }
  }
}

function signRows(sign: Sign | undefined, isBuilt: boolean): [string, string][] {
  if (sign === undefined) return []
  const { keySecret, certSecret, filesToSign, unsignedImage } = sign
  const what = isBuilt ? 'what is built' : (unsignedImage ?? '')
  return [
    ['sign', `${what}, with the key of Secret ${keySecret.name} and the certificate of ${certSecret.name}`],
    ...filesToSign.map((file): [string, string] => ['', file]),
  ]
}
