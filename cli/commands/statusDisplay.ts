import { isDeepStrictEqual } from 'node:util'
import { printableJson } from '../../api/text/printableJson.ts'
import type { Call } from '../call.ts'
import type { Screen } from '../output/screen.ts'
import { statusTree, type StatusReport } from './statusReport.ts'

/** Where a Module is shown as it changes. */
export interface Display {
  readonly show: (report: StatusReport) => void
  /** Says that something cannot be seen now, and why. */
  readonly trouble: (what: string, why: string) => void
  /** It is seen again. */
  readonly mended: (what: string) => void
  readonly close: () => void
}

/** A screen is drawn anew each time; elsewhere only what has changed is written, for programs in one line each. */
export function openDisplay(call: Call): Display {
  const screen = call.format === 'text' || call.format === 'wide' ? call.screen() : undefined
  return screen === undefined ? asStream(call) : onScreen(call, screen)
}

function draw(call: Call, report: StatusReport): string {
  return statusTree(report, { style: call.style, now: Date.now(), wide: call.format === 'wide' })
}

function onScreen(call: Call, screen: Screen): Display {
  const { signal } = call.surroundings
  const troubles = new Map<string, string>()
  let latest: StatusReport | undefined
  const redraw = () => {
    if (latest !== undefined) screen.show([draw(call, latest), ...troubles.values()].join('\n'))
  }
  // The time that has passed changes too.
  const clock = setInterval(redraw, 1_000)
  const close = () => {
    clearInterval(clock)
    screen.close()
  }
  // Whatever holds the end up, the terminal is given back at once.
  signal.addEventListener('abort', close)
  return {
    show(report) {
      latest = report
      redraw()
    },
    trouble(what, why) {
      troubles.set(what, why)
      redraw()
    },
    mended: (what) => void troubles.delete(what),
    close,
  }
}

function asStream(call: Call): Display {
  let shown: StatusReport | undefined
  return {
    show(report) {
      if (isDeepStrictEqual(report, shown)) return
      shown = report
      switch (call.format) {
        case 'json':
          return call.write(printableJson(report))
        case 'yaml':
          call.write('---')
          return call.print(report, () => '')
        case 'text':
        case 'wide':
          return call.write(`${draw(call, report)}\n\n`)
      }
    },
    trouble: (_what, why) => call.note(why),
    mended: () => undefined,
    close: () => undefined,
  }
}
