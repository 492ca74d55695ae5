/** Waits for what a test expects. */

/** Resolves once `probe` returns something; a hung test is ended by the limit of the runner. */
export async function until<Found>(
  probe: () => Found | Promise<Found>,
): Promise<Exclude<Found, false | null | undefined>> {
  for (;;) {
    const found = await probe()
    // What is true is none of these.
    if (found) return found as Exclude<Found, false | null | undefined>
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
