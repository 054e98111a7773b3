// The network between a browser and a server: it can be cut, and it can go dead without a word.
import { once } from 'node:events'
import { createServer, connect } from 'node:net'

export class Cable {
  #state = 'whole'
  #sockets = new Set()

  /** @param {number} port where the server listens */
  constructor(port) {
    this.server = createServer(near => this.#join(near, port))
  }

  static async to(port) {
    const cable = new Cable(port)
    await once(cable.server.listen(0, '127.0.0.1'), 'listening')
    return cable
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`
  }

  /** Every connection breaks, and none can be made. */
  cut() {
    this.#state = 'cut'
    this.#sockets.forEach(socket => socket.destroy())
  }

  /** Connections stay, but nothing comes through; as when a laptop leaves the house. */
  freeze() {
    this.#state = 'frozen'
    this.#sockets.forEach(socket => socket.unpipe())
  }

  /** New connections work; those that were frozen stay dead. */
  mend() {
    this.#state = 'whole'
  }

  remove() {
    this.cut()
    this.server.close()
  }

  #join(near, port) {
    if (this.#state === 'cut') return near.destroy()
    const far = connect(port, '127.0.0.1')
    for (const [socket, other] of [[near, far], [far, near]]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
      if (this.#state === 'whole') socket.pipe(other)
    }
  }
}
