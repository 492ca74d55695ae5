/** The pages that are looked at, and the states that they can be in: add a line for a new one. */

import type { Page } from 'playwright-core'

/** What a person can bring about on a page. */
export interface PageState {
  /** Ends the name of its pictures. */
  readonly name: string
  /** Brings it about on the page as it was loaded, and waits until it is there. */
  readonly show: (page: Page) => Promise<void>
}

export interface PageUnderTest {
  readonly path: string
  /** Name of its pictures. */
  readonly name: string
  readonly states?: readonly PageState[]
}

/** What lies over any page. */
const overlays: readonly PageState[] = [
  {
    name: 'palette',
    show: async (page) => {
      await page.keyboard.press('Control+k')
      await page.getByRole('option').first().waitFor()
    },
  },
  {
    name: 'keys',
    show: async (page) => {
      await page.keyboard.press('?')
      await page.getByRole('dialog').waitFor()
    },
  },
  {
    name: 'connection',
    show: async (page) => {
      await page.getByTestId('sse-status').focus()
      await page.getByRole('tooltip').waitFor()
    },
  },
]

const leaseStates: readonly PageState[] = [
  {
    name: 'drawer',
    show: async (page) => {
      await page.getByTestId('lease-row').first().click()
      await page.getByTestId('lease-drawer').waitFor()
    },
  },
  {
    name: 'no-match',
    show: async (page) => {
      await page.getByTestId('lease-search-input').fill('no such device')
      await page.getByTestId('lease-table-no-match').waitFor()
    },
  },
  {
    name: 'paused',
    show: async (page) => {
      await page.getByTestId('pause').click()
      await page.getByTestId('paused').waitFor()
    },
  },
  {
    name: 'export',
    show: async (page) => {
      await page.getByRole('button', { name: 'Export' }).click()
      await page.getByRole('menuitem').first().waitFor()
    },
  },
]

const inspectorStates: readonly PageState[] = [
  {
    name: 'event',
    show: async (page) => {
      await page.getByTestId('event-row').first().click()
      await page.getByTestId('event-details').waitFor()
    },
  },
  {
    name: 'frames',
    show: async (page) => {
      await page.getByTestId('inspector-frames').click()
      await page.getByTestId('event-row').filter({ hasText: 'the stream itself' }).first().waitFor()
    },
  },
]

const listStates: readonly PageState[] = [
  {
    name: 'add',
    show: async (page) => {
      await page.getByTestId('list-add').click()
      await page.getByTestId('list-dialog').waitFor()
    },
  },
]

const clientStates: readonly PageState[] = [
  {
    name: 'group',
    show: async (page) => {
      await page.getByTestId('group-edit').first().click()
      await page.getByTestId('group-dialog').waitFor()
    },
  },
  {
    name: 'client',
    show: async (page) => {
      await page.getByTestId('client-add').click()
      await page.getByTestId('client-dialog').waitFor()
    },
  },
]

const cacheStates: readonly PageState[] = [
  {
    name: 'flush',
    show: async (page) => {
      await page.getByTestId('flush-within').click()
      await page.getByTestId('flush-dialog').waitFor()
    },
  },
]

const controlStates: readonly PageState[] = [
  {
    name: 'changes',
    show: async (page) => {
      await page.getByTestId('field-threads').fill('2')
      await page.getByTestId('changes-bar').waitFor()
    },
  },
  {
    name: 'review',
    show: async (page) => {
      await page.getByTestId('field-log.privacy').selectOption('no_names')
      await page.getByTestId('review').click()
      await page.getByTestId('review-dialog').waitFor()
    },
  },
]

export const pages: readonly PageUnderTest[] = [
  { path: '/overview', name: 'overview', states: overlays },
  { path: '/leases', name: 'leases', states: leaseStates },
  { path: '/pools', name: 'pools' },
  { path: '/dns', name: 'dns' },
  { path: '/dns/log', name: 'dns-log' },
  { path: '/dns/lists', name: 'dns-lists', states: listStates },
  { path: '/dns/lists?tab=rules', name: 'dns-rules' },
  { path: '/dns/lists?tab=names', name: 'dns-names' },
  { path: '/dns/clients', name: 'dns-clients', states: clientStates },
  { path: '/dns/cache', name: 'dns-cache', states: cacheStates },
  { path: '/dns/control', name: 'dns-control', states: controlStates },
  { path: '/hub/channels', name: 'channels' },
  { path: '/hub/channels?view=tree', name: 'channels-tree' },
  { path: '/hub/connections', name: 'connections' },
  { path: '/hub/inspector?from=tail20', name: 'inspector', states: inspectorStates },
  { path: '/figures', name: 'metrics' },
  { path: '/settings', name: 'settings' },
  { path: '/about', name: 'about' },
]
