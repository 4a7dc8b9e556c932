import { monitorEventLoopDelay } from 'node:perf_hooks'
import { LogTail } from '../../activities/build/logTail.ts'
import { masker } from '../../activities/build/masking/masker.ts'
import { SecretIndex } from '../../activities/build/masking/secretIndex.ts'
import { linePieces } from '../../activities/kube/lines.ts'

/**
 * `node test/bench/logs.ts`: how fast build logs are read and masked, by the size of the build's Secrets: the time it
 * takes to prepare them, their memory, the longest stall of the event loop meanwhile, and MiB/s of logs of three kinds.
 */
const mib = 1024 * 1024
const logBytes = 16 * mib

const logs = {
  compiler:
    '  CC [M]  /usr/src/kmm/fpga/drivers/net/foo_bar_main.o -I/usr/src/linux-headers-6.1.0/include -DKBUILD=foo\n',
  empty: '\n',
  endless: 'abcdefghijklmnop/qrstuvw',
}

const rows: Record<string, Record<string, string>> = {}
for (const size of [0, 1024, 64 * 1024, mib, 2 * mib]) rows[`${size / 1024} KiB`] = await measured(size)
console.table(rows)

async function measured(size: number): Promise<Record<string, string>> {
  const index = new SecretIndex()
  const stalls = monitorEventLoopDelay({ resolution: 1 })
  stalls.enable()
  const begun = performance.now()
  await index.add({ key: Buffer.from(settings(size)).toString('base64') })
  const row: Record<string, string> = {
    'prepared, ms': (performance.now() - begun).toFixed(0),
    'memory, MiB': (index.bytes / mib).toFixed(1),
    'longest stall, ms': (stalls.max / 1e6).toFixed(0),
  }
  stalls.disable()
  for (const [name, line] of Object.entries(logs)) {
    const since = performance.now()
    const log = new LogTail(masker(index))
    for await (const pieces of linePieces(stream(line), 16_384)) {
      for (const { text, ends } of pieces) log.add(text, ends)
    }
    row[`${name}, MiB/s`] = (logBytes / mib / ((performance.now() - since) / 1000)).toFixed(1)
  }
  return row
}

async function* stream(line: string): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.from(line.repeat(Math.ceil(65_536 / line.length)).slice(0, 65_536))
  for (let sent = 0; sent < logBytes; sent += chunk.length) yield chunk
}

/** Lines such as those of an environment file, no two alike. */
function settings(size: number): string {
  let text = ''
  for (let i = 0; text.length < size; i++)
    text += `SETTING_${i}=${(i * 2_654_435_761).toString(36)}-${i ** 3}\n`
  return text.slice(0, size)
}
