/** Waits for what a test expects. */

/** Resolves once `probe` returns something; a hung test is ended by the limit of the runner. */
export async function until<Found>(
  probe: () => Found | Promise<Found>,
): Promise<NonNullable<Found>> {
  for (;;) {
    const found = await probe()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
