/**
 * What one check found. `fails` waits for a person, `waits` goes on by itself, `unknown` could not be looked at,
 * `none` does not apply.
 */
export interface Finding {
  readonly state: 'ok' | 'fails' | 'waits' | 'unknown' | 'none'
  /** One CamelCase word, as in status where status has it. */
  readonly reason?: string
  readonly says: string
  /** What a person can do, as commands. */
  readonly commands?: readonly string[]
  /** Words of others: error lines, the output of modprobe. */
  readonly details?: string
}

/** One line of the checklist: pure, so that every cause stands in a table test. */
export interface Check<Facts> {
  readonly name: string
  readonly look: (facts: Facts) => Finding
  /** What stands behind it is looked at too when it fails: it says why nothing moves, not what is wrong. */
  readonly goesOn?: true
}

export const ok = (says: string): Finding => ({ state: 'ok', says })
export const none = (says: string): Finding => ({ state: 'none', says })

type More = Pick<Finding, 'commands' | 'details'>

export const unknown = (says: string, more: More = {}): Finding => ({ state: 'unknown', says, ...more })

export const fails = (reason: string, says: string, more: More = {}): Finding => ({
  state: 'fails',
  reason,
  says,
  ...more,
})
export const waits = (reason: string, says: string, more: More = {}): Finding => ({
  state: 'waits',
  reason,
  says,
  ...more,
})
