/** Words of the overview page. */

export const overview = {} as const
