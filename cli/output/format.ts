import { stringify } from 'yaml'
import { printableJson } from '../../api/text/printableJson.ts'

/** `text` and `wide` are for people. */
export type Format = 'text' | 'wide' | 'json' | 'yaml'

/** A value as JSON or YAML; undefined when text for people is wanted. */
export function structured(format: Format, value: unknown): string | undefined {
  switch (format) {
    case 'json':
      return `${printableJson(value, 2)}\n`
    case 'yaml':
      return stringify(value, { aliasDuplicateObjects: false })
    case 'text':
    case 'wide':
      return undefined
  }
}
