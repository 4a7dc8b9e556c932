import { stringify } from 'yaml'

/** `text` and `wide` are for people. */
export type Format = 'text' | 'wide' | 'json' | 'yaml'

/** Raw in JSON, and nothing that a terminal may get: an escape says the same. */
const unsafe = /[\u007F-\u009F\u2028-\u202E\u2066-\u2069\uFDD0-\uFDEF\uFEFF\uFFFE\uFFFF]/g

/** A value as JSON in ASCII where it matters, so that cleaning what is written takes nothing from it. */
export function json(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(
    unsafe,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A value as JSON or YAML; undefined when text for people is wanted. */
export function structured(format: Format, value: unknown): string | undefined {
  switch (format) {
    case 'json':
      return `${json(value, 2)}\n`
    case 'yaml':
      return stringify(value, { aliasDuplicateObjects: false })
    case 'text':
    case 'wide':
      return undefined
  }
}
