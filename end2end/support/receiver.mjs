// Somebody else's machine: takes webhooks, and verifies them with the official library.
import { createServer } from 'node:http'
import { Webhook } from 'standardwebhooks'

export class Receiver {
  /** What came, oldest first: path, headers and body. */
  calls = []
  /** What it answers. */
  status = 200
  #server

  static async start() {
    const receiver = new Receiver()
    receiver.#server = createServer(async (request, response) => {
      const chunks = []
      for await (const chunk of request) chunks.push(chunk)
      receiver.calls.push({ path: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(receiver.status, { 'content-type': 'text/plain' }).end(`answered ${receiver.status}`)
    })
    await new Promise(listening => receiver.#server.listen(0, '127.0.0.1', listening))
    receiver.url = `http://127.0.0.1:${receiver.#server.address().port}`
    return receiver
  }

  stop() {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

/** The event of a call, if it is signed with that secret. Throws if it is not. */
export function verified({ body, headers }, secret) {
  return new Webhook(secret).verify(body, headers)
}
