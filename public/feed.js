// Tells the server when the feed is before somebody's eyes, so that "While you were away" tells of
// nothing that a window of theirs has shown: when the page comes with it, every few minutes, and when
// the window is left. Who comes back to a window that stood open hears of it too. Without this file
// it stays until it is dismissed, by its form.
{
  // ms: less than what counts as being away (AWAY in app/src/activity/queries.rs), and that.
  const EVERY = 4 * 60_000
  const AWAY = 5 * 60_000

  const told = () => document.querySelector('.away')
  /** Also from a window that is closed: the request outlives it. */
  function say(seq) {
    const body = new URLSearchParams(seq ? { seq } : {})
    fetch('/api/activity/seen', { method: 'POST', body, keepalive: true }).catch(() => {})
  }
  let left = document.hidden ? 0 : null

  /** It stands there, in sight. */
  function read() {
    if (told()) say(told().dataset.seq)
  }

  /** Asks what happened meanwhile. */
  async function back() {
    const answer = await fetch('/feed', { headers: { accept: 'text/html' } })
    if (!answer.ok || answer.redirected) return
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('.away')
    if (!fresh) return
    told()?.remove()
    document.querySelector('.feed-tools').prepend(document.importNode(fresh, true))
    read()
  }

  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      left = Date.now()
      return say()
    }
    if (left && Date.now() - left >= AWAY) back().catch(() => {})
    else read()
    left = null
  })
  document.addEventListener('submit', event => {
    const section = event.target.closest('.away')
    if (!section) return
    event.preventDefault()
    say(section.dataset.seq)
    section.remove()
    document.querySelector('.filter summary').focus()
  })
  setInterval(() => document.hidden || say(), EVERY)
  if (!document.hidden) read()
}
