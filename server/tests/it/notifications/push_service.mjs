// A push service and the browsers behind it: push_service.mjs PORT.
//
// GET /browser/NAME is a new subscription; what is sent to it is checked as a push service does
// (RFC 8030, RFC 8292) and decrypted as a browser does (RFC 8291), by other implementations than
// ours: OpenSSL's and http_ece's. GET /messages is all that came. NAME says how it answers:
// "gone" 410, "lost" 404, "large" 413, "refused" 403, "busy" 429 once, "broken" 500 twice.
import { createECDH, createPublicKey, randomBytes, verify } from 'node:crypto'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const require = createRequire(new URL('../../../../end2end/package.json', import.meta.url))
const ece = require('http_ece')

const port = Number(process.argv[2])
const origin = `http://127.0.0.1:${port}`
const browsers = new Map()
const messages = []

createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const [, place, name] = request.url.split('/')
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json')
    return response.end(JSON.stringify(place === 'messages' ? messages : browser(name)))
  }
  const message = receive(place, request, Buffer.concat(chunks))
  messages.push(message)
  const [status, headers] = answer(message)
  response.writeHead(status, headers).end(message.problem ?? '')
}).listen(port, '127.0.0.1')

function browser(name) {
  const id = randomBytes(8).toString('hex')
  const [keys, secret] = [createECDH('prime256v1'), randomBytes(16)]
  const p256dh = keys.generateKeys('base64url')
  browsers.set(id, { name, keys, secret, calls: 0 })
  return { endpoint: `${origin}/${id}`, p256dh, auth: secret.toString('base64url') }
}

function receive(id, request, body) {
  const { name, keys, secret } = browsers.get(id)
  const { ttl, urgency, topic } = request.headers
  const message = { name, id, ttl, urgency, topic, length: body.length }
  try {
    expect(request.method === 'POST', 'POST')
    expect(request.headers['content-encoding'] === 'aes128gcm', 'aes128gcm')
    expect(/^[0-9]+$/.test(ttl), 'TTL in seconds')
    expect(['very-low', 'low', 'normal', 'high'].includes(urgency), 'an urgency')
    expect(/^[A-Za-z0-9_-]{1,32}$/.test(topic), 'a topic of at most 32 letters of base64url')
    expect(body.length <= 4096, 'at most 4,096 bytes')
    Object.assign(message, vapid(request.headers.authorization))
    const options = { version: 'aes128gcm', privateKey: keys, authSecret: secret.toString('base64url') }
    message.shown = JSON.parse(ece.decrypt(body, options))
  } catch (error) {
    message.problem = error.message
  }
  return message
}

/** The claims of a token, signed by the key beside it. */
function vapid(authorization) {
  const [, token, key] = authorization.match(/^vapid t=([^,]+), ?k=([A-Za-z0-9_-]+)$/)
  const [head, claims, signature] = token.split('.')
  const point = Buffer.from(key, 'base64url')
  expect(point.length === 65 && point[0] === 4, 'an uncompressed point')
  const jwk = { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') }
  const signed = verify(
    'sha256',
    Buffer.from(`${head}.${claims}`),
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
  expect(signed, 'a signature by that key')
  const json = part => JSON.parse(Buffer.from(part, 'base64url'))
  expect(json(head).alg === 'ES256' && json(head).typ === 'JWT', 'ES256')
  const { aud, exp, sub } = json(claims)
  const left = exp - Date.now() / 1000
  expect(aud === origin, `for ${origin}`)
  expect(left > 0 && left <= 24 * 60 * 60, 'for a day at most')
  expect(/^(mailto:.+@.+|https:\/\/.+)$/.test(sub), 'somebody to write to')
  return { key, sub }
}

function answer({ name, id, problem }) {
  const calls = ++browsers.get(id).calls
  if (problem) return [400]
  if (name === 'gone') return [410]
  if (name === 'lost') return [404]
  if (name === 'large') return [413]
  if (name === 'refused') return [403]
  if (name === 'busy' && calls === 1) return [429, { 'retry-after': '1' }]
  if (name === 'broken' && calls <= 2) return [500]
  return [201, { location: `${origin}/message` }]
}

function expect(holds, what) {
  if (!holds) throw new Error(`not ${what}`)
}
