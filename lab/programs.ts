import { accessSync, constants, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** The programs the lab runs. */
export type ProgramName =
  | 'containerd'
  | 'crane'
  | 'docker-registry'
  | 'etcd'
  | 'executor'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kubectl'
  | 'kubelet'
  | 'kwok'
  | 'temporal'

/** Finds the file of a program; throws an error with the fix when it is nowhere. */
export type Programs = (name: ProgramName) => string

/** Programs found on PATH or in the cache `$XDG_CACHE_HOME/kmm-temporal/bin`; nothing is fetched. */
export const programsOnPath: Programs = (name) => {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'kmm-temporal', 'bin')
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    cache,
  ]
  const found = folders.map((folder) => join(folder, name)).find(isProgram)
  if (found === undefined)
    throw new Error(`the program ${name} is neither on PATH nor in ${cache}: install it`)
  return found
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
