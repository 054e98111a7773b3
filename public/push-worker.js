// Shows messages while no page is open. It runs for them only: no page is its own, and what pages ask
// for does not pass through it. `public/push.js` registers it when a person switches a browser on.
const home = new URL('/', self.location)

self.addEventListener('push', event => {
  const message = read(event.data)
  const shown = self.registration.showNotification(message.title ?? 'Todo Evolution', {
    body: message.body,
    tag: message.tag,
    // A later message about the same task is news too.
    renotify: Boolean(message.tag),
    data: { url: message.url },
  })
  event.waitUntil(shown)
})

/** Browsers insist that something is shown, whatever has come. */
function read(data) {
  try {
    return data?.json() ?? {}
  } catch {
    return {}
  }
}

self.addEventListener('notificationclick', event => {
  event.notification.close()
  event.waitUntil(open(event.notification.data?.url))
})

/** Brings the page to the front if it is open, else opens it: a page of this site, whatever it says. */
async function open(path) {
  const url = new URL(path ?? '/', home)
  const target = url.origin === home.origin ? url : home
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const there = windows.find(window => window.url === target.href)
  return there ? there.focus() : self.clients.openWindow(target)
}

// The push service has moved the subscription: the server has to know where to.
self.addEventListener('pushsubscriptionchange', event => event.waitUntil(renew(event)))

async function renew({ oldSubscription, newSubscription }) {
  const options = (newSubscription ?? oldSubscription)?.options
  const subscription = newSubscription ?? (options && (await self.registration.pushManager.subscribe(options)))
  if (!subscription) return
  const { endpoint, keys } = subscription.toJSON()
  const key = btoa(String.fromCharCode(...new Uint8Array(options.applicationServerKey)))
  const server_key = key.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  await fetch('/api/notifications/push/subscribe', {
    method: 'POST',
    body: new URLSearchParams({ endpoint, ...keys, server_key }),
  })
}
