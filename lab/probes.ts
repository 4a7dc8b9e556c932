import { connect } from 'node:net'
import { Agent, request } from 'undici'
import type { Probe } from './supervisor.ts'

/** Ready when a GET of `url` answers 200. `ca`: PEM of the authority that signed the server's certificate. */
export function httpProbe(
  url: string,
  options: { readonly ca?: string; readonly headers?: Record<string, string> } = {},
): Probe {
  return async (signal) => {
    const dispatcher = new Agent({ connect: options.ca === undefined ? {} : { ca: options.ca } })
    try {
      const { statusCode, body } = await request(url, { dispatcher, signal, headers: options.headers ?? {} })
      const text = await body.text()
      if (statusCode !== 200) throw new Error(`${url} answers ${statusCode}: ${text.trim().slice(0, 300)}`)
    } finally {
      await dispatcher.destroy()
    }
  }
}

/** Ready when the port takes a connection. */
export function tcpProbe(address: string, port: number): Probe {
  return async (signal) => {
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host: address, port, signal })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.destroy()
        resolve()
      })
    })
  }
}
