import { describe, expect, test } from 'vitest'
import { expandTemplate, TemplateError, templateVariables } from './template.ts'

const ref = { namespace: 'drivers', name: 'fpga' }

describe('images:MAP-6 variables', () => {
  test('of a Fedora release', () => {
    expect(templateVariables('6.3.5-200.fc38.x86_64', ref)).toEqual({
      ok: true,
      variables: {
        KERNEL_FULL_VERSION: '6.3.5-200.fc38.x86_64',
        KERNEL_VERSION: '6.3.5-200.fc38.x86_64',
        KERNEL_RAW_VERSION: '6.3.5-200.fc38.x86_64',
        KERNEL_X: '6',
        KERNEL_Y: '3',
        KERNEL_Z: '5',
        KERNEL_XYZ: '6.3.5',
        MOD_NAME: 'fpga',
        MOD_NAMESPACE: 'drivers',
      },
    })
  })

  test('are trimmed and normalised (MAP-1, MAP-4), but for the raw release (MAP-9)', () => {
    expect(templateVariables('6.1.0~rc1+', ref)).toMatchObject({
      variables: {
        KERNEL_FULL_VERSION: '6.1.0_rc1',
        KERNEL_RAW_VERSION: '6.1.0~rc1+',
        KERNEL_XYZ: '6.1.0_rc1',
      },
    })
  })

  test.each(['6', '6.1', ''])('fewer than three parts: "%s"', (kernel) => {
    expect(templateVariables(kernel, ref)).toMatchObject({
      ok: false,
      message: expect.stringContaining(`"${kernel}"`),
    })
  })
})

describe('images:MAP-8 syntax', () => {
  const variables = { NAME: 'value', EMPTY: '', MOD: 'm' }
  test.each([
    ['reg/$NAME:$MOD', 'reg/value:m'],
    ['a${NAME}b', 'avalueb'],
    ['${NAME:-x}', 'value'],
    ['${TYPO:-x}', 'x'],
    ['${EMPTY:-x}', 'x'],
    ['${TYPO-x}', 'x'],
    ['${EMPTY-x}', ''],
    ['${TYPO:=x}', 'x'],
    ['${EMPTY=x}', ''],
    ['${NAME+alt}', 'alt'],
    ['${TYPO+alt}', ''],
    ['${EMPTY+alt}', 'alt'],
    ['${EMPTY:+alt}', ''],
    ['${TYPO:-}', ''],
    ['${TYPO:-$NAME}', 'value'],
    ['${TYPO:-a${NAME}b}!', 'avalueb!'],
    ['$$NAME', '$NAME'],
    ['$$$NAME', '$value'],
    ['100$ and $.', '100$ and $.'],
    ['no variable', 'no variable'],
    ['', ''],
  ])('%s -> %s', (text, expanded) => {
    expect(expandTemplate(text, variables)).toBe(expanded)
  })

  test.each([
    ['$TYPO', /unknown variable TYPO; known are NAME, EMPTY, MOD/],
    ['${TYPO}', /unknown variable TYPO/],
    ['$MOD_x', /unknown variable MOD_x/],
    ['$name', /unknown variable name/],
    ['${NAME:-$TYPO}', /unknown variable TYPO/],
    ['$toString', /unknown variable toString/],
    ['a${NAME', /"\$\{NAME" has no closing "\}"/],
    ['${A:-${B}', /no closing/],
    ['${}', /names no variable/],
    ['${NAME%x}', /"\$\{NAME%x\}" is not understood/],
    ['${NAME:x}', /not understood/],
  ])('%s is refused', (text, message) => {
    expect(() => expandTemplate(text, variables)).toThrow(TemplateError)
    expect(() => expandTemplate(text, variables)).toThrow(message)
  })
})

test('a text that nests deeper than the stack is refused', () => {
  expect(() => expandTemplate('${A:-'.repeat(300_000), {})).toThrow(TemplateError)
  expect(() => expandTemplate('a'.repeat(4097), {})).toThrow('it has 4097 characters, more than 4096')
})

test('a short text that names a long value many times is refused', () => {
  const variables = { A: 'a'.repeat(100_000) }
  expect(() => expandTemplate('${A}'.repeat(1000), variables)).toThrow('expands to more than 4096 characters')
  expect(() => expandTemplate('${B:-${A}}', variables)).toThrow(TemplateError)
  expect(expandTemplate('$A', { A: 'a'.repeat(4096) })).toHaveLength(4096)
})
