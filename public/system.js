// Keeps the figures of the System page moving: asks for them every two seconds while the page is in
// sight, and changes only what is different, so that the focus, the scroll position and the tables
// that are open stay as they are. Without it the page is complete, as it was when it was asked for.
const EVERY = 2000
const PATIENCE = 10000

const section = document.querySelector('[data-live]')
const mark = document.getElementById('figures-mark')
let asking = false
let timer

function say(kind, words) {
  mark.className = `mark ${kind}`
  mark.querySelector('.words').textContent = words
}

async function look() {
  if (document.hidden || asking) return
  asking = true
  try {
    const answer = await fetch(section.dataset.live, {
      headers: { accept: 'text/html' },
      signal: AbortSignal.timeout(PATIENCE),
    })
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      become(section, page.querySelector('[data-live]'))
      say('is-live', 'Live')
    } else if (answer.status === 404) {
      // To those who may not see it, it is not there.
      clearInterval(timer)
      say('is-ended', 'Logged out')
    } else {
      say('is-offline', 'Offline')
    }
  } catch {
    say('is-offline', 'Offline')
  } finally {
    asking = false
  }
}

/** Makes `old` what `next` is, keeping every node that can stay. */
function become(old, next) {
  if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName) return old.replaceWith(next)
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data
    return
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value)
  }
  for (const { name } of [...old.attributes]) {
    // What the person has opened stays open.
    if (name !== 'open' && !next.hasAttribute(name)) old.removeAttribute(name)
  }
  const [stays, comes] = [[...old.childNodes], [...next.childNodes]]
  comes.forEach((child, at) => (at < stays.length ? become(stays[at], child) : old.append(child)))
  stays.slice(comes.length).forEach(child => child.remove())
}

/** One box for all boxes of its form. */
function chooseAll(label) {
  const box = label.querySelector('input')
  const boxes = [...label.closest('form').querySelectorAll('input[name="ids[]"]')]
  const count = () => {
    const chosen = boxes.filter(box => box.checked).length
    box.checked = chosen === boxes.length
    box.indeterminate = chosen > 0 && chosen < boxes.length
  }
  box.addEventListener('change', () => boxes.forEach(other => (other.checked = box.checked)))
  boxes.forEach(other => other.addEventListener('change', count))
  label.hidden = false
  count()
}

document.querySelectorAll('.choose-all').forEach(chooseAll)
if (section && mark) {
  timer = setInterval(look, EVERY)
  document.addEventListener('visibilitychange', look)
  look()
}
