import { defaultRegistry, ImageReferenceError, parseImageReference } from '../../api/imageReference.ts'
import type { BuildArg } from '../../api/moduleLoader.ts'
import { expandTemplate, TemplateError } from '../../api/template.ts'

/** Characters of an image as a Dockerfile writes it, variables and their defaults included. */
const longestImage = 512

/**
 * Registries of the images a Dockerfile begins with (`FROM`) or copies from (`COPY --from`), under the executor's
 * names for them. What cannot be told without building is left out: the build itself says then what is wrong.
 */
export function baseRegistries(dockerfile: string, args: readonly BuildArg[]): string[] {
  const given: Record<string, string> = Object.fromEntries(args.map(({ name, value }) => [name, value]))
  const variables: Record<string, string> = { ...given }
  const stages = new Set(['scratch'])
  const registries = new Set<string>()
  const note = (image: string) => {
    if (image.length > longestImage) return
    if (stages.has(image.toLowerCase()) || /^\d+$/.test(image)) return
    const registry = registryOf(image, variables)
    if (registry !== undefined) registries.add(registry)
  }
  for (const line of instructions(dockerfile)) {
    const [, name = '', value = ''] = /^ARG\s+(\w+)(?:=(.*))?$/i.exec(line) ?? []
    if (name !== '') variables[name] = given[name] ?? value.replace(/^(["'])(.*)\1$/, '$2')
    const [, image = '', stage] = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(line) ?? []
    if (image !== '') note(image)
    if (stage !== undefined) stages.add(stage.toLowerCase())
    const [, source = ''] = /^COPY\s+(?:--\S+\s+)*?--from=(\S+)/i.exec(line) ?? []
    if (source !== '') note(source)
  }
  return [...registries]
}

/** Lines without comments, those that end in a backslash put together. */
function instructions(dockerfile: string): string[] {
  const lines = dockerfile.split(/\r?\n/).filter((line) => !line.trimStart().startsWith('#'))
  return lines
    .join('\n')
    .replaceAll(/\\[ \t]*\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
}

function registryOf(image: string, variables: Readonly<Record<string, string>>): string | undefined {
  try {
    const { registry } = parseImageReference(expandTemplate(image, variables))
    return registry === defaultRegistry ? `index.${defaultRegistry}` : registry
  } catch (error) {
    if (error instanceof TemplateError || error instanceof ImageReferenceError) return undefined
    throw error
  }
}
