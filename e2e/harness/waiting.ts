/** Waits for what a scenario is about, and says what was there instead. */

/** Longest that anything may take on a loaded machine. */
export const PATIENCE_MS = 20_000
/** Time between two looks at what tells nobody when it changes. */
const LOOK_MS = 25

/**
 * Looks until `look` returns something other than null or false, and returns it.
 *
 * For what has no event: files, processes, counters of the server.
 */
export async function until<Found>(
  what: string,
  look: () => Promise<Found | null | false> | Found | null | false,
  patienceMs: number = PATIENCE_MS,
): Promise<Found> {
  const end = Date.now() + patienceMs
  let last: unknown
  for (;;) {
    const found = await Promise.resolve()
      .then(look)
      .catch((error: unknown) => {
        last = error
        return null
      })
    if (found !== null && found !== false) return found
    if (Date.now() > end) {
      const cause = last === undefined ? {} : { cause: last }
      throw new Error(`not within ${patienceMs} ms: ${what}`, cause)
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}
