import { printableJson } from '../../api/text/printableJson.ts'
import { withCleanText } from '../../api/text/cleanText.ts'

/** In a status, what is compared with a spec by its hash: a text in it means something, and is not for people. */
const keptMember = 'config'

/**
 * A body as it goes to the API server, which reads applied ones as YAML and refuses control characters in that. Statuses
 * and Events are texts for people, made of texts from anywhere: they are cleaned here, whatever their fields. All else
 * is written as it is, with escapes.
 */
export function bodyText(body: unknown): string {
  return printableJson(cleanBody(body))
}

function cleanBody(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  if ('kind' in body && body.kind === 'Event') return withCleanText(body)
  return 'status' in body ? { ...body, status: cleanStatus(body.status) } : body
}

function cleanStatus(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cleanStatus)
  if (typeof value !== 'object' || value === null) return withCleanText(value)
  const members = Object.entries(value)
  return Object.fromEntries(
    members.map(([name, member]) => [name, name === keptMember ? member : cleanStatus(member)]),
  )
}
