import {
  allHandlersFinished,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow'
import type { ModuleSubject, Seen } from '../../activities/contract.ts'
import { doorbell } from '../messages.ts'
import { isLong } from '../longHistory.ts'
import { activitiesOn } from '../options.ts'
import { searchAttributes } from '../searchAttributes.ts'
import { mergeSeen } from '../seen.ts'
import { decideModule } from './decide.ts'
import { describeModuleDetails } from './details.ts'

export interface ModuleRunInput {
  readonly subject: ModuleSubject
  readonly watchQueue: string
  /** Least time between two writes of counters and conditions, and how long a quiet run listens, in milliseconds. */
  readonly quietMs: number
  readonly seen: Seen
}

/** One run for what concerns the whole Module; it talks to kernel runs through the cluster only. */
export async function module(input: ModuleRunInput): Promise<void> {
  const { subject } = input
  const activities = activitiesOn(input.watchQueue).short
  let bells = 0
  let seen = input.seen
  const about = () => ({ subject, seen })
  const hear = (news: Seen) => void (seen = mergeSeen(seen, news))
  setHandler(doorbell, (news) => {
    for (const { kind, resourceVersion } of news.changes) hear({ [kind]: resourceVersion })
    bells++
  })
  upsertSearchAttributes([{ key: searchAttributes.held, value: false }])

  for (;;) {
    // Nothing goes on here: a rollout over many nodes, or a node that is waited for, goes on in a new history.
    if (isLong()) return await continueAsNew<typeof module>({ ...input, seen })
    const heard = bells
    const read = { summary: 'read the Module, its nodes and its kernels' }
    const { uid, view } = await activities.readModule.executeWithOptions(read, [about()])
    if (uid !== undefined && uid !== subject.uid) {
      return await continueAsNew<typeof module>({ ...input, subject: { ...subject, uid }, seen })
    }
    const step = decideModule(view)
    setCurrentDetails(describeModuleDetails(subject.ref, view))
    switch (step) {
      case 'guard':
        hear(
          (await activities.guardModule.executeWithOptions({ summary: 'put the finalizer on' }, [about()]))
            .seen,
        )
        continue
      case 'cancel': {
        const summary = `cancel builds that are under way: ${view.cancel}`
        hear((await activities.takeCancel.executeWithOptions({ summary }, [about()])).seen)
        continue
      }
      case 'retry': {
        const summary = `retry what is held: ${view.retry}`
        hear((await activities.takeRetry.executeWithOptions({ summary }, [about()])).seen)
        continue
      }
      case 'rebuild': {
        const summary = `rebuild is taken up: ${view.rebuild}`
        hear((await activities.takeRebuild.executeWithOptions({ summary }, [about()])).seen)
        continue
      }
      case 'summarize':
        hear(
          (
            await activities.summarizeModule.executeWithOptions({ summary: `status: ${view.summary}` }, [
              about(),
            ])
          ).seen,
        )
        // Not faster than once per quiet time, however much changes; what is asked for meanwhile waits as long.
        await condition(() => false, input.quietMs, { summary: 'pause between two writes of the status' })
        continue
      case 'release':
        return await activities.releaseModule.executeWithOptions({ summary: 'take the finalizer off' }, [
          about(),
        ])
      case 'wait':
        await condition(() => bells > heard)
        continue
      case 'done':
        await condition(allHandlersFinished)
        if (bells === heard) return
    }
  }
}
