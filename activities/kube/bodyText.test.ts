import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostileText, notText } from '../../api/text/testing/hostileText.ts'
import { bodyText } from './bodyText.ts'

const hostile = 'a\u007f\u0085\u001b[2Jb\ufeff\uffff\ud800c'
const clean = 'ab\ufffdc'

test('texts in a status are for people: they are cleaned, whatever the field', () => {
  const status = { kernels: [{ message: hostile, new: { field: [hostile] } }], number: 1, none: null }
  expect(JSON.parse(bodyText({ kind: 'Module', status }))).toEqual({
    kind: 'Module',
    status: { kernels: [{ message: clean, new: { field: [clean] } }], number: 1, none: null },
  })
})

test('so are those of Events, their annotations too', () => {
  const body = { kind: 'Event', metadata: { annotations: { a: hostile } }, message: hostile }
  expect(JSON.parse(bodyText(body))).toEqual({
    kind: 'Event',
    metadata: { annotations: { a: clean } },
    message: clean,
  })
})

test('what is compared with what a user wrote stays as it is', () => {
  const parameters = ['a=\u007f\u0085\ufeff']
  const body = { spec: { parameters }, status: { modules: [{ config: { parameters } }] } }
  expect(JSON.parse(bodyText(body))).toEqual(body)
})

test('whatever stands in a body, nothing in it is what YAML refuses', () => {
  fc.assert(
    fc.property(hostileText, hostileText, (a, b) => {
      const body = { metadata: { annotations: { a } }, spec: { [b]: a }, status: { message: b } }
      const text = bodyText(body)
      expect(text).not.toMatch(notText)
      const { spec, status } = JSON.parse(text) as typeof body
      expect(spec).toEqual(JSON.parse(JSON.stringify(body.spec)))
      expect(status.message).not.toMatch(notText)
    }),
  )
})
