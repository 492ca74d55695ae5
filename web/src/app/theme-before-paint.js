/** Sets the theme on the document before the first paint; see `lib/theme.ts` for the choices. */
;(() => {
  let choice = 'system'
  try {
    choice = localStorage.getItem('tidings-theme') || 'system'
  } catch {
    // Storage may be forbidden; the system's theme is then the only choice.
  }
  const isDark =
    choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light'
})()
