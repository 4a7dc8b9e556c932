import { Counter, Histogram, type Registry } from 'prom-client'
import type { ModuleEvent } from '../../activities/events/moduleEvent.ts'
import { boundedWords } from './words.ts'

/** Seconds; builds take minutes, loads seconds unless an image is large or a module in use. */
const buckets = {
  build: [10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200],
  answer: [0.1, 0.3, 1, 3, 10, 30, 60],
  node: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800],
}

/**
 * Counters and histograms of what happens to Modules. They are fed by activities only: a workflow is replayed, and
 * would count again. No label holds a name of a node or pod.
 */
export function createEventMetrics(registry: Registry): (event: ModuleEvent) => void {
  const registers = [registry]
  const word = boundedWords()
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Counter<T>({ name, help, labelNames, registers })
  const histogram = (name: string, help: string, bounds: number[]) =>
    new Histogram<'result'>({ name, help, labelNames: ['result'], buckets: bounds, registers })

  const pods = (name: string, what: string) => ({
    created: counter(`kmm_${name}s_created_total`, `${what} pods made, or found made.`, []),
    ends: counter(`kmm_${name}s_total`, `Ends of ${what.toLowerCase()} pods.`, ['result', 'reason']),
    seconds: histogram(
      `kmm_${name}_duration_seconds`,
      `From the creation of a ${what.toLowerCase()} pod to its end.`,
      buckets.build,
    ),
  })
  const stages = { build: pods('build', 'Build'), sign: pods('sign', 'Sign') }
  const superseded = counter(
    'kmm_builds_superseded_total',
    'Build and sign pods that went because their inputs changed.',
    [],
  )
  const cancelled = counter(
    'kmm_builds_cancelled_total',
    'Builds and signings that were stopped: cancelled by a person, not needed any more, or of a deleted Module.',
    ['reason'],
  )
  const actions = {
    Load: {
      count: counter('kmm_loads_total', 'Ends of loads on nodes.', ['result', 'reason']),
      seconds: histogram('kmm_load_duration_seconds', 'From the decision to load to its end.', buckets.node),
    },
    Unload: {
      count: counter('kmm_unloads_total', 'Ends of unloads on nodes.', ['result', 'reason']),
      seconds: histogram(
        'kmm_unload_duration_seconds',
        'From the decision to unload to its end.',
        buckets.node,
      ),
    },
  }
  const leftLoaded = counter('kmm_left_loaded_total', 'Modules given up on a node without an unload.', [])
  const holds = counter('kmm_holds_total', 'Waits on a person that began.', ['reason'])
  const released = counter('kmm_holds_released_total', 'Waits on a person that ended.', ['reason'])

  const answers = new Histogram<'by' | 'result'>({
    name: 'kmm_image_check_duration_seconds',
    help: 'How long registries, or nodes in their place, took to answer for an image.',
    labelNames: ['by', 'result'],
    buckets: buckets.answer,
    registers,
  })

  return (event) => {
    switch (event.kind) {
      case 'ImageAsked': {
        const { by, result, seconds } = event
        return answers.observe({ by, result: word(result) }, seconds)
      }
      case 'BuildCreated':
        return stages[event.stage].created.inc()
      case 'BuildEnded': {
        const { stage, result, reason, seconds } = event
        stages[stage].ends.inc({ result, reason: word(reason) })
        if (seconds !== undefined) stages[stage].seconds.observe({ result }, seconds)
        return
      }
      case 'BuildStopped':
        return event.why === 'superseded' ? superseded.inc() : cancelled.inc({ reason: event.why })
      case 'RebuildRefused':
      case 'Waits':
        return
      case 'NodeDone':
      case 'NodeFailed': {
        const { action, seconds } = event
        const end =
          event.kind === 'NodeDone'
            ? { result: 'succeeded', reason: 'Completed' }
            : { result: 'failed', reason: word(event.reason) }
        actions[action].count.inc(end)
        if (seconds !== undefined) actions[action].seconds.observe({ result: end.result }, seconds)
        return
      }
      case 'LeftLoaded':
        return leftLoaded.inc()
      case 'Held':
        return holds.inc({ reason: word(event.hold.reason) })
      case 'HoldReleased':
        return released.inc({ reason: word(event.hold.reason) })
    }
  }
}
