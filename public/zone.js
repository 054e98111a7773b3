// Tells the server the browser's time zone, once, for a person who has not said where they live.
{
  const form = document.querySelector('form[data-zone]')
  form.zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone
  const select = document.querySelector('select[name=zone]')
  fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) }).then(answer => {
    if (!answer.ok) return
    document.dispatchEvent(new Event('stale'))
    if (select) select.value = form.zone.value
  }).catch(() => {}) // The next page asks again.
}
