import { mappingFaults } from '../../api/mapping.ts'

/** Reasons of Events of a Module about what its runs have done, or failed to do. */
export const moduleReasons = [
  'BuildCreated',
  'BuildSucceeded',
  'BuildFailed',
  'BuildInterrupted',
  'SignCreated',
  'SignSucceeded',
  'SignFailed',
  'SignInterrupted',
  'Superseded',
  'BuildCancelled',
  'SignCancelled',
  'LoadFailed',
  'UnloadFailed',
  'RebuildRefused',
  'HoldReleased',
] as const

/**
 * Reasons of Events of a Module about what a kernel waits for: no mapping is for it, or its image cannot be had and no
 * other Event tells why (images:EVT-4 Better, nodes:EVT-3 Better). What comes by itself, such as a turn in the queue
 * of builds, is not among them.
 */
export const waitReasons = [
  'NoKernelMapping',
  ...mappingFaults,
  'DockerfileConfigMapMissing',
  'DockerfileKeyMissing',
  'SecretMissing',
  'SecretNameInvalid',
  'SecretKeyMissing',
  'SecretInvalid',
  'RegistryUnreachable',
  'RegistryUnauthorized',
  'RegistryRateLimited',
  'ArchitectureMissing',
  'MixedArchitectures',
  'UnsignedImageInvalid',
  'FilesToSignInvalid',
  'ImageContested',
  'BuiltButMissing',
] as const
export type WaitReason = (typeof waitReasons)[number]

/** Reasons of Events of Nodes. */
export const nodeReasons = [
  'ModuleLoaded',
  'ModuleUnloaded',
  'ModuleLoadFailed',
  'ModuleUnloadFailed',
  'ModuleLeftLoaded',
] as const

export type EventReason = (typeof moduleReasons)[number] | WaitReason | (typeof nodeReasons)[number]

/** The Event that tells of a reason in a kernel's status; undefined when none does, or another one does. */
export function waitReason(reason: string): WaitReason | undefined {
  const name = reason === 'NoMapping' ? 'NoKernelMapping' : reason
  return waitReasons.find((known) => known === name)
}
