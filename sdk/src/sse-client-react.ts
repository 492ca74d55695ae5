/** Entry `tidings/sse-client/react`: the hooks of the earlier systems. */
import { type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { asObject } from './asObject.js'
import type { Lease } from './events.js'
import { type ConnectionStatus, SSEClient, type SSEClientOptions } from './sse-client.js'

/** What `useSSEConnection` returns. */
export interface SSEConnection {
  readonly connectionStatus: ConnectionStatus
  readonly connect: () => void
  readonly disconnect: () => void
  readonly isConnected: boolean
  readonly isConnecting: boolean
  readonly hasError: boolean
}

const WAITING: ConnectionStatus = { state: 'connecting', reconnectAttempts: 0 }

/**
 * Holds a stream while the component is mounted.
 *
 * The newest callbacks are used; of the other options those of the first render, except `url`, which opens another
 * stream when it changes.
 */
export function useSSEConnection(options: SSEClientOptions = {}): SSEConnection {
  const newest = useRef(options)
  useEffect(() => {
    newest.current = options
  })
  const [client, setClient] = useState<SSEClient | null>(null)
  const status = useRef(WAITING)
  const url = String(options.url ?? '/api/sse/stream')
  useEffect(() => {
    const own = new SSEClient({
      ...newest.current,
      url,
      onEvent: (data, event) => newest.current.onEvent?.(data, event),
      onError: (error) => newest.current.onError?.(error),
      onGap: (gap) => newest.current.onGap?.(gap),
      onConnectionChange: (isConnected) => newest.current.onConnectionChange?.(isConnected),
    })
    own.connect()
    setClient(own)
    return () => {
      own.close()
      setClient(null)
      status.current = WAITING
    }
  }, [url])
  const follow = useCallback(
    (changed: () => void) => {
      if (!client) return () => {}
      status.current = client.getConnectionStatus()
      changed()
      return client.onStatusChange((now) => {
        status.current = now
        changed()
      })
    },
    [client],
  )
  const read = () => status.current
  const connectionStatus = useSyncExternalStore(follow, read, read)
  const { state } = connectionStatus
  return {
    connectionStatus,
    connect: useCallback(() => client?.connect(), [client]),
    disconnect: useCallback(() => client?.disconnect(), [client]),
    isConnected: state === 'connected',
    isConnecting: state === 'connecting',
    hasError: state === 'error',
  }
}

/** Settings of `useLeasesStreamQuery`. */
export interface LeasesStreamQueryOptions {
  /** `/api/v1/leases` */
  leasesUrl?: string
  /** `/api/v1/leases/stream` */
  streamUrl?: string
  /** `['leases']` */
  queryKey?: readonly unknown[]
  /** Further queries that lease changes make stale, such as statistics. */
  alsoInvalidate?: readonly (readonly unknown[])[]
}

/**
 * Loads the leases and keeps them fresh by the lease stream.
 *
 * They are loaded again when the stream says that there is a newer version, and after a gap.
 */
export function useLeasesStreamQuery(
  options: LeasesStreamQueryOptions = {},
): UseQueryResult<Lease[]> & Pick<SSEConnection, 'connectionStatus' | 'isConnected'> {
  const {
    leasesUrl = '/api/v1/leases',
    streamUrl = '/api/v1/leases/stream',
    queryKey = ['leases'],
    alsoInvalidate = [],
  } = options
  const queries = useQueryClient()
  const version = useRef<number | null>(null)
  const query = useQuery({
    queryKey,
    queryFn: async ({ signal }): Promise<Lease[]> => {
      const answer = await fetch(leasesUrl, { signal })
      if (!answer.ok) throw new Error(`loading the leases: the server answered ${answer.status}`)
      const told = answer.headers.get('x-tidings-version')
      version.current = told === null ? null : Number(told)
      return answer.json()
    },
  })
  const reload = (): void => {
    for (const key of [queryKey, ...alsoInvalidate]) queries.invalidateQueries({ queryKey: key })
  }
  const { connectionStatus, isConnected } = useSSEConnection({
    url: streamUrl,
    onGap: reload,
    onEvent(data) {
      const told = asObject(data)
      if (told?.event_type !== 'data_changed') return
      // The newest value comes at every start of a stream, and may be what is shown already.
      if (typeof told.version === 'number' && told.version === version.current) return
      reload()
    },
  })
  return { ...query, connectionStatus, isConnected }
}
