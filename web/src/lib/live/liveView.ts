/** One table's view of live data: order and filter, what waits while rows are held, and pause. */

import type { LiveCollection, RowChange } from './collection.ts'
import { createFlashes, type Flash } from './flashes.ts'
import { createHolds, type HoldReason } from './holds.ts'
import { createRepaint } from './repaint.ts'
import { createSortedIndex, type Entry, type SortDirection, type SortKey } from './sortedIndex.ts'

/** How long a removed row stays with its mark. */
const GHOST_MS = 900
/** The same for readers who asked for no motion: as long as the static mark. */
const GHOST_STILL_MS = 3000
/** Changes counted exactly while paused; beyond it says "5000+". */
export const PAUSED_CHANGES_MAX = 5000

/** How rows are ordered and which are shown. */
export interface Arrangement<Row> {
  readonly key: (row: Row) => SortKey
  readonly direction: SortDirection
  /** Null shows all rows. */
  readonly filter: ((row: Row) => boolean) | null
}

/** A row as it is to be drawn. */
export interface ShownRow<Row> {
  readonly id: string
  readonly row: Row
  readonly flash: Flash | null
  /** Whether the row is gone and stays only until it may leave. */
  readonly isGhost: boolean
}

/** What a table shows now; another object after every change. */
export interface LiveViewState {
  /** Rows drawn, ghosts included. */
  readonly nShown: number
  /** Rows that match the filter. */
  readonly nMatching: number
  readonly nTotal: number
  /** Rows that wait to be shown because the table is held. */
  readonly nNew: number
  /** Rows that wait to move or to leave. */
  readonly nMoved: number
  readonly isHeld: boolean
  readonly pausedAtMs: number | null
  /** Changes since the pause, at most `PAUSED_CHANGES_MAX`. */
  readonly nPausedChanges: number
  /** Whether so much flashes that only the gutter is marked. */
  readonly isBusy: boolean
  /** Whether changes come faster than they are drawn one by one. */
  readonly isSampling: boolean
}

export interface LiveView<Row> {
  readonly state: () => LiveViewState
  readonly subscribe: (listener: () => void) => () => void
  rowAt(index: number): ShownRow<Row> | null
  idAt(index: number): string | null
  /** Returns where a row is drawn, -1 when it is not. */
  indexOf(id: string): number
  /** Returns a row by id as it is shown, whether the filter lets it through or not. */
  row(id: string): Row | null
  /** Rows that match, in order: for export. */
  matching(): readonly Row[]
  arrange(arrangement: Arrangement<Row>): void
  hold(reason: HoldReason, isOn: boolean): void
  /** Lets everything that waits take its place at once. */
  applyWaiting(): void
  pause(): void
  resume(): void
  /** Follows the data; until then, and after `close`, the view stands still. */
  open(): void
  close(): void
}

/** Where the view takes time and the reader's wish for stillness from. */
export interface LiveViewEnvironment {
  readonly now: () => number
  readonly prefersStillness: () => boolean
}

const browser: LiveViewEnvironment = {
  now: () => Date.now(),
  prefersStillness: () => matchMedia('(prefers-reduced-motion: reduce)').matches,
}

interface Ghost<Row> {
  readonly row: Row
  readonly leavesAtMs: number
}

/** Frozen content of a paused table. */
interface Pause<Row> {
  readonly atMs: number
  readonly rows: Map<string, Row>
  nMatching: number
  nChanges: number
}

export function createLiveView<Row>(
  collection: LiveCollection<Row>,
  initial: Arrangement<Row>,
  environment: LiveViewEnvironment = browser,
): LiveView<Row> {
  const { now } = environment
  const index = createSortedIndex()
  const flashes = createFlashes()
  const ghosts = new Map<string, Ghost<Row>>()
  const listeners = new Set<() => void>()
  const added = new Set<string>()
  const moved = new Set<string>()
  let arrangement = initial
  /** Order drawn while held or paused; null draws the index itself. */
  let frozen: Entry[] | null = null
  let frozenPlaces: Map<string, number> | null = null
  let pause: Pause<Row> | null = null
  let ghostTimer: ReturnType<typeof setTimeout> | undefined

  const repaint = createRepaint(paint, now)
  let current = read()
  const holds = createHolds(freeze, thaw)
  let stop: (() => void) | null = null
  refill()

  function read(): LiveViewState {
    const atMs = now()
    return {
      nShown: (frozen ?? index.entries).length,
      nMatching: pause ? pause.nMatching : index.entries.length - ghosts.size,
      nTotal: collection.rows.size,
      nNew: added.size,
      nMoved: moved.size,
      isHeld: frozen !== null && pause === null,
      pausedAtMs: pause?.atMs ?? null,
      nPausedChanges: pause?.nChanges ?? 0,
      isBusy: flashes.isBusy(atMs),
      isSampling: repaint.isSampling(),
    }
  }

  function paint(): void {
    flashes.prune(now())
    current = read()
    for (const listener of listeners) listener()
  }

  function freeze(): void {
    if (frozen) return
    frozen = index.entries.slice()
    frozenPlaces = null
    // What is held is what is drawn: nothing may move between the pointer's coming and its press.
    repaint.flush()
  }

  function thaw(): void {
    if (pause) return
    frozen = null
    frozenPlaces = null
    settleWaiting()
    dropGhosts(now())
    repaint.flush()
  }

  /** Ends the wait of every row; those that appear only now get their mark now. */
  function settleWaiting(): void {
    for (const id of added) flashes.mark(id, 'added', now())
    added.clear()
    moved.clear()
  }

  function take(changes: readonly RowChange<Row>[]): void {
    // What only makes room, or fills in the past, is no news.
    const nNews = changes.reduce((n, change) => n + (isQuiet(change) ? 0 : 1), 0)
    if (pause) {
      // The index is made anew on resume, so nothing needs to be kept but the count.
      for (const change of changes) appendOlder(change)
      pause.nChanges = Math.min(PAUSED_CHANGES_MAX + 1, pause.nChanges + nNews)
      repaint.request(nNews)
      return
    }
    for (const change of changes) {
      if (appendOlder(change)) continue
      if (change.row === null) leave(change)
      else settle(change.id, change.row)
      if (change.flash && (frozen === null || !added.has(change.id))) {
        flashes.mark(change.id, change.flash, now())
      }
    }
    repaint.request(nNews)
  }

  function isQuiet({ row, previous, flash }: RowChange<Row>): boolean {
    return flash === null && (row === null || previous === null)
  }

  /** Puts a row of the past behind the last one that is held: nothing on screen moves for it. */
  function appendOlder({ id, row, previous, flash }: RowChange<Row>): boolean {
    if (frozen === null || row === null || previous !== null || flash !== null) return false
    if (arrangement.filter && !arrangement.filter(row)) return false
    const entry = { id, key: arrangement.key(row) }
    const last = frozen.at(-1)
    if (last && !isBehind(entry, last)) return false
    if (!pause) index.put(id, entry.key)
    else if (pause.rows.has(id)) return false
    frozenPlaces?.set(id, frozen.length)
    frozen.push(entry)
    if (pause) {
      pause.rows.set(id, row)
      pause.nMatching += 1
    }
    return true
  }

  function isBehind(entry: Entry, last: Entry): boolean {
    if (entry.key === null || last.key === null) return false
    return arrangement.direction === 'desc' ? entry.key < last.key : entry.key > last.key
  }

  /** Gives a row that exists its place in the order, or none if the filter refuses it. */
  function settle(id: string, row: Row): void {
    const wasShown = index.has(id)
    const wasGhost = ghosts.delete(id)
    if (arrangement.filter && !arrangement.filter(row)) {
      if (!wasShown) return
      index.take(id)
      if (frozen && !added.delete(id)) moved.add(id)
      return
    }
    const isMoved = index.put(id, arrangement.key(row))
    if (!frozen) return
    if (!wasShown && placeInFrozen(id) < 0) added.add(id)
    else if ((isMoved || wasGhost) && !added.has(id)) moved.add(id)
  }

  /** Lets a row go that exists no more: as a ghost first if it was drawn and is to be seen going. */
  function leave(change: RowChange<Row>): void {
    const { id, previous, flash } = change
    if (!index.has(id) || previous === null) return
    if (frozen && added.delete(id)) {
      index.take(id)
      return
    }
    if (flash === null && !frozen) {
      index.take(id)
      return
    }
    const stayMs = environment.prefersStillness() ? GHOST_STILL_MS : GHOST_MS
    ghosts.set(id, { row: previous, leavesAtMs: flash === null ? 0 : now() + stayMs })
    if (frozen) moved.add(id)
    scheduleGhosts()
  }

  function scheduleGhosts(): void {
    if (ghostTimer !== undefined || frozen) return
    const first = ghosts.values().next()
    if (first.done) return
    ghostTimer = setTimeout(
      () => {
        ghostTimer = undefined
        if (frozen) return
        dropGhosts(now())
        repaint.request(0)
      },
      Math.max(16, first.value.leavesAtMs - now()),
    )
  }

  function dropGhosts(nowMs: number): void {
    for (const [id, ghost] of ghosts) {
      if (ghost.leavesAtMs > nowMs) continue
      ghosts.delete(id)
      index.take(id)
    }
    scheduleGhosts()
  }

  /** Sorts and filters everything anew: only when a person chose so, or at the start. */
  function refill(): void {
    const entries: Entry[] = []
    const { filter, key } = arrangement
    const rows = pause?.rows ?? collection.rows
    ghosts.clear()
    for (const [id, row] of rows) {
      if (filter === null || filter(row)) entries.push({ id, key: key(row) })
    }
    index.fill(entries, arrangement.direction)
    added.clear()
    moved.clear()
    frozenPlaces = null
    if (frozen) frozen = index.entries.slice()
    if (pause) pause = { ...pause, nMatching: entries.length }
    repaint.flush()
  }

  function placeInFrozen(id: string): number {
    if (!frozen) return -1
    frozenPlaces ??= new Map(frozen.map((entry, place) => [entry.id, place]))
    return frozenPlaces.get(id) ?? -1
  }

  function rowOf(id: string): Row | null {
    if (pause) return pause.rows.get(id) ?? null
    return collection.rows.get(id) ?? ghosts.get(id)?.row ?? null
  }

  return {
    state: () => current,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    rowAt(place) {
      const id = (frozen ?? index.entries)[place]?.id
      if (id === undefined) return null
      const row = rowOf(id)
      if (row === null) return null
      const flash = pause ? null : flashes.of(id, now())
      return { id, row, flash, isGhost: ghosts.has(id) }
    },
    idAt: (place) => (frozen ?? index.entries)[place]?.id ?? null,
    indexOf: (id) => (frozen ? placeInFrozen(id) : index.indexOf(id)),
    row: rowOf,
    matching() {
      const rows: Row[] = []
      for (const { id } of (pause && frozen) ?? index.entries) {
        const row = ghosts.has(id) ? null : rowOf(id)
        if (row !== null) rows.push(row)
      }
      return rows
    },
    arrange(next) {
      arrangement = next
      refill()
    },
    hold: (reason, isOn) => holds.set(reason, isOn),
    applyWaiting() {
      if (pause) return
      settleWaiting()
      dropGhosts(Number.POSITIVE_INFINITY)
      if (frozen) {
        frozen = index.entries.slice()
        frozenPlaces = null
      }
      repaint.flush()
    },
    pause() {
      if (pause) return
      dropGhosts(Number.POSITIVE_INFINITY)
      added.clear()
      moved.clear()
      frozen = index.entries.slice()
      frozenPlaces = null
      pause = {
        atMs: now(),
        rows: new Map(collection.rows),
        nMatching: frozen.length,
        nChanges: 0,
      }
      flashes.clear()
      repaint.flush()
    },
    resume() {
      if (!pause) return
      pause = null
      // Rows that came or went meanwhile are placed by their present content.
      refill()
      if (!holds.isHeld) thaw()
    },
    open() {
      stop ??= collection.onChanges(take)
      refill()
    },
    close() {
      stop?.()
      stop = null
      holds.close()
      repaint.close()
      clearTimeout(ghostTimer)
    },
  }
}
