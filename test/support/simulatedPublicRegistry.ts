import { createServer, request as forward } from 'node:http'
import { listen } from './listen.ts'

/**
 * A registry that everybody reads and only one login writes to, as most public ones are: in front of a real one
 * (`behind`, HOST:PORT), on an address that pods reach. `host`: HOST:PORT.
 */
export async function simulatePublicRegistry(
  address: string,
  behind: string,
  login: { readonly username: string; readonly password: string },
): Promise<{ readonly host: string; readonly close: () => void }> {
  const authorization = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
  const server = createServer((request, response) => {
    const { method = 'GET', url = '/', headers } = request
    const reads = (method === 'GET' || method === 'HEAD') && url !== '/v2/'
    if (!reads && headers.authorization !== authorization) {
      request.resume()
      const challenge = { 'www-authenticate': 'Basic realm="registry"', 'content-type': 'application/json' }
      const errors = [{ code: 'UNAUTHORIZED', message: 'authentication required' }]
      response.writeHead(401, challenge).end(JSON.stringify({ errors }))
      return
    }
    // With the host as it was asked, so that the places of uploads that it names are here, too.
    const { authorization: _authorization, ...rest } = headers
    const passed = forward(`http://${behind}${url}`, { method, headers: rest }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    request.pipe(passed)
  })
  return await listen(server, address)
}
