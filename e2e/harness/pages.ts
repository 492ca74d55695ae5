/** The pages that are looked at: add a line for a new one. */

export interface PageUnderTest {
  readonly path: string
  /** Name of its pictures. */
  readonly name: string
}

export const pages: readonly PageUnderTest[] = [
  { path: '/about', name: 'about' },
]
