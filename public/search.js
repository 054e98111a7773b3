// Results while one types: asks for the page the form would lead to, and takes them out of it.
// Without this file the form does the same by itself.
const form = document.querySelector('form[role=search]')
const input = form.elements.q
const count = document.getElementById('count')
const found = document.getElementById('found')
// What the page was made for; what was typed before this file came is searched for below.
let asked = input.defaultValue
let waiting
let under = new AbortController()

async function search() {
  clearTimeout(waiting)
  if (input.value === asked) return
  asked = input.value
  under.abort()
  under = new AbortController()
  const url = asked.trim() ? `/search?${new URLSearchParams({ q: asked })}` : '/search'
  try {
    const answer = await fetch(url, { signal: under.signal })
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const results = page.getElementById('found')
    // Another page than was asked for, such as the one to log in.
    if (!results) return location.assign(url)
    found.replaceChildren(...results.childNodes)
    count.textContent = page.getElementById('count').textContent
    const typed = page.getElementById('q')
    for (const name of ['aria-invalid', 'aria-describedby']) {
      if (typed.hasAttribute(name)) input.setAttribute(name, typed.getAttribute(name))
      else input.removeAttribute(name)
    }
    document.title = page.title
    history.replaceState(null, '', url)
  } catch (error) {
    if (error.name === 'AbortError') return
    asked = null
    count.textContent = 'The server cannot be reached. Press Enter to try again.'
  }
}

input.addEventListener('input', () => {
  clearTimeout(waiting)
  waiting = setTimeout(search, 60)
})
form.addEventListener('submit', event => {
  event.preventDefault()
  search()
})
document.addEventListener('keydown', event => {
  const typing = event.target.closest('input, textarea, select')
  if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
  event.preventDefault()
  input.select()
})
// The caret where one goes on typing.
if (input.value === asked) input.setSelectionRange(asked.length, asked.length)
search()
