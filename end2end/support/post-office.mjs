// A real SMTP server (aiosmtpd), and what it took.
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './server.mjs'

const script = fileURLToPath(new URL('../../server/tests/it/notifications/smtpd.py', import.meta.url))
const cache = process.env.TODO_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'todo-evolution')

export class PostOffice {
  #child
  #folder

  static async start() {
    const office = new PostOffice()
    const port = await freePort()
    office.address = `smtp://127.0.0.1:${port}`
    office.#folder = await mkdtemp(join(tmpdir(), 'todo-mail-'))
    const arguments_ = [script, `${port}`, join(office.#folder, 'mail')]
    office.#child = spawn(join(cache, 'python/bin/python3'), arguments_, { stdio: ['ignore', 'ignore', 'inherit'] })
    for (let tries = 0; !(await answers(port)); tries++) {
      if (tries > 200) throw new Error('aiosmtpd does not answer. `scripts/setup test` installs it.')
      await sleep(50)
    }
    return office
  }

  /** Every letter it took for a reader, as it came. */
  letters(reader) {
    const folder = join(this.#folder, 'mail/new')
    const letters = readdirSync(folder).map(name => readFileSync(join(folder, name), 'utf8'))
    return letters.filter(letter => letter.includes(`To: ${reader}`) || letter.includes(`<${reader}>`))
  }

  async stop() {
    this.#child.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

function answers(port) {
  return new Promise(found => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      found(true)
    })
    socket.on('error', () => found(false))
  })
}
