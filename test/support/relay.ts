import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'

/** Lets pods reach a port of this machine's own address 127.0.0.1, until `close`. */
export async function openRelay(
  address: string,
  target: string,
): Promise<{ readonly port: number; readonly close: () => void }> {
  const [host = '', port = ''] = target.split(':')
  const server = createServer((socket) => {
    const onward = connect(Number(port), host)
    const end = () => {
      socket.destroy()
      onward.destroy()
    }
    for (const side of [socket, onward]) side.on('error', end).on('close', end)
    socket.pipe(onward).pipe(socket)
  })
  server.listen(0, address)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => void server.close(),
  }
}
