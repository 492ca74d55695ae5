/** Words of the leases page. */

export const leases = {} as const
