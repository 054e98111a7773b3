// A Jaeger and a Zipkin of one's own.
import { execFile, execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import './services.mjs' // ends the process at a signal, with what it has started

const script = fileURLToPath(new URL('../../scripts/observers', import.meta.url))
const run = promisify(execFile)

export class Observers {
  /** In a folder that goes away afterwards. `otlp`, `jaeger` and `zipkin` are their addresses. */
  static async start() {
    const observers = new Observers()
    observers.folder = await mkdtemp(join(tmpdir(), 'todo-observers-'))
    running.add(observers)
    const { stdout } = await run(script, ['start', observers.folder])
    for (const line of stdout.trim().split('\n')) {
      const [name, address] = line.split('=')
      observers[name] = address
    }
    return observers
  }

  stop() {
    if (!running.delete(this)) return
    execFileSync(script, ['stop', this.folder], { stdio: 'ignore' })
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const running = new Set()
process.on('exit', () => running.forEach(observers => observers.stop()))
