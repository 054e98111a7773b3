// One box for all boxes of its form, on the page of dead letters. Without it each is chosen by itself.
for (const label of document.querySelectorAll('.choose-all')) {
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
