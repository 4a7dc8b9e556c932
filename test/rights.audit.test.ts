import { describe, expect, inject, test } from 'vitest'
import { permissions } from '../api/permissions.ts'
import { operatorAccount, operatorNamespace } from '../lab/operatorAccount.ts'
import { covers, usedRights } from './support/auditLog.ts'

/** What everybody may ask about themselves, by system:basic-user. */
const everybodys = ['selfsubjectaccessreviews', 'selfsubjectrulesreviews']

/** All that the installed operator asked of the API server while the other tiers ran. */
const all = await usedRights(inject('auditLog'), operatorAccount)
const used = all.filter(({ resource }) => !everybodys.includes(resource))

describe('the rights of the operator are exact', () => {
  /** Also where it was refused: an operator that is uninstalled loses its rights before it has ended. */
  test('all it asked for is in the table', () => {
    const others = used.filter(
      (right) => !permissions.some((permission) => covers(permission, right.verb, right, operatorNamespace)),
    )
    expect(others).toEqual([])
  })

  test.each(permissions.flatMap((permission) => permission.verbs.map((verb) => ({ ...permission, verb }))))(
    '$verb $resource ($scope) was used',
    ({ verb, ...permission }) => {
      expect(used.some((right) => covers(permission, verb, right, operatorNamespace))).toBe(true)
    },
  )
})
