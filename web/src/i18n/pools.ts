/** Words of the pools page. */

export const pools = {} as const
