import type { Style } from '../output/style.ts'
import type { NamedFinding, WhyReport } from './checklist.ts'

const signs = { ok: '✔', fails: '✘', waits: '…', unknown: '?', none: '-' } as const

/** The checklist for people, and under it what fails first and what helps; `wide`: what helps with each line too. */
export function drawReport(
  { sections, first, verdict, module }: WhyReport,
  { style, wide = false }: { readonly style: Style; readonly wide?: boolean },
): string {
  const lines = sections.flatMap(({ title, findings }) => [
    style.strong(title),
    ...findings.flatMap((finding) => findingLines(finding, style, wide)),
  ])
  return [...lines, '', ...conclusion(module, verdict, first, style)].join('\n')
}

function findingLines(finding: NamedFinding, style: Style, wide: boolean): string[] {
  const { check, state, reason, says, details, commands = [] } = finding
  const paint = {
    ok: style.good,
    fails: style.bad,
    waits: style.waiting,
    unknown: style.waiting,
    none: style.faint,
  }[state]
  const why = reason === undefined ? says : `${reason}: ${says}`
  const text = state === 'none' ? style.faint(why) : why
  const more = [...(details ?? '').split('\n'), ...(wide ? commands.map((command) => `$ ${command}`) : [])]
  return [
    `  ${paint(signs[state])} ${check.padEnd(14)} ${text}`,
    ...more.filter((line) => line !== '').map((line) => `  ${' '.repeat(17)}${style.faint(line)}`),
  ]
}

function conclusion(
  module: string,
  verdict: WhyReport['verdict'],
  first: WhyReport['first'],
  style: Style,
): string[] {
  switch (verdict) {
    case 'loaded':
      return [style.good(`Module ${module} is loaded.`)]
    case 'nothing':
      return [`Nothing of Module ${module} is to be loaded here.`]
    case 'unknown':
      return ['Nothing fails in what could be looked at.']
    case 'fails':
    case 'waits': {
      const word = verdict === 'fails' ? style.bad('Fails first') : style.waiting('Is waited for')
      const commands = (first?.commands ?? []).filter((command) => command !== '')
      return [
        `${word}: ${first?.where}, ${first?.check}: ${first?.reason}`,
        ...(commands.length === 0 ? [] : ['What helps:', ...commands.map((command) => `  ${command}`)]),
      ]
    }
  }
}
