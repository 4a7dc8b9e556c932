import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processName } from './procfs.ts'

/** A port the lab wants to listen on. `setting`: the environment variable that changes it. */
export interface WantedPort {
  readonly program: string
  readonly address: string
  readonly port: number
  readonly setting: string
}

/** Throws when a port cannot be listened on, naming who holds it if that can be found, and the setting to change. */
export async function requireFree(wanted: WantedPort): Promise<void> {
  const error = await tryListen(wanted.address, wanted.port)
  if (error === null) return
  const what = `port ${wanted.port} on ${wanted.address} for ${wanted.program}`
  if (error === 'EADDRINUSE') {
    const holder = holderOf(wanted.port)
    const who = holder === null ? 'another program' : `${processName(holder)} (pid ${holder})`
    throw new Error(`${what} is held by ${who}: stop it, or set ${wanted.setting} to another port`)
  }
  throw new Error(`${what} cannot be used (${error}): set ${wanted.setting} to another port`)
}

/**
 * Port numbers nobody listens on now, below the range the kernel hands out by itself. They are this process's until it
 * ends: no other process of the project is given them, so that programs which listen only later find them free.
 */
export async function freePorts(count: number, address = '127.0.0.1'): Promise<number[]> {
  const found = new Set<number>()
  for (let attempt = 0; attempt < 1000 && found.size < count; attempt++) {
    const port = 15_000 + Math.floor(Math.random() * 15_000)
    if (reserve(port) && (await tryListen(address, port)) === null) found.add(port)
  }
  if (found.size < count) throw new Error(`no ${count} free ports between 15000 and 30000 on ${address}`)
  return [...found]
}

/** One file for each port, which says whose it is. */
const reservations = join(tmpdir(), `kmm-ports-${process.getuid?.() ?? 0}`)
const reserved = new Set<string>()
process.once('exit', () => reserved.forEach((file) => rmSync(file, { force: true })))

function reserve(port: number): boolean {
  mkdirSync(reservations, { recursive: true })
  const file = join(reservations, String(port))
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
  } catch {
    if (existsSync(`/proc/${ownerOf(file)}`)) return false
    writeFileSync(file, String(process.pid))
  }
  reserved.add(file)
  return true
}

/** Empty when the file has gone meanwhile, or its owner is only just writing it: then it is the owner's. */
function ownerOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** null when the address and port can be listened on, else the system's error code. */
async function tryListen(address: string, port: number): Promise<string | null> {
  return await new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}

/** The process that listens on a TCP port, or null when it cannot be found (not ours to see, or none). */
export function holderOf(port: number): number | null {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => listeners(file, port)))
  for (const entry of readdirSync('/proc')) {
    if (/^\d+$/.test(entry) && holdsSocket(entry, inodes)) return Number(entry)
  }
  return null
}

function listeners(file: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) === true && fields[3] === '0A')
    .flatMap((fields) => fields[9] ?? [])
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1]
      return inode !== undefined && inodes.has(inode)
    })
  } catch {
    return false
  }
}
