import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { moduleSpecSchema } from '../api/module.ts'
import { brokenRules } from '../api/rules.ts'
import { moduleLoaderCases } from './moduleLoaderRuleCases.ts'
import { moduleCases } from './moduleRuleCases.ts'

/** Unknown fields are kept, lists are maps only for the API server, and the rest is said per kernel. */
const elsewhere = /unknown field|class twice|VAL-[78] tag|VAL-8 regexp|VAL-8 no image|unsignedImage/u

/** What is wrong with a stored spec: its structure, or else its rules. */
function faultsOf(spec: object): string[] {
  const parsed = moduleSpecSchema.safeParse(spec)
  return parsed.success
    ? brokenRules(moduleSpecSchema, parsed.data, 'spec').map(({ field, message }) => `${field}: ${message}`)
    : parsed.error.issues.map((issue) => `spec.${issue.path.join('.')}`)
}

describe('what is stored is read by the same rules', () => {
  test.each([...moduleCases, ...moduleLoaderCases])('$rule', ({ rule, refused, field, taken }) => {
    const found = faultsOf(refused)
    if (elsewhere.test(rule)) expect(found).toEqual([])
    else expect(found.join('\n').replaceAll(/\.(\d+)/gu, '[$1]')).toContain(field)
    expect(faultsOf(taken)).toEqual([])
  })
})

test.each([...new Set([...moduleCases, ...moduleLoaderCases].map(({ rule }) => rule.split(' ')[0] ?? ''))])(
  '%s stands in docs/validation.md',
  (rule) => {
    const page = readFileSync(join(import.meta.dirname, '../docs/validation.md'), 'utf8')
    expect(page).toContain(`| ${rule} `)
  },
)
