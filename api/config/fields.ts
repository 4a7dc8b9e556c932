import { z } from 'zod'
import { DurationError, parseDuration } from '../duration.ts'

/** What a change of a key concerns, once the operator has taken it over; no key needs a restart of its process. */
export type Effect = 'at once' | 'for new build pods' | 'for new worker pods'

/** What the reference has about a key; a section passes `effect` on to its keys. */
export interface KeyMeta {
  readonly description?: string
  readonly effect?: Effect
  /** The default in words, where it is no constant. */
  readonly defaultText?: string
}

export const about = (description: string, more: Omit<KeyMeta, 'description'> = {}) => ({
  description,
  ...more,
})

export const text = () => z.string('must be text').min(1, 'must not be empty')
export const flag = () => z.boolean('must be true or false')
export const count = (least: number, most = Number.MAX_SAFE_INTEGER) => {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  const message = `must be a whole number ${range}`
  return z.int(message).min(least, message).max(most, message)
}
export const textMap = () => z.record(z.string(), z.string('must be text'), 'must be a map of texts')
export const path = () => text().startsWith('/', 'must be an absolute path')
/** Name of a Secret, as the API server has it. */
export const secretName = () =>
  text()
    .max(253, 'must be at most 253 characters')
    .regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, 'must be the name of a Secret')

/** A Go duration of at least zero, read as milliseconds. */
export const duration = z.string('must be a duration, such as 30s or 1h30m').transform((given, context) => {
  try {
    const milliseconds = parseDuration(given)
    if (milliseconds >= 0) return milliseconds
    context.addIssue(`"${given}" is negative`)
  } catch (error) {
    if (!(error instanceof DurationError)) throw error
    context.addIssue(error.message)
  }
  return z.NEVER
})

/** YAML reads `0` as a number, and Go takes that for a text. */
export const listenAddress = (wrong: string, isOther: (given: string) => boolean = () => false) =>
  z
    .union([z.string(), z.number()], wrong)
    .transform(String)
    .refine((given) => isOther(given) || isListenAddress(given), wrong)

function isListenAddress(given: string): boolean {
  const [, port = ''] = /^(?:\[[0-9a-fA-F:]+\]|[^\s:[\]/]*):(\d{1,5})$/.exec(given) ?? []
  return port !== '' && Number(port) <= 65_535
}

export const temporalAddress = text().refine(
  (given) => isListenAddress(given) && !given.startsWith(':') && !given.endsWith(':0'),
  'must be HOST:PORT without a scheme, such as temporal-frontend.temporal:7233',
)

export const quantity = z
  .union([z.string(), z.number()], 'must be a quantity, such as 500m or 2Gi')
  .transform(String)
  .refine(
    (given) => /^\d+(\.\d+)?([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/.test(given),
    'must be a quantity, such as 500m or 2Gi',
  )
export const resources = z.record(z.string(), quantity, 'must be a map of quantities')
