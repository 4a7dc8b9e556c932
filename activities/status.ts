import { ApplicationFailure } from '@temporalio/common'
import { storedEntry, storedModule } from '../api/facts.ts'
import type { KernelStatus, Module } from '../api/module.ts'
import { apiVersion, kernelFieldManager } from '../api/names.ts'
import { cleanText, cutText } from '../api/text/cleanText.ts'
import { catchUpMs } from './caughtUp.ts'
import type { KernelSubject, ModuleSubject, Seen } from './contract.ts'
import type { Dependencies } from './dependencies.ts'
import { isBodyRefused, type KubeError } from './kube/errors.ts'
import { waitReason } from './events/eventReasons.ts'
import { tell } from './events/tell.ts'
import { thisActivity } from './thisActivity.ts'
import { unverifiedDigests, type FoundDigest } from './verifiedDigests.ts'

/** Reason in status where the API server refuses the texts of an entry. */
const statusRefused = 'StatusRefused'

/** The Module a run is about, from the cache; another uid under the same name is refused. */
export function moduleOf({ cache }: Dependencies, subject: ModuleSubject): Module {
  const module = cache.module(subject.ref)
  if (module?.metadata.uid === subject.uid) return module
  const { namespace, name } = subject.ref
  throw ApplicationFailure.nonRetryable(
    `Module ${namespace}/${name} is gone, was created anew, or cannot be read.`,
    'ModuleGone',
  )
}

/**
 * Applies one kernel's entry in `status.kernels[]` under the kernel's own field manager; without an entry the
 * manager gives up what it had. An attempt is raised, and a rebuild taken up, only on the Module version it was decided
 * on, so that two writers never raise it twice (design: "the attempt is raised in status with a precondition"). A digest
 * is written only when it is verified (`verifyDigests`).
 */
export async function applyKernelStatus(
  deps: Dependencies,
  subject: KernelSubject,
  entry: KernelStatus | undefined,
): Promise<Seen> {
  const module = storedModule(deps.cache, subject.ref)
  if (module?.metadata.uid !== subject.uid) return {}
  const stored = storedEntry(module, subject.kernel)
  const [unverified] = unverifiedDigests(stored, entry)
  if (unverified !== undefined) throw digestNotVerified(unverified)
  const raises =
    (entry?.attempt !== undefined && entry.attempt !== stored?.attempt) ||
    (entry?.rebuild !== undefined && entry.rebuild.from !== stored?.rebuild?.from)
  const { namespace, name, uid, resourceVersion } = module.metadata
  const metadata = { namespace, name, uid, ...(raises ? { resourceVersion } : {}) }
  const fieldManager = kernelFieldManager(subject.kernel)
  const apply = async (kernels: readonly KernelStatus[]) => {
    const body = { apiVersion, kind: 'Module', metadata, status: { kernels } }
    return await deps.kube.applyObject(body, { fieldManager, force: true, subresource: 'status' })
  }
  let shown = entry
  const written = await apply(entry === undefined ? [] : [entry]).catch(async (error: unknown) => {
    if (entry === undefined || !isBodyRefused(error)) throw error
    shown = refusedEntry(entry, error)
    return await apply([shown])
  })
  switch (written.kind) {
    case 'written':
      await tellWait(deps, subject, stored, shown)
      return { Module: written.object.metadata.resourceVersion }
    case 'gone':
      return {}
    case 'modified':
      throw ApplicationFailure.retryable(
        'The Module changed meanwhile; its status is read again.',
        'KubeConflict',
      )
  }
}

/** The run asks again what stands under the reference. */
export function digestNotVerified({ image, digest }: FoundDigest): ApplicationFailure {
  const message = `Neither the registry nor a build pod says that ${image} is ${digest}: it is asked for again.`
  return ApplicationFailure.nonRetryable(message, 'DigestNotVerified')
}

/**
 * What stands in status for an entry that the API server refuses, and would refuse again: what the run goes on by, and
 * in place of all texts what was refused. Else nothing would be shown, and a corrected input start nothing.
 */
function refusedEntry(entry: KernelStatus, { code, message }: KubeError): KernelStatus {
  const { errorLines: _lines, builtOn: _builtOn, message: _message, interruptions, ...kept } = entry
  const words = interruptions?.map((interruption) => ({ ...interruption, message: '' }))
  return {
    ...kept,
    ...(words === undefined ? {} : { interruptions: words }),
    reason: statusRefused,
    message:
      `The API server refuses what was to be said (${entry.reason ?? entry.phase}), with ${code}: ` +
      `${cutText(message, 300)}. The kernel's run in Temporal has it.`,
  }
}

/** Kernels of Modules of which `applyOnce` writes. */
const beingWritten = new Set<string>()

/**
 * `applyKernelStatus` where many would write at the same time and one says it for all: does nothing while another
 * writes, which ends when this process has read what was written.
 */
export async function applyOnce(
  deps: Dependencies,
  subject: KernelSubject,
  entry: KernelStatus,
): Promise<void> {
  const key = `${subject.uid} ${subject.kernel}`
  if (beingWritten.has(key)) return
  beingWritten.add(key)
  try {
    await deps.cache.caughtUp(await applyKernelStatus(deps, subject, entry), catchUpMs)
  } finally {
    beingWritten.delete(key)
  }
}

/** Tells what a kernel has come to wait for; news of other facts, or of the same reason, is none (images:EVT-4 Better). */
async function tellWait(
  deps: Dependencies,
  subject: KernelSubject,
  stored: KernelStatus | undefined,
  entry: KernelStatus | undefined,
): Promise<void> {
  if (entry?.reason === undefined || entry.reason === stored?.reason) return
  const reason = waitReason(entry.reason)
  if (reason === undefined) return
  const { message = '' } = entry
  await tell(deps, subject, { kind: 'Waits', reason, message, activity: thisActivity() })
}

/** The reason that stands in the kernel's entry in status now. */
export function storedReason(deps: Dependencies, subject: KernelSubject): string | undefined {
  return storedEntry(deps.cache.module(subject.ref), subject.kernel)?.reason
}

/**
 * Says in status why something has to wait, and lets Temporal try again: a registry that is down, a quota, a
 * missing Secret. The reason goes away with the next write of the run. `delayMs` overrides the policy's pace.
 */
export async function waitBecause(
  deps: Dependencies,
  subject: KernelSubject,
  entry: KernelStatus | undefined,
  because: { readonly reason: string; readonly message: string; readonly delayMs?: number },
): Promise<never> {
  const { reason, delayMs } = because
  const message = cleanText(because.message)
  const stored = storedEntry(deps.cache.module(subject.ref), subject.kernel)
  if (entry !== undefined && (stored?.reason !== reason || stored.message !== message)) {
    await applyKernelStatus(deps, subject, { ...entry, reason, message })
  }
  throw ApplicationFailure.create({
    message,
    type: reason,
    category: 'BENIGN',
    ...(delayMs === undefined ? {} : { nextRetryDelay: delayMs }),
  })
}
