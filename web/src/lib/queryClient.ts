/** Settings of request and response data; live data comes from the stream instead. */

import { QueryClient } from '@tanstack/react-query'
import { ApiError } from './api.ts'

const TRIES_MAX = 2

export const queryClient: QueryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      // A refusal stays one however often it is asked for; a lost answer may come.
      retry: (nFailed, error) =>
        nFailed < TRIES_MAX && !(error instanceof ApiError && isRefusal(error.status)),
    },
  },
})

function isRefusal(status: number | null): boolean {
  return status !== null && status >= 400 && status < 500
}
