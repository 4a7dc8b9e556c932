/** Where a program's preparation reports to; one per program or other long task. */
export interface ProgressLine {
  /** What is being done now, with details that may change often ("120 of 340 MB"). */
  say(phase: string, detail?: string): void
  /** Ends the line well; the elapsed time is added. */
  done(text: string): void
  /** Ends the line badly; the first line of `text` is shown and the elapsed time added. */
  fail(text: string): void
}

/** Progress of many tasks at once on one output. */
export interface Progress {
  start(name: string): ProgressLine
  /** One finished line of its own. */
  note(text: string): void
  /** Stops redrawing; open lines are left out. */
  close(): void
}

/** The part of a stream that is used; `isTTY` decides between a redrawn block and plain log lines. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** A span of milliseconds as people say it: "0.4 s", "12 s", "3 min 59 s". */
export const elapsed = (milliseconds: number): string => {
  if (milliseconds < 10_000) return `${(milliseconds / 1000).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1000)
  return seconds < 60
    ? `${String(seconds)} s`
    : `${String(Math.floor(seconds / 60))} min ${String(seconds % 60)} s`
}

interface Task {
  readonly name: string
  readonly since: number
  phase: string
  detail: string
  spoken: number
}

/** A plain log repeats a task's state when nothing was printed of it for this long. */
const aliveEveryMs = 30_000
const redrawEveryMs = 250

/** Progress that is thrown away, for callers that show their own. */
export const silentProgress: Progress = {
  start: () => ({ say: () => undefined, done: () => undefined, fail: () => undefined }),
  note: () => undefined,
  close: () => undefined,
}

/**
 * Progress on a terminal (open tasks are redrawn in a block below the finished lines) or in a plain log (a line when a
 * task's phase changes, when it ends, and every 30 s while it runs).
 */
export const createProgress = (
  output: ProgressOutput = process.stderr,
  now: () => number = Date.now,
): Progress => {
  const live = output.isTTY === true
  const open = new Set<Task>()
  let drawn = 0

  const state = (task: Task): string =>
    [`${task.name}: ${task.phase}`, task.detail, elapsed(now() - task.since)]
      .filter((part) => part !== '')
      .join(', ')

  const clear = (): string => (drawn === 0 ? '' : `\u001B[${String(drawn)}A\u001B[J`)

  const draw = (finished = ''): void => {
    const width = (output.columns ?? 80) - 1
    const lines = [...open].map((task) => `  ${state(task)}`.slice(0, width))
    output.write(clear() + finished + lines.map((line) => `${line}\n`).join(''))
    drawn = lines.length
  }

  const print = (text: string): void => {
    if (live) draw(`${text}\n`)
    else output.write(`${text}\n`)
  }

  const tick = (): void => {
    if (live) {
      if (open.size > 0) draw()
      return
    }
    for (const task of open) {
      if (now() - task.spoken < aliveEveryMs) continue
      task.spoken = now()
      print(`  ${state(task)}`)
    }
  }
  const timer = setInterval(tick, redrawEveryMs)
  timer.unref()

  const start = (name: string): ProgressLine => {
    const task: Task = { name, since: now(), phase: '', detail: '', spoken: now() }
    const end = (mark: string, text: string): void => {
      open.delete(task)
      print(`${mark} ${name}: ${text}, ${elapsed(now() - task.since)}`)
    }
    return {
      say: (phase, detail = '') => {
        const changed = task.phase !== phase
        task.phase = phase
        task.detail = detail
        open.add(task)
        if (!changed) return
        task.spoken = now()
        if (live) draw()
        else print(`  ${name}: ${phase}`)
      },
      done: (text) => end('✓', text),
      fail: (text) => end('✗', text.split('\n', 1)[0] ?? ''),
    }
  }

  return {
    start,
    note: print,
    close: () => {
      clearInterval(timer)
      open.clear()
      if (live) draw()
    },
  }
}
