import { readdirSync, readFileSync } from 'node:fs'

/** Processes of this machine, those in containers too, that were started with these environment variables. */
export function processesWith(variables: Readonly<Record<string, string>>): number[] {
  const wanted = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => {
    const environment = environmentOf(pid)
    return wanted.every((entry) => environment.includes(entry))
  })
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    // It has ended meanwhile.
    return []
  }
}
