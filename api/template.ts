import { normalizeKernel, trimmedKernel } from './kernel.ts'
import type { ModuleRef } from './names.ts'

export type TemplateVariables = Readonly<Record<string, string>>

export type KernelVariables =
  | { readonly ok: true; readonly variables: TemplateVariables }
  | { readonly ok: false; readonly message: string }

/**
 * The variables of a kernel and a Module (images:MAP-6), from the trimmed and normalised release; for paths
 * KERNEL_RAW_VERSION is the raw one, as build arguments have it (images:MAP-9 Better). `message` says why a release of
 * fewer than three parts has none.
 */
export function templateVariables(rawKernel: string, ref: ModuleRef): KernelVariables {
  const kernel = normalizeKernel(trimmedKernel(rawKernel))
  const [x, y, z] = kernel.split(/[.,-]/u)
  if (x === undefined || y === undefined || z === undefined) {
    return {
      ok: false,
      message: `kernel release "${rawKernel}" has fewer than three parts (such as 6.3.5): no KERNEL_X, KERNEL_Y, KERNEL_Z`,
    }
  }
  return {
    ok: true,
    variables: {
      KERNEL_FULL_VERSION: kernel,
      KERNEL_VERSION: kernel,
      KERNEL_RAW_VERSION: rawKernel,
      KERNEL_X: x,
      KERNEL_Y: y,
      KERNEL_Z: z,
      KERNEL_XYZ: `${x}.${y}.${z}`,
      MOD_NAME: ref.name,
      MOD_NAMESPACE: ref.namespace,
    },
  }
}

/** A template that cannot be expanded; the message names the variable or the place, and what would do. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
}

const name = /^[A-Za-z0-9_]+/u
/** No image or path is longer; defaults in defaults nest no deeper than the stack allows. */
const lengthLimit = 4096
const operator = /^:?[-=+]/u

/**
 * Expands `$NAME`, `${NAME}`, `${NAME-x}`, `${NAME:-x}`, `${NAME=x}`, `${NAME:=x}`, `${NAME+x}`, `${NAME:+x}` and `$$`
 * (a dollar) as KMM does (images:MAP-8); x may hold variables itself. Names are case-sensitive and greedy.
 * @throws TemplateError for an unknown variable without a default, which KMM takes for empty (MAP-8 Better), for an
 * unclosed `${`, for an unknown operator and for more than 4096 characters, before or after
 */
export function expandTemplate(text: string, variables: TemplateVariables): string {
  if (text.length > lengthLimit) {
    throw new TemplateError(`it has ${text.length} characters, more than ${lengthLimit}`)
  }
  let expanded = ''
  let at = 0
  while (at < text.length) {
    const dollar = text.indexOf('$', at)
    if (dollar === -1) return bounded(expanded + text.slice(at))
    expanded = bounded(expanded + text.slice(at, dollar))
    const rest = text.slice(dollar + 1)
    const plain = name.exec(rest)?.[0]
    if (rest.startsWith('{')) {
      const end = closingBrace(text, dollar + 2)
      expanded += expandBraces(text.slice(dollar + 2, end), variables)
      at = end + 1
    } else if (plain !== undefined) {
      expanded += known(plain, variables)
      at = dollar + 1 + plain.length
    } else {
      expanded += '$'
      at = dollar + (rest.startsWith('$') ? 2 : 1)
    }
  }
  return bounded(expanded)
}

/** Whoever writes the template may write the values, too: a short text can name a long value many times. */
function bounded(expanded: string): string {
  if (expanded.length <= lengthLimit) return expanded
  throw new TemplateError(`it expands to more than ${lengthLimit} characters`)
}

/** Index of the brace that closes the one before `from`; inner `${...}` are skipped. */
function closingBrace(text: string, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('${', at)) depth++
    if (text[at] === '}' && --depth === 0) return at
  }
  throw new TemplateError(`"${text.slice(from - 2)}" has no closing "}"`)
}

function expandBraces(content: string, variables: TemplateVariables): string {
  const variable = name.exec(content)?.[0]
  if (variable === undefined) throw new TemplateError(`"\${${content}}" names no variable`)
  const rest = content.slice(variable.length)
  if (rest === '') return known(variable, variables)
  const sign = operator.exec(rest)?.[0]
  if (sign === undefined) {
    throw new TemplateError(
      `"\${${content}}" is not understood; write \${${variable}}, or \${${variable}:-default}`,
    )
  }
  const word = expandTemplate(rest.slice(sign.length), variables)
  const value = lookUp(variable, variables)
  const isSet = value !== undefined && !(sign.startsWith(':') && value === '')
  if (sign.endsWith('+')) return isSet ? word : ''
  return isSet ? value : word
}

function lookUp(variable: string, variables: TemplateVariables): string | undefined {
  return Object.hasOwn(variables, variable) ? variables[variable] : undefined
}

function known(variable: string, variables: TemplateVariables): string {
  const value = lookUp(variable, variables)
  if (value !== undefined) return value
  throw new TemplateError(`unknown variable ${variable}; known are ${Object.keys(variables).join(', ')}`)
}
