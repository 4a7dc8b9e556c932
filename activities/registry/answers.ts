import { z } from 'zod'
import type { Answer } from './connection.ts'
import { CheckEnd } from './imageCheck.ts'

const errorsSchema = z.looseObject({ errors: z.array(z.looseObject({ code: z.string() })).min(1) })

/**
 * The error code of a registry's answer (`MANIFEST_UNKNOWN`), if it speaks as a registry. The messages beside it
 * are not used: a registry may put there whatever it was sent.
 */
export function errorCode(answer: Answer): string | undefined {
  try {
    const { errors } = errorsSchema.parse(JSON.parse(answer.body.toString('utf8')))
    return errors[0]?.code.replace(/[^A-Za-z0-9_-]/g, '').slice(0, 40)
  } catch {
    return undefined
  }
}

/** What an answer other than success and 404 means. */
export function answerEnd(url: URL, answer: Answer): CheckEnd {
  const { status, headers } = answer
  const code = errorCode(answer)
  const message = `registry ${url.host}: it answers ${status}${code === undefined ? '' : ` ${code}`}`
  if (status === 429 || code === 'TOOMANYREQUESTS') {
    const retryAfterMs = retryAfter(headers['retry-after'])
    return new CheckEnd({
      kind: 'rateLimited',
      message,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }
  if (status === 401 || status === 403) return new CheckEnd({ kind: 'unauthorised', message })
  if (status === 400 && code !== undefined && /^(NAME|TAG|DIGEST|MANIFEST)_INVALID$/.test(code))
    return new CheckEnd({ kind: 'invalid', message })
  return new CheckEnd({ kind: 'unreachable', message })
}

/** Nobody is kept waiting longer for an answer, whatever a registry says. */
const longestPauseMs = 60 * 60_000

/** Milliseconds of a Retry-After header (seconds or a date): at least a second, at most an hour. */
function retryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(1000, ms), longestPauseMs)
}
