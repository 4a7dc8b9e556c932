import { createHash } from 'node:crypto'
import { createServer, connect, type Server } from 'node:net'
import { realpathSync } from 'node:fs'
import { once } from 'node:events'

/**
 * The lock is a listening socket in Linux' abstract namespace: only one process can bind a name, and the kernel frees
 * it however the process ends, so nothing stale is ever left behind. Waiters hold a connection to the owner and are
 * woken by its end.
 */
const address = (folder: string, key: string): string => {
  const id = createHash('sha256')
    .update(`${realpathSync(folder)}\0${key}`)
    .digest('hex')
    .slice(0, 40)
  return `\0kmm-temporal-${String(process.getuid?.() ?? 0)}-${id}`
}

const bind = async (path: string): Promise<{ server: Server; release: () => void } | undefined> => {
  const waiters = new Set<{ destroy: () => void }>()
  const server = createServer((socket) => {
    waiters.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => waiters.delete(socket))
    socket.unref()
  })
  try {
    server.listen({ path })
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
  server.unref()
  return {
    server,
    release: () => {
      server.close()
      for (const waiter of waiters) waiter.destroy()
    },
  }
}

const ownerGone = async (path: string, signal: AbortSignal | undefined): Promise<void> => {
  const socket = connect({ path })
  const stop = (): void => void socket.destroy()
  signal?.addEventListener('abort', stop)
  socket.on('error', stop)
  socket.resume()
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  signal?.removeEventListener('abort', stop)
}

/**
 * Runs `work` while this process alone holds `key` among all processes that use `folder`. `onWait` is called once if
 * another process holds it. The lock goes with the process, also after kill -9. Rejects when `signal` aborts the wait.
 */
export const withLock = async <T>(
  folder: string,
  key: string,
  options: { readonly signal?: AbortSignal; readonly onWait?: () => void },
  work: () => Promise<T>,
): Promise<T> => {
  const path = address(folder, key)
  let told = false
  for (;;) {
    options.signal?.throwIfAborted()
    const held = await bind(path)
    if (held !== undefined) {
      try {
        return await work()
      } finally {
        held.release()
      }
    }
    if (!told) options.onWait?.()
    told = true
    options.signal?.throwIfAborted()
    await ownerGone(path, options.signal)
  }
}
