// Keeps what stands on a plain page up to date:
//
//   <section data-live="/stats" data-seq="12">…</section>
//   <section data-live="/system/figures" data-every="2000">…</section>
//
// When the socket tells of something, the page at `data-live` is fetched once more, and the section
// becomes what it is there: node by node, so that the focus, what is unfolded and how far one has
// scrolled stay. `data-seq` is the last event that is in it; while that is older than what the
// socket has told of, it is fetched again. What no event tells of is fetched every so many
// milliseconds while the page is in sight, and #live-mark says how that goes. Several sections on a
// page are told apart by their ids.
(() => {
  const sections = () => [...document.querySelectorAll('[data-live]')]
  /** Those that follow the socket, and those that follow the clock. */
  const following = () => sections().filter(section => section.dataset.seq)
  const timed = () => sections().filter(section => section.dataset.every)
  const paths = some => [...new Set(some.map(section => section.dataset.live))]
  const isBehind = section => Number(section.dataset.seq) < told
  // ms: what happened in between comes along, and consumers need a moment to count it.
  const SOON = 60
  const AGAIN = [100, 200, 400, 800, 1600, 3200, 6400]
  const PATIENCE = 10_000

  /** The last event the socket has told of. */
  let told = Math.min(...following().map(section => Number(section.dataset.seq)))
  let fetching = false
  let stale = false
  let waits = 0
  let timer
  let lost = 0

  /** Asks for what is new, soon; one request at a time. */
  function refresh(wait = SOON) {
    stale = true
    if (fetching || document.hidden) return
    clearTimeout(timer)
    timer = setTimeout(load, wait)
  }

  async function load() {
    fetching = true
    stale = false
    try {
      await Promise.all(paths(following()).map(bring))
    } catch {
      stale = true
    }
    fetching = false
    if ((stale || following().some(isBehind)) && waits < AGAIN.length) refresh(AGAIN[waits++])
  }

  async function bring(path) {
    const answer = await fetch(path, { headers: { accept: 'text/html' }, signal: AbortSignal.timeout(PATIENCE) })
    // Somebody else is logged in here, or nobody.
    if (answer.redirected) return location.reload()
    if (!answer.ok) throw Object.assign(new Error(path), { status: answer.status })
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const fresh = [...page.querySelectorAll('[data-live]')]
    for (const section of sections().filter(section => section.dataset.live === path)) {
      const same = fresh.find(other => other.id === section.id && other.dataset.live === path)
      if (same) become(section, same)
    }
  }

  /** Makes `old` what `fresh` is, and keeps of it whatever is the same. */
  function become(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(document.importNode(fresh, true))
      return
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data
      return
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value)
    }
    for (const { name } of [...old.attributes]) {
      // What the reader has unfolded stays so.
      if (!fresh.hasAttribute(name) && name !== 'open') old.removeAttribute(name)
    }
    const children = [...old.childNodes]
    const wanted = [...fresh.childNodes]
    wanted.forEach((child, n) => {
      if (n < children.length) become(children[n], child)
      else old.append(document.importNode(child, true))
    })
    children.slice(wanted.length).forEach(child => child.remove())
  }

  function listen() {
    const url = new URL(`/live?after=${told}`, location)
    url.protocol = url.protocol.replace('http', 'ws')
    const socket = new WebSocket(url)
    socket.onmessage = ({ data }) => {
      lost = 0
      const { seq } = JSON.parse(data)
      if (seq <= told) return
      told = seq
      waits = 0
      refresh()
    }
    socket.onclose = ({ code }) => {
      // The session has ended: the page says so itself.
      if (code === 1008) return location.reload()
      // 0.5 to 30 s, at random, so that not everybody comes back at once.
      setTimeout(listen, 500 + Math.random() * Math.min(29_500, 1000 * 2 ** lost++))
    }
  }

  const mark = document.getElementById('live-mark')
  let looking = false
  let clock

  function say(kind, words) {
    if (!mark) return
    mark.className = `mark ${kind}`
    mark.querySelector('.words').textContent = words
  }

  /** Fetches what follows the clock. */
  async function look() {
    if (document.hidden || looking) return
    looking = true
    try {
      await Promise.all(paths(timed()).map(bring))
      say('is-live', 'Live')
    } catch ({ status }) {
      // To those who may not see it, it is not there.
      if (status === 404) clearInterval(clock)
      if (status === 404) say('is-ended', 'Logged out')
      else say('is-offline', 'Offline')
    }
    looking = false
  }

  document.addEventListener('stale', () => refresh())
  // Today may have become yesterday meanwhile.
  document.addEventListener('visibilitychange', () => following().length > 0 && refresh())
  if (following().length > 0) listen()
  if (timed().length > 0) {
    clock = setInterval(look, Math.min(...timed().map(section => Number(section.dataset.every))))
    document.addEventListener('visibilitychange', look)
    look()
  }
})()
