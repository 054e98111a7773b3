// Switches this browser on and off. Nothing is asked of it, and nothing registered, before that.
{
  const part = document.getElementById('push')
  const toggle = part.querySelector('input')
  const state = document.getElementById('push-state')
  // No page is in there, so that the worker has nothing to do with pages.
  const SCOPE = '/push/'
  const { key, id, endpoint } = part.dataset

  const say = words => (state.textContent = words)
  const found = async () => {
    const registration = await navigator.serviceWorker.getRegistration(SCOPE)
    return (await registration?.pushManager.getSubscription()) ?? null
  }

  /** Why it cannot be switched on here at all. */
  function hindrance() {
    if (!isSecureContext) return 'Browsers show messages only of sites that are reached by https.'
    if (!('serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window)) {
      return 'This browser shows no messages. On an iPhone or iPad, add the site to the home screen and open it there.'
    }
    if (Notification.permission === 'denied') {
      return 'This browser was told to show no messages of this site. Allow them beside its address, then load the page again.'
    }
  }

  async function switchOn() {
    if ((await Notification.requestPermission()) !== 'granted') {
      throw new Refusal(hindrance() ?? 'Without your permission this browser shows nothing. Switch it on again to be asked once more.')
    }
    const registration = await navigator.serviceWorker.register('/push-worker.js', { scope: SCOPE })
    try {
      await isActive(registration)
      const subscription = await subscribe(registration.pushManager)
      const { endpoint, keys } = subscription.toJSON()
      await send('subscribe', { endpoint, ...keys, server_key: key })
    } catch (error) {
      await registration.unregister()
      throw error
    }
  }

  /** One that was made for another key of ours is of no use. */
  async function subscribe(manager) {
    await (await manager.getSubscription())?.unsubscribe()
    try {
      return await manager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
    } catch (error) {
      throw new Refusal(`This browser does not reach its push service, so nothing could be sent to it. Try again later. (${error.message})`)
    }
  }

  async function switchOff() {
    await (await found())?.unsubscribe()
    if (id) await send('remove', { id })
    await (await navigator.serviceWorker.getRegistration(SCOPE))?.unregister()
  }

  async function send(what, values) {
    const answer = await fetch(`/api/notifications/push/${what}`, { method: 'POST', body: new URLSearchParams(values) })
    // It was removed elsewhere: so much the better.
    if (answer.ok || (what === 'remove' && answer.status === 404)) return
    throw new Refusal((await answer.json()).detail)
  }

  function isActive({ active, waiting, installing }) {
    const worker = installing ?? waiting
    if (active || !worker) return
    return new Promise((done, failed) => {
      worker.addEventListener('statechange', () => {
        if (worker.state === 'activated') done()
        if (worker.state === 'redundant') failed(new Refusal('This browser could not set the messages up. Try again.'))
      })
    })
  }

  class Refusal extends Error {}

  toggle.addEventListener('change', async () => {
    const wanted = toggle.checked
    toggle.disabled = true
    say(wanted ? 'Switching on …' : 'Switching off …')
    try {
      await (wanted ? switchOn() : switchOff())
      location.reload()
    } catch (error) {
      toggle.checked = !wanted
      toggle.disabled = false
      say(error instanceof Refusal ? error.message : 'The server cannot be reached. Try again.')
    }
  })

  async function show() {
    part.hidden = false
    const hindered = hindrance()
    if (hindered) {
      toggle.disabled = true
      return say(hindered)
    }
    const here = endpoint ? await found() : null
    toggle.checked = here?.endpoint === endpoint && here !== null && Notification.permission === 'granted'
  }
  show()
}
