// The application beside a Dapr sidecar in harness/dapr.mjs: notes in FILE what it is given, then
// answers as in the contract, or fails for good at what has POISON in it.
//
//   node harness/subscriber.mjs PORT FILE POISON
import { openSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'

const [port, file, poison] = process.argv.slice(2)
const notes = openSync(file, 'a')

const server = createServer(async (request, response) => {
  // The sidecar asks whether we are well, and for settings that we do not have.
  if (request.method !== 'POST') return void response.writeHead(request.url === '/healthz' ? 200 : 404).end()
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks).toString()
  const failed = body.includes(poison)
  // Before the answer: what was answered with yes has been noted, whenever we are killed.
  writeSync(notes, `${JSON.stringify({ at: Date.now(), path: request.url, headers: request.headers, body, failed })}\n`)
  response.writeHead(failed ? 500 : 200, { 'content-type': 'application/json' }).end(JSON.stringify({ success: !failed }))
})
server.listen(+port, '127.0.0.1')
