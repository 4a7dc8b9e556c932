/** What JSON may hold as it is, and neither YAML nor a terminal takes. */
const unsafe = /[\u007F-\u009F\u2028-\u202E\u2066-\u2069\uFDD0-\uFDEF\uFEFF\uFFFE\uFFFF]/g

/** A value as JSON in which such characters are escaped: it says the same, and cleaning it takes nothing away. */
export function printableJson(value: unknown, indent?: number): string {
  return withEscapes(JSON.stringify(value, null, indent))
}

/** The same for JSON that is made already. */
export function withEscapes(json: string): string {
  return json.replaceAll(unsafe, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
